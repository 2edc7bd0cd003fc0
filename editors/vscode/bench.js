// What the extension knows of lager. It runs commands and reads what they print, and needs no editor.
"use strict";

const { execFile, spawn } = require("node:child_process");
const readline = require("node:readline");

const STAYS = new Set(["standing", "paused", "extended", "attached", "detached", "console"]);
const RETRY_FIRST = 1000;
const RETRY_LAST = 60000;

/** The words for a command about one box; none for this machine. */
function forBox(box) {
  return box ? ["--box", box] : [];
}

/** The pauses of this machine or of a box, kept up to date by `lager breakpoints --watch --json`. */
class Bench {
  /** `told(event, pause)` is called for each change, `lost(message)` where the command has ended. */
  constructor(lager, box, told, lost = () => {}) {
    this.lager = lager;
    this.box = box;
    this.pauses = new Map();
    this.told = told;
    this.lost = lost;
    this.delay = RETRY_FIRST;
    this.closed = false;
    this.start();
  }

  start() {
    const words = ["breakpoints", "--watch", "--json", ...forBox(this.box)];
    this.child = spawn(this.lager, words, { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    this.child.stderr.on("data", (data) => (said = (said + data).slice(-2000)));
    this.child.on("error", (error) => (said = error.message));
    readline.createInterface({ input: this.child.stdout }).on("line", (line) => this.hear(line));
    this.child.on("close", () => this.ended(said.trim()));
  }

  hear(line) {
    let change;
    try {
      change = JSON.parse(line);
    } catch {
      return;
    }
    const { event, pause } = change;
    if (!pause || typeof pause.id !== "string") {
      return;
    }
    this.delay = RETRY_FIRST;
    if (STAYS.has(event)) {
      this.pauses.set(pause.id, pause);
    } else {
      this.pauses.delete(pause.id);
    }
    this.told(event, pause);
  }

  ended(said) {
    this.pauses.clear();
    if (this.closed) {
      return;
    }
    this.lost(said || "The command ended.");
    this.timer = setTimeout(() => this.start(), this.delay);
    this.delay = Math.min(2 * this.delay, RETRY_LAST);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.child.kill();
  }
}

/** A row of a list to choose from. */
function row(pause, box) {
  const where = `${pause.file}:${pause.line}`;
  const left = pause.remaining ? `resumes in ${Math.ceil(pause.remaining)} s` : "until it is resumed";
  return {
    label: pause.label || where,
    description: `${pause.id}${box ? ` on ${box}` : ""}, ${pause.user}`,
    detail: `${pause.script}, ${where}, ${left}`,
    pause,
    box,
  };
}

/** The debug configuration that attaches to a pause. */
function attachTo(pause, box, folder) {
  const found = { type: "lager", request: "attach", name: `lager: ${pause.label || pause.id}`, id: pause.id };
  if (box) {
    found.box = box;
  }
  if (folder) {
    found.cwd = folder;
  }
  return found;
}

/** Whether to tell the user of an event: a run of their own has paused, and no editor or console shows it yet. */
function isNews(event, pause, user) {
  return event === "paused" && pause.user === user && (pause.attached || []).length === 0;
}

/** Run a command of lager, and resolve to what it prints. Rejects with its message. */
function run(lager, words) {
  return new Promise((resolve, reject) => {
    execFile(lager, words, { timeout: 30000 }, (error, out, err) => {
      if (error) {
        reject(new Error(err.trim() || error.message));
      } else {
        resolve(out.trim());
      }
    });
  });
}

const resume = (lager, pause, box) => run(lager, ["continue", pause.id, ...forBox(box)]);
const extend = (lager, pause, box, time) => run(lager, ["extend", pause.id, time, ...forBox(box)]);

/** The configuration to start. Without a launch.json, F5 gives an empty one: it runs the file that is open. */
function resolved(configuration) {
  const { type, request, name } = configuration;
  return type || request || name
    ? configuration
    : { type: "lager", request: "launch", name: "lager: run this file", program: "${file}", cwd: "${fileDirname}" };
}

module.exports = { Bench, attachTo, extend, isNews, resolved, resume, row };
