// Drives `lager dap` with VS Code's own test client for debug adapters, which checks the form of each message.
"use strict";

const assert = require("node:assert");
const path = require("node:path");
const { DebugClient } = require("@vscode/debugadapter-testsupport");

async function main(folder) {
  const client = new DebugClient(process.env.LAGER, "dap", "lager");
  await client.start();
  const program = path.join(folder, "twice.py");
  await Promise.all([
    client.configurationSequence(),
    client.launch({ program, cwd: folder }),
    client.waitForEvent("stopped", 30000),
  ]);
  const threads = await client.threadsRequest();
  assert.deepStrictEqual(threads.body.threads, [{ id: 1, name: "MainThread" }]);
  const stack = await client.stackTraceRequest({ threadId: 1 });
  assert.strictEqual(stack.body.stackFrames[0].line, 3);
  assert.strictEqual(stack.body.stackFrames[0].source.path, program);
  const scopes = await client.scopesRequest({ frameId: stack.body.stackFrames[0].id });
  const rows = await client.variablesRequest({ variablesReference: scopes.body.scopes[0].variablesReference });
  assert.ok(rows.body.variables.some((one) => one.name === "lager"));
  const value = await client.evaluateRequest({ expression: "6 * 7", context: "repl" });
  assert.strictEqual(value.body.result, "42");
  const again = client.waitForEvent("stopped", 30000);
  await client.continueRequest({ threadId: 1 });
  await again;
  const ended = client.waitForEvent("terminated", 30000);
  await client.continueRequest({ threadId: 1 });
  await ended;
  await client.stop();
  console.log("launched, stopped twice, ended");
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
