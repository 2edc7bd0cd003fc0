// One pause: its place, its time left, what can be done with it, what the script looks like inside.
import { button, confirmed, make, write } from "../dom.js";
import { questionForm } from "./question.js";
import { snapshot } from "./snapshot.js";
import { amount, change, duration, printable, seconds } from "../text.js";

export class PauseView {
  /** `may(pause)` says whether the user may look into a script; `act(work, done)` does something and tells how it went. */
  constructor({ pauses, daemon, act, may, openConsole }) {
    Object.assign(this, { _pauses: pauses, _daemon: daemon, _act: act, _may: may, _openConsole: openConsole });
    this._id = "";
    this._left = make("dd", { class: "left" });
    this._inside = make("div", { class: "inside" });
    this._changes = make("div");
    this._console = make("div");
    this.element = make("article", { "aria-label": "Pause", tabindex: -1, hidden: true });
  }

  get id() {
    return this._id;
  }

  /** Show a pause; without one, close the view. */
  show(pause) {
    if (this._running) {
      this._running.close();
      this._running = undefined;
    }
    this._id = pause ? pause.id : "";
    this.element.hidden = !pause;
    this.element.replaceChildren();
    if (!pause) {
      return;
    }
    [this._inside, this._changes, this._console].forEach((one) => one.replaceChildren());
    const parts = [make("h2", {}, printable(pause.label, 500) || "Paused"), this._facts(pause)];
    if (pause.question) {
      parts.push(questionForm(pause, (text) => this._answer(pause, text)));
    }
    this.element.append(...parts, this._actions(pause), this._console, this._changes, this._inside);
    this.changed(pause);
    this.tick();
    this._look(pause);
  }

  /** Write the time left. */
  tick() {
    const pause = this._pauses.get(this._id);
    if (pause) {
      const left = this._pauses.left(pause);
      write(this._left, left === undefined ? "no timeout" : duration(left));
    }
  }

  /** Show what was changed on the bench during the pause. */
  changed(pause) {
    const lines = (pause.changes || []).map((one) => make("li", {}, change(one)));
    const title = lines.length ? [make("h3", {}, "Changed since the pause"), make("ul", { class: "changes" }, ...lines)] : [];
    this._changes.replaceChildren(...title);
  }

  _facts(pause) {
    const facts = [
      ["Where", `${printable(pause.file, 300)}:${pause.line} in ${printable(pause.function, 100)}`],
      ["Script", printable(pause.script, 300) || "-"],
      ["Who", `${printable(pause.user, 40)}, process ${pause.pid}`],
      ["Holds", (pause.instruments || []).map((one) => printable(one, 80)).join(", ") || "no instrument"],
    ];
    const rows = facts.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]);
    return make("dl", {}, ...rows, make("dt", {}, "Time left"), this._left);
  }

  _actions(pause) {
    const time = make("input", { type: "text", value: "10m", size: 5, "aria-label": "More time" });
    const more = (event) => {
      event.preventDefault();
      this._extend(pause, seconds(time.value));
    };
    const parts = [];
    if (!pause.question || pause.default !== undefined) {
      parts.push(button("Continue", () => this._act(() => this._daemon.call("Continue", "s", pause.id), `Continued ${pause.id}.`), { class: "primary" }));
    }
    parts.push(make("form", { class: "inline", submit: more }, time, make("button", { type: "submit" }, "Extend")));
    parts.push(button("No timeout", () => this._extend(pause, 0)));
    if (pause.interactive && this._openConsole && this._may(pause)) {
      parts.push(button("Console", () => this._toConsole(pause)));
    }
    return make("div", { class: "actions" }, ...parts);
  }

  async _extend(pause, span) {
    if (span === undefined) {
      await this._act(async () => { throw new Error("That is not a valid duration. Type seconds, or like 10m or 1h."); });
    } else if (span > 0 || (await confirmed("Hold this pause until somebody resumes it?", "Remove the timeout"))) {
      await this._act(() => this._daemon.call("Extend", "sd", pause.id, span), span ? `Extended ${pause.id}.` : `${pause.id} has no timeout now.`);
    }
  }

  _answer(pause, text) {
    return this._act(async () => {
      const [taken] = await this._daemon.call("Answer", "sv", pause.id, { t: "s", v: text });
      return `Answered: ${amount(taken, pause.unit)}.`;
    });
  }

  _toConsole(pause) {
    if (!this._running) {
      this._running = this._openConsole(pause, this._console, () => { this._running = undefined; });
    }
    this._running.focus();
  }

  /** Ask the script for its source, stack and variables; only its user and root may, and others are not told more. */
  async _look(pause) {
    if (!this._may(pause)) {
      this._inside.replaceChildren(make("p", { class: "hint" }, `Only ${printable(pause.user, 40)} and root see the variables of this script.`));
      return;
    }
    let shown;
    try {
      shown = snapshot((await this._daemon.call("Inspect", "sa{sv}", pause.id, {}))[0]);
    } catch (error) {
      shown = [make("p", {}, printable(error.message, 1000))];
    }
    if (this._id === pause.id) {
      this._inside.replaceChildren(...shown);
    }
  }
}
