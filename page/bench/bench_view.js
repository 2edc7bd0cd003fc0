// The table of nets: reading, plot of the last minute, state, holder, safe state, and what may be done.
import { actionsOf, isValue, path, question, stateOf } from "./bench.js";
import { button, confirmed, make, write } from "../dom.js";
import { amount, printable } from "../text.js";

const SVG = "http://www.w3.org/2000/svg";
const SETTLED = 100; // milliseconds that the rows must stay where they are
const [WIDTH, HEIGHT] = [120, 24];
const UNITS = { voltage: "V", current: "A", terminal_voltage: "V", soc: "%", temperature: "°C" };
const HEADERS = ["Net", "Reading", "Last minute", "State", "Holder", "Safe state", ""];

export class BenchView {
  /** `run(words, done)` runs a lager command, `off()` switches off everything; `uid()` is whose nets the user may use,
   * 0 for all; `seen(names)` is called with the nets that are in view, whenever these change. */
  constructor(bench, { run, off, uid, seen }) {
    Object.assign(this, { _bench: bench, _run: run, _uid: uid, _seen: seen, _rows: new Map(), _safe: new Map(), _visible: new Set() });
    this._watcher = new IntersectionObserver((changed) => this._scrolled(changed), { rootMargin: "100px" });
    this._problem = make("p", { class: "wrong" });
    this._quarantined = make("div");
    this._body = make("tbody");
    const head = make("tr", {}, ...HEADERS.map((one) => make("th", { scope: "col" }, one)));
    const red = button("All off", off, { class: "danger", title: "Switch off all outputs of the bench now" });
    this.element = make("div", {}, make("div", { class: "actions" }, red), this._problem, this._quarantined,
      make("table", { class: "nets" }, make("thead", {}, head), this._body));
  }

  /** Take the safe states, from `lager nets --json`. */
  know(nets) {
    this._safe = new Map(nets.map((one) => [one.name, one.safe]));
  }

  draw(now) {
    const names = new Set(this._bench.nets.map((one) => one.name));
    for (const [name, row] of this._rows) {
      if (!names.has(name)) {
        this._watcher.unobserve(row.element);
        row.element.remove();
        this._rows.delete(name);
        this._visible.delete(name);
      }
    }
    write(this._problem, printable(this._bench.problem, 1000));
    this._quarantine();
    this._bench.nets.forEach((net) => this._draw(net, this._rows.get(net.name) || this._make(net), now));
  }

  _make(net) {
    const plot = document.createElementNS(SVG, "svg");
    const line = document.createElementNS(SVG, "path");
    plot.append(line);
    for (const [key, value] of Object.entries({ width: WIDTH, height: HEIGHT, "aria-hidden": "true", class: "plot" })) {
      plot.setAttribute(key, value);
    }
    const row = { line, reading: make("td", { class: "reading" }), state: make("td"), holder: make("td"), safe: make("td"), acts: make("div", { class: "acts" }), why: make("span", { class: "hint" }), offered: "" };
    const name = make("th", { scope: "row" }, printable(net.name, 80), make("span", { class: "where" }, ` ${printable(net.type, 20)}, ${printable(net.instrument, 80)}`));
    row.element = make("tr", { "data-net": net.name }, name, row.reading, make("td", {}, plot), row.state, row.holder, row.safe, make("td", {}, row.acts, row.why));
    this._rows.set(net.name, row);
    this._body.append(row.element);
    this._watcher.observe(row.element);
    return row;
  }

  _scrolled(changed) {
    for (const one of changed) {
      this._visible[one.isIntersecting ? "add" : "delete"](one.target.dataset.net);
    }
    window.clearTimeout(this._telling);
    this._telling = window.setTimeout(() => this._seen([...this._visible]), SETTLED);
  }

  _draw(net, row, now) {
    write(row.reading, readings(net));
    row.line.setAttribute("d", path(this._bench.samples(net.name), WIDTH, HEIGHT, now));
    const state = stateOf(net);
    row.element.className = state;
    write(row.state, state || "-");
    write(row.why, printable(net.why || "", 300));
    write(row.holder, net.held_by ? holder(net.held_by) : net.waiting ? "-" : "free");
    write(row.safe, safe(this._safe.get(net.name)));
    row.net = net;
    const actions = actionsOf(net, this._uid());
    const offered = JSON.stringify([Boolean(net.held_by), actions.map((one) => [one.label, one.what])]);
    if (offered !== row.offered) {
      row.offered = offered;
      this._offer(row, actions);
    }
  }

  /** Show the actions; those of one place keep their place, so that the keyboard's focus is not lost for nothing. */
  _offer(row, actions) {
    const held = row.acts.contains(document.activeElement);
    const sets = actions.filter((one) => one.unit);
    const parts = sets.length ? [this._setting(row, sets)] : [];
    parts.push(...actions.filter((one) => !one.unit).map((one) => button(one.label, () => this._do(row.net, one), { "aria-label": `${one.label} ${row.net.name}` })));
    row.acts.replaceChildren(...parts);
    if (held) {
      row.acts.querySelector("button:last-of-type")?.focus();
    }
  }

  _setting(row, sets) {
    const name = printable(row.net.name, 80);
    const which = make("select", { "aria-label": `What to set of ${name}` }, ...sets.map((one, at) => make("option", { value: at }, `${one.what} (${one.unit})`)));
    const value = make("input", { size: 6, "aria-label": `Value for ${name}`, autocomplete: "off" });
    const send = (event) => {
      event.preventDefault();
      this._do(row.net, sets[Number(which.value)], value.value.trim());
    };
    return make("form", { class: "inline", submit: send }, which, value, make("button", { type: "submit" }, "Set"));
  }

  async _do(net, action, value) {
    if (action.unit && !isValue(value)) {
      this._run([], `Type a number for ${action.what}, in ${action.unit}.`);
      return;
    }
    const asked = question(net, action, value);
    if (!asked || (await confirmed(printable(asked, 300), action.label))) {
      await this._run(action.words(value), `${printable(net.name, 80)}: ${action.unit ? `${action.what} ${value}` : action.energises ? "on" : action.label.toLowerCase()}.`);
    }
  }

  _quarantine() {
    const shown = JSON.stringify(this._bench.quarantined.map((one) => [one.name, one.reason]));
    if (shown !== this._shown) {
      this._shown = shown;
      this._quarantined.replaceChildren(...this._bench.quarantined.map((one) => this._locked(one)));
    }
  }

  _locked(one) {
    const name = printable(one.name, 80);
    const clear = async () => {
      if (await confirmed(`Have you made sure that ${name} is safe? It may be energised.`, "End the quarantine")) {
        await this._run(["instruments", "clear", one.name, "--yes"], `${name} can be claimed again.`);
      }
    };
    return make("p", { class: "wrong" }, `${name} is quarantined: ${printable(one.reason, 500)} `, button("Clear", clear));
  }
}

function readings(net) {
  const found = Object.entries(net.measured || {}).filter(([, value]) => value !== null);
  return found.map(([key, value]) => amount(value, UNITS[key] || net.state?.unit || "")).join(", ") || "-";
}

function holder(one) {
  const paused = (one.pauses || []).length ? ", paused" : "";
  return `${printable(one.user, 40)}${paused}: ${printable((one.script || "").split("/").pop() || one.net, 80)}`;
}

function safe(one) {
  return one ? Object.entries(one).map(([key, value]) => (value === null || value === true ? key : `${key} ${amount(value)}`)).join(", ") : "-";
}
