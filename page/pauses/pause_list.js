// The list of pauses: a row for each, with label, place, who and the time left. Up and Down choose, Enter opens.
import { make, write } from "../dom.js";
import { duration, printable } from "../text.js";

const place = (pause) => `${printable(pause.file.split("/").pop(), 60)}:${pause.line}`;

export class PauseList {
  /** `open(id)` is called when the user chooses a pause. */
  constructor(pauses, open) {
    this._pauses = pauses;
    this._open = open;
    this._rows = new Map();
    this.chosen = "";
    this._none = make("p", { class: "none" }, "Nothing is paused.");
    this._body = make("ul", { class: "list", role: "listbox", "aria-label": "Paused scripts", keydown: (event) => this._key(event) });
    this.element = make("div", {}, this._none, this._body);
  }

  /** Show the table as it is now. Rows that are there already stay, with the focus. */
  draw() {
    const all = this._pauses.all();
    const ids = new Set(all.map((one) => one.id));
    for (const [id, row] of this._rows) {
      if (!ids.has(id)) {
        row.element.remove();
        this._rows.delete(id);
      }
    }
    all.forEach((pause, at) => {
      const row = this._rows.get(pause.id) || this._make(pause);
      if (this._body.children[at] !== row.element) {
        this._body.insertBefore(row.element, this._body.children[at] || null);
      }
      write(row.text, pause.question ? `? ${printable(pause.question, 200)}` : printable(pause.label, 200) || place(pause));
    });
    this._none.hidden = all.length > 0;
    this._mark();
    this.tick();
  }

  /** Write the time left of each row. */
  tick() {
    for (const pause of this._pauses.all()) {
      const left = this._pauses.left(pause);
      const row = this._rows.get(pause.id);
      if (row) { // it may not be drawn yet
        write(row.left, left === undefined ? "no timeout" : duration(left));
      }
    }
  }

  focus() {
    (this._rows.get(this.chosen) || [...this._rows.values()][0])?.element.focus();
  }

  choose(id) {
    this.chosen = id;
    this._mark();
  }

  _make(pause) {
    const row = { text: make("strong"), left: make("span", { class: "left" }) };
    const where = make("span", { class: "where" }, `${place(pause)} · ${printable(pause.user, 40)} · ${pause.id}`);
    row.element = make(
      "li",
      { role: "option", tabindex: -1, "data-id": pause.id, click: () => this._choose(pause.id) },
      row.text, row.left, where,
    );
    this._rows.set(pause.id, row);
    return row;
  }

  _choose(id) {
    this.choose(id);
    this._open(id);
  }

  _mark() {
    const first = this._rows.has(this.chosen) ? this.chosen : this._body.firstElementChild?.dataset.id;
    for (const [id, row] of this._rows) {
      row.element.setAttribute("aria-selected", String(id === this.chosen));
      row.element.tabIndex = id === first ? 0 : -1;
    }
  }

  _key(event) {
    const row = event.target.closest("li");
    const to = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling,
      Home: this._body.firstElementChild, End: this._body.lastElementChild }[event.key];
    if (to) {
      to.focus();
    } else if (row && (event.key === "Enter" || event.key === " ")) {
      this._choose(row.dataset.id);
    } else {
      return;
    }
    event.preventDefault();
  }
}
