// The table of what happened on the box, with filters; under each resume what was changed during the pause.
import { changes, events, filtered, MOST } from "./history.js";
import { make, write } from "../dom.js";
import { moment, printable } from "../text.js";

const SINCE = { "1 hour ago": "Last hour", today: "Today", "7 days ago": "Last 7 days" };
const HEADERS = ["Time", "Event", "Who", "What", "Where", "Why"];
const ENDS = ["resumed", "answered", "auto-resumed", "gone"];

export class HistoryView {
  /** `read(since)` resolves to the records; rejects with a sentence. */
  constructor(read) {
    Object.assign(this, { _read: read, _records: [] });
    this._since = make("select", { "aria-label": "Since", change: () => this.refresh() }, ...Object.entries(SINCE).map(([value, text]) => make("option", { value }, text)));
    this._event = make("select", { "aria-label": "Event", change: () => this._draw() });
    this._text = make("input", { type: "search", placeholder: "Filter", "aria-label": "Filter", input: () => this._draw() });
    this._told = make("p", { class: "hint", role: "status" });
    this._body = make("tbody");
    const head = make("tr", {}, ...HEADERS.map((one) => make("th", { scope: "col" }, one)));
    this.element = make("div", {}, make("div", { class: "actions" }, this._since, this._event, this._text), this._told,
      make("table", {}, make("thead", {}, head), this._body));
  }

  /** Read the journal again. */
  async refresh() {
    try {
      this._records = await this._read(this._since.value);
      this._offer();
      this._draw();
    } catch (error) {
      this._records = [];
      this._body.replaceChildren();
      write(this._told, printable(error.message, 1000));
    }
  }

  _offer() {
    const chosen = this._event.value;
    const all = ["", ...events(this._records)];
    this._event.replaceChildren(...all.map((one) => make("option", { value: one, selected: one === chosen }, printable(one, 40) || "All events")));
  }

  _draw() {
    const found = filtered(this._records, { event: this._event.value, text: this._text.value });
    const during = changes(this._records);
    this._body.replaceChildren(...found.slice(0, MOST).flatMap((one) => rows(one, during.get(one.breakpoint))));
    write(this._told, found.length > MOST ? `The latest ${MOST} of ${found.length} records` : `${found.length} records`);
  }
}

function rows(one, during) {
  const where = known(one.file) ? `${printable(one.file.split("/").pop(), 80)}:${printable(one.line, 10)}` : "";
  const what = [known(one.breakpoint), known(one.label), known(one.net), known(one.instrument)].filter(Boolean).map((part) => printable(part, 200)).join(" ");
  const cells = [moment(one.time), printable(one.event, 40), printable(one.by_user, 40), what, where, printable(one.answer ?? known(one.reason), 400)];
  const found = [make("tr", {}, ...cells.map((text) => make("td", {}, text)))];
  if (during && ENDS.includes(one.event)) {
    const lines = during.map((each) => make("li", {}, `${printable(each.net, 80)}: ${printable(each.reason, 300)}, by ${printable(each.by_user, 40)}`));
    found.push(make("tr", { class: "during" }, make("td", { colspan: HEADERS.length }, "Changed during the pause", make("ul", {}, ...lines))));
  }
  return found;
}

function known(text) {
  return text && text !== "-" ? String(text) : "";
}
