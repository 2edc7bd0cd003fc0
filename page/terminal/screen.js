// What a terminal shows, without a page: lines of cells, a cursor, and the control sequences (ECMA-48, DEC VT100) that
// the line editor of `lager console` uses. What it does not know it leaves out.

import { rendition, styleOf } from "./rendition.js";

const KEPT = 2000; // lines
const SEQUENCE = /^\x1b(?:\[([?>=!]?)([\d;:]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()*+#%][\s\S]|[PX^_][^\x1b]*\x1b\\|([ -Z\\^-~]))/;
const UNFINISHED = /^\x1b(?:$|\[[ -?]*$|\][^\x07\x1b]*\x1b?$|[()*+#%]$|[PX^_][^\x1b]*\x1b?$)/;
const LONGEST = 4096; // characters of one sequence

export class Screen {
  /** `reply(text)` sends what the terminal answers to a request of the program. */
  constructor(columns, rows, reply = () => {}) {
    Object.assign(this, { columns, rows, x: 0, y: 0, lines: [[]], changed: new Set([0]), cut: 0, pending: "", style: "" });
    this._reply = reply;
    this._look = {};
  }

  /** Return the number of the first line of the screen itself; those before it have scrolled away. */
  get top() {
    return Math.max(0, this.lines.length - this.rows);
  }

  /** Take what the program writes. `changed` then has the numbers of the lines that differ. */
  feed(text) {
    let rest = this.pending + text;
    this.pending = "";
    while (rest) {
      const plain = /^[^\x00-\x1f\x7f]+/.exec(rest);
      if (plain) {
        this._put(plain[0]);
        rest = rest.slice(plain[0].length);
      } else if (rest[0] === "\x1b") {
        const found = SEQUENCE.exec(rest);
        if (!found && UNFINISHED.test(rest) && rest.length < LONGEST) {
          this.pending = rest;
          return;
        }
        if (found) {
          this._sequence(found);
        }
        rest = rest.slice(found ? found[0].length : 1);
      } else {
        this._control(rest[0]);
        rest = rest.slice(1);
      }
    }
  }

  /** Return a line as runs of one style: [{ text, style }]. */
  runs(number) {
    const runs = [];
    for (const cell of this.lines[number] || []) {
      const { text, style } = cell || { text: " ", style: "" };
      const last = runs[runs.length - 1];
      if (last && last.style === style) {
        last.text += text;
      } else {
        runs.push({ text, style });
      }
    }
    return runs;
  }

  /** Return all lines as plain text. */
  text() {
    return this.lines.map((_, at) => this.runs(at).map((one) => one.text).join("").trimEnd()).join("\n");
  }

  _line() {
    while (this.lines.length <= this.y) {
      this.lines.push([]);
    }
    this.changed.add(this.y);
    return this.lines[this.y];
  }

  _put(text) {
    for (const letter of text) {
      if (this.x >= this.columns) {
        this.x = 0;
        this._down();
      }
      const line = this._line();
      if (/\p{Mn}/u.test(letter) && this.x > 0 && line[this.x - 1]) {
        line[this.x - 1] = { ...line[this.x - 1], text: (line[this.x - 1].text + letter).slice(0, 12) };
        continue;
      }
      for (let at = line.length; at < this.x; at += 1) {
        line[at] = { text: " ", style: "" };
      }
      line[this.x] = { text: letter, style: this.style };
      this.x += 1;
    }
  }

  _control(code) {
    if (code === "\r") {
      this.x = 0;
    } else if (code === "\n" || code === "\v" || code === "\f") {
      this._down();
    } else if (code === "\b") {
      this.x = Math.max(0, Math.min(this.x, this.columns) - 1);
    } else if (code === "\t") {
      this.x = Math.min(this.columns - 1, (Math.floor(this.x / 8) + 1) * 8);
    }
  }

  _down() {
    this.y += 1;
    this._line();
    const over = this.lines.length - KEPT;
    if (over > 0) {
      this.lines.splice(0, over);
      this.y -= over;
      this.cut += over;
      this.changed = new Set([...this.changed].map((one) => one - over).filter((one) => one >= 0));
    }
  }

  _sequence([, mark, given, final, single]) {
    if (final === undefined) {
      if (single === "M") {
        this._to(this.x, this.y - 1);
      } else if (single === "D" || single === "E") {
        this.x = single === "E" ? 0 : this.x;
        this._down();
      }
      return;
    }
    const numbers = given ? given.split(/[;:]/).map((one) => Math.min(Number(one) || 0, 10_000)) : [];
    const count = Math.max(1, numbers[0] || 1);
    const moves = { A: [0, -count], B: [0, count], C: [count, 0], D: [-count, 0] };
    if (mark) {
      return; // modes of a real terminal: nothing to be seen of them here
    }
    if (moves[final]) {
      this._to(this.x + moves[final][0], this.y + moves[final][1]);
    } else if (final === "G") {
      this._to(count - 1, this.y);
    } else if (final === "H" || final === "f") {
      this._to(Math.max(1, numbers[1] || 1) - 1, this.top + count - 1);
    } else {
      this._change(final, numbers, count);
    }
  }

  _change(final, numbers, count) {
    if (final === "J") {
      this._erase(numbers[0] || 0);
    } else if (final === "K") {
      this._eraseLine(numbers[0] || 0);
    } else if (final === "P") {
      this._line().splice(this.x, count);
    } else if (final === "@") {
      this._line().splice(this.x, 0, ...Array.from({ length: Math.min(count, this.columns) }, () => ({ text: " ", style: "" })));
      this.lines[this.y].length = Math.min(this.lines[this.y].length, this.columns);
    } else if (final === "m") {
      this._look = rendition(this._look, numbers.length ? numbers : [0]);
      this.style = styleOf(this._look);
    } else if (final === "n" && numbers[0] === 6) {
      this._reply(`\x1b[${this.y - this.top + 1};${Math.min(this.x, this.columns - 1) + 1}R`);
    }
  }

  _to(x, y) {
    this.x = Math.max(0, Math.min(this.columns - 1, x));
    this.y = Math.max(this.top, Math.min(this.top + this.rows - 1, y));
    this._line();
  }

  _erase(how) {
    const first = how === 0 ? this.y + 1 : this.top;
    const last = how === 1 ? this.y - 1 : this.lines.length - 1;
    for (let at = first; at <= last; at += 1) {
      this.lines[at] = [];
      this.changed.add(at);
    }
    if (how < 2) {
      this._eraseLine(how);
    }
  }

  _eraseLine(how) {
    const line = this._line();
    if (how === 0) {
      line.length = Math.min(line.length, this.x);
    } else if (how === 1) {
      line.fill({ text: " ", style: "" }, 0, this.x + 1);
    } else {
      line.length = 0;
    }
  }
}
