// The extension: the adapter is `lager dap`, started by the editor; commands and notifications are about the benches.
"use strict";

const os = require("node:os");
const vscode = require("vscode");
const { Bench, attachTo, extend, isNews, resolved, resume, row } = require("./bench");

let benches = [];

function setting(name) {
  return vscode.workspace.getConfiguration("lager").get(name);
}

function folder() {
  const open = vscode.workspace.workspaceFolders;
  return open && open.length ? open[0].uri.fsPath : undefined;
}

function attach(pause, box) {
  return vscode.debug.startDebugging(undefined, attachTo(pause, box, folder()));
}

async function told(event, pause, box) {
  if (!setting("notify") || !isNews(event, pause, os.userInfo().username)) {
    return;
  }
  const where = box ? ` on ${box}` : "";
  const text = `${pause.script} is paused${where}: ${pause.label || `${pause.file}:${pause.line}`}`;
  const buttons = pause.interactive ? ["Attach", "Continue"] : ["Continue"];
  const chosen = await vscode.window.showInformationMessage(text, ...buttons);
  if (chosen === "Attach") {
    await attach(pause, box);
  } else if (chosen === "Continue") {
    await act(() => resume(setting("path"), pause, box));
  }
}

async function act(work) {
  try {
    await work();
  } catch (error) {
    vscode.window.showErrorMessage(error.message);
  }
}

async function choose(fits, title) {
  const rows = benches.flatMap((bench) => [...bench.pauses.values()].filter(fits).map((one) => row(one, bench.box)));
  if (!rows.length) {
    vscode.window.showInformationMessage("No script is paused.");
    return undefined;
  }
  return vscode.window.showQuickPick(rows, { title, matchOnDescription: true, matchOnDetail: true });
}

function watch() {
  benches.forEach((bench) => bench.close());
  benches = ["", ...setting("boxes")].map((box) => new Bench(setting("path"), box, (event, pause) => told(event, pause, box)));
}

function activate(context) {
  const register = (name, work) => context.subscriptions.push(vscode.commands.registerCommand(name, work));
  register("lager.attach", async () => {
    const chosen = await choose((pause) => pause.interactive, "Attach to which paused script?");
    if (chosen) {
      await attach(chosen.pause, chosen.box);
    }
  });
  register("lager.continue", async () => {
    const chosen = await choose(() => true, "Continue which script?");
    if (chosen) {
      await act(() => resume(setting("path"), chosen.pause, chosen.box));
    }
  });
  register("lager.extend", async () => {
    const chosen = await choose(() => true, "Give which script more time?");
    const time = chosen && (await vscode.window.showInputBox({ title: "How much time? 0 removes the limit.", value: "10m" }));
    if (time) {
      await act(() => extend(setting("path"), chosen.pause, chosen.box, time));
    }
  });
  const factory = {
    createDebugAdapterDescriptor: () => new vscode.DebugAdapterExecutable(setting("path"), ["dap"]),
  };
  context.subscriptions.push(vscode.debug.registerDebugAdapterDescriptorFactory("lager", factory));
  const provider = { resolveDebugConfiguration: (_, configuration) => resolved(configuration) };
  context.subscriptions.push(vscode.debug.registerDebugConfigurationProvider("lager", provider));
  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("lager")) {
        watch();
      }
    }),
  );
  watch();
}

function deactivate() {
  benches.forEach((bench) => bench.close());
}

module.exports = { activate, deactivate };
