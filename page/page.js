// The page: the connection, its parts, and what is told to the user.
import { Bench } from "./bench/bench.js";
import { BenchView } from "./bench/bench_view.js";
import { Daemon, allOff, allowed, lager, sentence, whoami } from "./daemon.js";
import { make } from "./dom.js";
import { HistoryView } from "./history/history_view.js";
import { PauseList } from "./pauses/pause_list.js";
import { PauseView } from "./pauses/pause_view.js";
import { Pauses } from "./pauses/pauses.js";
import { Stream } from "./stream.js";
import { tabs } from "./tabs.js";
import { openConsole } from "./terminal/terminal.js";
import { printable } from "./text.js";
import "./theme.js";

const SAID = 8000; // milliseconds for which a message is shown
const TOGETHER = 20; // milliseconds, so that a hundred signals are drawn at once
const SETTLED = 500; // milliseconds after which the journal has what was signalled
const part = (id) => document.getElementById(id);

class Page {
  constructor(user) {
    this._user = user;
    this._others = { look: false, set: false }; // what polkit allows with the scripts of others
    this._pauses = new Pauses(() => performance.now() / 1000);
    this._daemon = new Daemon({ heard: (...one) => this._heard(...one), up: () => this._up(), down: (why) => this._trouble(why) });
    this._list = new PauseList(this._pauses, (id) => this._open(id));
    const act = (work, done) => this.act(work, done);
    this._view = new PauseView({ pauses: this._pauses, daemon: this._daemon, act, may: (pause) => this._may(pause), openConsole });
    part("pauses").append(make("div", { class: "two" }, this._list.element, this._view.element));
    this._benchTab();
    this._history = new HistoryView(async (since) => JSON.parse(await lager("history", "--json", "--since", since)));
    part("history").append(this._history.element);
    window.setInterval(() => this._tick(), 1000);
    document.addEventListener("visibilitychange", () => this._watch());
    tabs((chosen) => this._show(chosen));
    this._ask();
  }

  /** Ask polkit what the user may do with the scripts of others. */
  async _ask() {
    const [look, set] = await Promise.all([allowed("com.lager.breakpoints.console"), allowed("com.lager.instruments.set")]);
    this._others = { look, set };
    if (look && this._view.id) {
      this._view.show(this._pauses.get(this._view.id));
    }
  }

  _benchTab() {
    const bench = new Bench();
    const run = (words, done) => this.act(() => (words.length ? lager(...words) : Promise.reject(new Error(done))), done, true);
    const seen = (names) => this._stream.say(JSON.stringify(names));
    const view = new BenchView(bench, { run, off: () => this.act(allOff), uid: () => (this._others.set ? 0 : this._user.id), seen });
    part("bench").append(view.element);
    this._stream = new Stream(["status", "--watch", "--json", "--chosen"], (line) => {
      const now = performance.now() / 1000;
      bench.take(line, now);
      view.draw(now);
    }, (why) => why && this._say(printable(why, 1000), true));
    lager("nets", "--json").then((text) => view.know(JSON.parse(text)), () => undefined);
  }

  /** Read the bench while it is visible, and only then. */
  _watch() {
    this._stream.want(this._shown === "bench" && !document.hidden);
  }

  /** Do something the user asked for, and tell how it went: `done`, or the text it returns unless that is to be `quiet`. */
  async act(work, done, quiet = false) {
    try {
      const said = await work();
      this._say(typeof said === "string" && !quiet ? said : done);
    } catch (error) {
      this._say(printable(sentence(error), 1000), true);
    }
  }

  _may(pause) {
    return this._user.id === 0 || this._user.id === pause.uid || this._others.look;
  }

  async _up() {
    try {
      const [list] = await this._daemon.call("List");
      this._pauses.replace(list);
      this._trouble("");
      this._draw();
    } catch (error) {
      this._trouble(sentence(error));
    }
  }

  _heard(signal, id, ...values) {
    if (signal === "Paused") {
      this._pauses.add(id, values[0]);
    } else if (signal === "Resumed") {
      this._pauses.remove(id);
    } else if (signal === "Extended") {
      this._pauses.extend(id, ...values);
    } else if (signal === "Released" && this._view.id) {
      this._refresh();
    }
    this._drawing ??= window.setTimeout(() => this._draw(), TOGETHER);
    if (this._shown === "history") {
      window.clearTimeout(this._reading);
      this._reading = window.setTimeout(() => this._history.refresh(), SETTLED);
    }
  }

  /** A command has used an instrument: see what it changed. */
  async _refresh() {
    const [list] = await this._daemon.call("List").catch(() => [undefined]);
    const shown = list && list.find((one) => one.id === this._view.id);
    if (shown) {
      this._view.changed(shown);
    }
  }

  _draw() {
    window.clearTimeout(this._drawing);
    this._drawing = undefined;
    this._list.draw();
    if (this._view.id && !this._pauses.get(this._view.id)) {
      const held = part("pauses").contains(document.activeElement);
      this._view.show(undefined);
      if (held) {
        this._list.focus();
      }
    }
    this._view.tick();
  }

  _open(id) {
    this._view.show(this._pauses.get(id));
    this._view.element.focus();
  }

  _tick() {
    if (!document.hidden) {
      this._list.tick();
      this._view.tick();
    }
  }

  _show(chosen) {
    this._shown = chosen;
    this._watch();
    if (chosen === "history") {
      this._history.refresh();
    }
  }

  _trouble(why) {
    part("trouble").textContent = printable(why, 1000);
    part("trouble").hidden = !why;
    document.body.classList.toggle("away", Boolean(why));
  }

  _say(text, wrong = false) {
    const said = part("said");
    said.textContent = text;
    said.hidden = !text;
    said.classList.toggle("wrong", wrong);
    window.clearTimeout(this._saying);
    this._saying = window.setTimeout(() => { said.hidden = true; }, SAID);
  }
}

whoami().then((user) => new Page(user));
