// The extension's logic in plain Node, against a real lagerd: LAGER names the command, PAUSED a script that pauses twice.
"use strict";

const assert = require("node:assert");
const { spawn } = require("node:child_process");
const { test } = require("node:test");
const { Bench, attachTo, extend, isNews, resolved, resume, row } = require("../bench");

const LAGER = process.env.LAGER;

/** Events of a bench, one after the other. */
class Heard {
  constructor() {
    this.all = [];
    this.waiting = [];
  }
  tell(event, pause) {
    this.all.push([event, pause]);
    this.waiting.splice(0).forEach((wake) => wake());
  }
  async next(wanted) {
    for (;;) {
      const at = this.all.findIndex(([event]) => event === wanted);
      if (at >= 0) {
        return this.all.splice(at, 1)[0][1];
      }
      await new Promise((wake) => this.waiting.push(wake));
    }
  }
}

test("a bench follows the pauses, and commands act on them", { timeout: 60000 }, async () => {
  const heard = new Heard();
  const bench = new Bench(LAGER, "", (event, pause) => heard.tell(event, pause));
  const script = spawn(LAGER, ["python", process.env.PAUSED], { stdio: "ignore" });
  const ended = new Promise((resolve) => script.on("close", resolve));
  try {
    const first = await heard.next("paused");
    assert.strictEqual(first.label, "first");
    assert.ok(bench.pauses.has(first.id));
    assert.match(await extend(LAGER, first, "", "10m"), /\d/);
    assert.ok((await heard.next("extended")).remaining > 500);
    await resume(LAGER, first, "");
    await heard.next("continued");
    const second = await heard.next("paused");
    await assert.rejects(resume(LAGER, first, ""), /no pause|No|has/i);
    await resume(LAGER, second, "");
    assert.strictEqual(await ended, 0);
    await heard.next("continued");
    assert.strictEqual(bench.pauses.size, 0);
  } finally {
    bench.close();
    script.kill();
  }
});

test("a command that is not there is told, and tried again later", { timeout: 10000 }, async () => {
  const said = await new Promise((resolve) => {
    const bench = new Bench("/nothing/lager", "", () => {}, (message) => {
      bench.close();
      resolve(message);
    });
  });
  assert.match(said, /ENOENT/);
});

const PAUSE = {
  id: "7f3a19e2", label: "", file: "/b/x.py", line: 3, script: "x.py", user: "anna", remaining: 12.2, attached: [],
};

test("what is shown and offered", () => {
  assert.deepStrictEqual(row(PAUSE, "bench3").description, "7f3a19e2 on bench3, anna");
  assert.strictEqual(row(PAUSE, "").label, "/b/x.py:3");
  assert.strictEqual(row(PAUSE, "").detail, "x.py, /b/x.py:3, resumes in 13 s");
  assert.deepStrictEqual(attachTo(PAUSE, "bench3", "/w"), {
    type: "lager", request: "attach", name: "lager: 7f3a19e2", id: "7f3a19e2", box: "bench3", cwd: "/w",
  });
  assert.ok(isNews("paused", PAUSE, "anna"));
  assert.ok(!isNews("standing", PAUSE, "anna"));
  assert.ok(!isNews("paused", PAUSE, "ben"));
  assert.ok(!isNews("paused", { ...PAUSE, attached: ["anna"] }, "anna"));
});

test("F5 without a launch.json runs the open file, and leaves a configuration as it is", () => {
  const started = resolved({});
  assert.deepStrictEqual([started.type, started.request, started.program], ["lager", "launch", "${file}"]);
  const own = { type: "lager", request: "attach", name: "mine" };
  assert.strictEqual(resolved(own), own);
});
