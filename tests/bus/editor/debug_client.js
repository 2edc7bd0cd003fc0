// Drives `lager dap` with VS Code's own test client for debug adapters, which checks the form of each message.
"use strict";

const assert = require("node:assert");
const path = require("node:path");
const { DebugClient } = require("@vscode/debugadapter-testsupport");

const WAIT = 30000;

/** Run one session with a client of its own; `say` is printed when it has ended well. */
async function session(say, work) {
  const client = new DebugClient(process.env.LAGER, "dap", "lager");
  client.defaultTimeout = WAIT;
  await client.start();
  await work(client);
  await client.stop();
  console.log(say);
}

async function top(client) {
  const stack = await client.stackTraceRequest({ threadId: 1 });
  return stack.body.stackFrames[0];
}

async function value(client, expression) {
  return (await client.evaluateRequest({ expression, context: "repl" })).body.result;
}

/** Resume with a request, and return the next stop. */
async function next(client, request) {
  const [stopped] = await Promise.all([client.waitForEvent("stopped", WAIT), client[request]({ threadId: 1 })]);
  return stopped.body;
}

async function ends(client) {
  const all = [client.waitForEvent("exited", WAIT), client.waitForEvent("terminated", WAIT)];
  const [exited] = await Promise.all([...all, client.continueRequest({ threadId: 1 })]);
  return exited.body.exitCode;
}

async function launched(client, folder) {
  const program = path.join(folder, "twice.py");
  await Promise.all([
    client.configurationSequence(),
    client.launch({ program, cwd: folder }),
    client.waitForEvent("stopped", WAIT),
  ]);
  const threads = await client.threadsRequest();
  assert.deepStrictEqual(threads.body.threads, [{ id: 1, name: "MainThread" }]);
  const frame = await top(client);
  assert.strictEqual(frame.line, 3);
  assert.strictEqual(frame.source.path, program);
  const scopes = await client.scopesRequest({ frameId: frame.id });
  const rows = await client.variablesRequest({ variablesReference: scopes.body.scopes[0].variablesReference });
  assert.ok(rows.body.variables.some((one) => one.name === "lager"));
  assert.strictEqual(await value(client, "6 * 7"), "42");
  assert.strictEqual((await next(client, "continueRequest")).reason, "pause");
  assert.strictEqual(await ends(client), 0);
}

/** Lines with breakpoints, with and without a condition, and each kind of step; the script has no pause of its own. */
async function stepped(client, folder) {
  const program = path.join(folder, "steps.py");
  await client.hitBreakpoint({ program, cwd: folder }, { path: program, line: 6, verified: false }); // it is, once the script has begun
  assert.strictEqual(await value(client, "channel"), "0");
  assert.strictEqual((await next(client, "stepInRequest")).reason, "step");
  assert.strictEqual((await top(client)).name, "double");
  await next(client, "nextRequest");
  await next(client, "stepOutRequest");
  assert.strictEqual((await top(client)).name, "measure");
  const breakpoints = [{ line: 6, condition: "channel == 2" }, { line: 900 }];
  const set = await client.setBreakpointsRequest({ source: { path: program }, breakpoints });
  assert.deepStrictEqual(set.body.breakpoints.map((one) => one.verified), [true, false]);
  assert.strictEqual((await next(client, "continueRequest")).reason, "breakpoint");
  assert.strictEqual(await value(client, "channel"), "2");
  assert.strictEqual(await ends(client), 0);
}

async function stoppedOnEntry(client, folder) {
  const program = path.join(folder, "steps.py");
  const [, , stopped] = await Promise.all([
    client.configurationSequence(),
    client.launch({ program, cwd: folder, stopOnEntry: true }),
    client.waitForEvent("stopped", WAIT),
  ]);
  assert.strictEqual(stopped.body.reason, "entry");
  assert.strictEqual(await ends(client), 0);
}

async function main(folder) {
  await session("launched, stopped twice, ended", (client) => launched(client, folder));
  await session("stopped at a line, stepped, ended", (client) => stepped(client, folder));
  await session("stopped on entry, ended", (client) => stoppedOnEntry(client, folder));
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
