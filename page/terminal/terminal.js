// A small terminal on the page: a program on the box in a pseudo-terminal, its screen, and the keys.
import { button, make } from "../dom.js";
import { sent } from "./keys.js";
import { Screen } from "./screen.js";

const COLUMNS = 100;
const ROWS = 24;

export class Terminal {
  /** Run `words` and show it inside `place`; `ended()` is called once the user has closed it. */
  constructor(words, title, place, ended) {
    this._ended = ended;
    this._screen = new Screen(COLUMNS, ROWS, (text) => this._send(text));
    this._shown = make("div", { class: "screen" });
    const hint = make("p", { class: "hint" }, "Ctrl+D leaves the console and keeps the script paused. Shift+Tab leaves the terminal.");
    this._frame = make(
      "div",
      { class: "terminal", role: "textbox", tabindex: 0, "aria-label": title, "aria-multiline": true,
        keydown: (event) => this._key(event), paste: (event) => this._paste(event) },
      this._shown,
    );
    this.element = make("section", {}, make("h3", {}, title), this._frame, make("div", { class: "actions" }, button("Close", () => this.close()), hint));
    place.replaceChildren(this.element);
    this._start(words);
  }

  focus() {
    this._frame.focus();
  }

  /** End the program, and remove the terminal. */
  close() {
    if (this._channel) {
      this._channel.close();
      this._channel = undefined;
    }
    if (this.element.isConnected) {
      this.element.remove();
      this._ended();
    }
  }

  _start(words) {
    const channel = window.cockpit.channel({
      payload: "stream", spawn: words, pty: true, window: { rows: ROWS, cols: COLUMNS }, environ: ["TERM=linux"],
    });
    channel.addEventListener("message", (_event, data) => this._took(data));
    channel.addEventListener("close", (_event, options) => {
      this._channel = undefined;
      const code = options["exit-status"];
      this._took(`\r\n${options.problem ? `The console ended: ${options.message || options.problem}` : `The console ended${code ? ` (${code})` : ""}.`}\r\n`);
    });
    this._channel = channel;
  }

  _took(text) {
    const atEnd = this._frame.scrollTop + this._frame.clientHeight >= this._frame.scrollHeight - 4;
    this._screen.feed(String(text));
    this._drawing ??= window.requestAnimationFrame(() => {
      this._drawing = undefined;
      this._draw(atEnd);
    });
  }

  _draw(follow) {
    const screen = this._screen;
    for (; screen.cut > 0; screen.cut -= 1) {
      this._shown.firstElementChild?.remove();
    }
    while (this._shown.children.length < screen.lines.length) {
      screen.changed.add(this._shown.children.length);
      this._shown.append(make("div"));
    }
    screen.changed.add(screen.y);
    if (this._cursor !== undefined) {
      screen.changed.add(this._cursor);
    }
    for (const number of screen.changed) {
      this._shown.children[number]?.replaceChildren(...this._line(number));
    }
    this._cursor = screen.y;
    screen.changed.clear();
    if (follow) {
      this._frame.scrollTop = this._frame.scrollHeight;
    }
  }

  _line(number) {
    const runs = this._screen.runs(number).map(({ text, style }) => make("span", { class: style || false }, text));
    if (number === this._screen.y) {
      const cursor = make("i", { class: "cursor", "aria-hidden": true });
      cursor.style.left = `${Math.min(this._screen.x, COLUMNS - 1)}ch`;
      runs.push(cursor);
    }
    return runs;
  }

  _send(text) {
    if (this._channel) {
      this._channel.send(text);
    }
  }

  _key(event) {
    const text = sent(event);
    if (text !== undefined) {
      event.preventDefault();
      this._send(text);
    }
  }

  _paste(event) {
    event.preventDefault();
    this._send(event.clipboardData.getData("text").replaceAll("\r\n", "\r").replaceAll("\n", "\r"));
  }
}

/** Open a console in a paused script. */
export function openConsole(pause, place, ended) {
  return new Terminal(["lager", "--here", "console", pause.id], "Console", place, ended);
}
