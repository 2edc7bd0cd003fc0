// The nets of the bench, without a page: their readings of the last minute, and what may be done with each.

const KEPT = 60; // seconds
const VALUE = /^[-+]?(\d+\.?\d*|\.\d+)\s*[a-zA-Zµ%Ω]{0,4}$/;
// Of each type: what is set (the words before the value, and its unit), and the words that switch on and off.
const TYPES = {
  supply: { set: [["voltage", "V"], ["current", "A"]], on: ["enable"], off: ["disable"] },
  battery: { set: [["voc", "V"], ["soc", "%"]], on: ["enable"], off: ["disable"] },
  eload: { set: [["cc", "A"], ["cv", "V"], ["cr", "Ω"], ["cp", "W"]], on: ["enable"], off: ["disable"] },
  switch: { set: [], on: ["on"], off: ["off"] },
  dac: { set: [["", "V"]] },
  gpio: { set: [], on: ["1"], off: ["0"], command: "gpo" },
};

/** Return what a net is doing now, in one word. */
export function stateOf(net) {
  const holder = net.held_by || {};
  if (holder.quarantined) {
    return "quarantined";
  }
  if (net.problem) {
    return "problem";
  }
  const on = isOn(net);
  return on === undefined ? "" : on ? "on" : "off";
}

/** Return whether a net is energised; undefined if it has no output, or that is not known. */
export function isOn(net) {
  const state = net.state || {};
  if (typeof state.enabled === "boolean") {
    return state.enabled;
  }
  return net.type === "dac" && typeof net.measured?.voltage === "number" ? net.measured.voltage !== 0 : undefined;
}

/** Return whether the user may use a net: it is free, or held by a paused script of the user's own. */
export function mayUse(net, uid) {
  const holder = net.held_by;
  if (net.waiting || net.problem || (net.why && !net.state && net.type in TYPES && TYPES[net.type].off)) {
    return false;
  }
  return !holder || (!holder.quarantined && (holder.pauses || []).length > 0 && (uid === 0 || uid === holder.uid));
}

/** Return the actions that are offered to a user: { label, words, unit, question }, in which `unit` asks for a value. */
export function actionsOf(net, uid) {
  const type = TYPES[net.type];
  if (!type || !mayUse(net, uid)) {
    return [];
  }
  const command = (...words) => [type.command || net.type, net.name, ...words.filter(Boolean), ...(net.held_by ? ["--through"] : [])];
  const found = type.set.map(([word, unit]) => ({ label: "Set", what: word || "output", unit, words: (value) => command(word, value) }));
  const on = isOn(net);
  if (type.on && on !== true) {
    found.push({ label: net.type === "gpio" ? "High" : "Enable", words: () => command(...type.on), energises: true });
  }
  if (type.off && on !== false) {
    found.push({ label: net.type === "gpio" ? "Low" : "Off", words: () => command(...type.off) });
  }
  return found;
}

/** Return what to ask before an action; "" if it energises nothing. */
export function question(net, action, value) {
  if (action.energises) {
    const state = net.state || {};
    const set = typeof state.voltage_set === "number" ? `: ${state.voltage_set} V, at most ${state.current_set} A` : "";
    return `Switch on ${net.name}${set}?`;
  }
  if (action.unit && (isOn(net) || net.type === "dac") && Number.parseFloat(value) !== 0) {
    return `${net.name} ${isOn(net) ? "is on" : "is driven at once"}. Set ${action.what} to ${value}?`;
  }
  return "";
}

/** Whether a text is a number with or without a unit; lager itself checks unit and bounds. */
export function isValue(text) {
  return VALUE.test(text.trim());
}

export class Bench {
  constructor() {
    this.nets = [];
    this.quarantined = [];
    this.problem = "";
    this._samples = new Map();
    this._read = new Set();
  }

  /** Take one line of `lager status --watch --json`, at `now` seconds. */
  take(line, now) {
    const said = JSON.parse(line);
    Object.assign(this, { nets: said.nets, quarantined: said.quarantined, problem: said.problem || "" });
    for (const net of this.nets) {
      net.waiting = Boolean(net.unread) && !this._read.has(net.name); // it was out of view so far
      if (!net.unread) {
        this._read.add(net.name);
      }
      const value = net.unread ? undefined : Object.values(net.measured || {}).find((one) => typeof one === "number");
      const kept = (this._samples.get(net.name) || []).filter((one) => now - one.at <= KEPT);
      kept.push({ at: now, value });
      this._samples.set(net.name, kept);
    }
  }

  /** Return the readings of the last minute: [{ at, value }]; the value of one that failed is undefined. */
  samples(name) {
    return this._samples.get(name) || [];
  }
}

/** Return the lines of a plot, in a box of this size: a path that is interrupted where there was no reading. */
export function path(samples, width, height, now) {
  const values = samples.map((one) => one.value).filter((one) => one !== undefined);
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  let begun = false;
  return samples
    .map(({ at, value }) => {
      const word = begun ? "L" : "M";
      begun = value !== undefined;
      const x = width - ((now - at) / KEPT) * width;
      const y = span ? height - 1 - ((value - low) / span) * (height - 2) : height / 2;
      return begun ? `${word}${x.toFixed(1)} ${y.toFixed(1)}` : "";
    })
    .join("");
}
