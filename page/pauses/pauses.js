// The table of pauses, without a page: what lagerd lists and signals, and the time left of each.

/** Return plain values for what the bridge sends: a variant is { t: type, v: value }. */
export function plain(value) {
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value === null || typeof value !== "object") {
    return value;
  }
  const keys = Object.keys(value);
  if (keys.length === 2 && typeof value.t === "string" && "v" in value) {
    return plain(value.v);
  }
  return Object.fromEntries(keys.map((key) => [key, plain(value[key])]));
}

export class Pauses {
  /** `clock` returns seconds of a clock that only rises; the table is told when each pause was heard of. */
  constructor(clock) {
    this._clock = clock;
    this._known = new Map();
  }

  get size() {
    return this._known.size;
  }

  get(id) {
    return this._known.get(id);
  }

  /** Return the pauses, the oldest first. */
  all() {
    return [...this._known.values()].sort((one, other) => one.since - other.since || (one.id < other.id ? -1 : 1));
  }

  /** Take the whole list of lagerd. */
  replace(list) {
    this._known = new Map(list.map((one) => [one.id, this._heard(one)]));
  }

  add(id, details) {
    this._known.set(id, this._heard({ ...details, id }));
  }

  remove(id) {
    return this._known.delete(id);
  }

  /** The time left has changed, or who has a console open. */
  extend(id, remaining, { consoles, attached } = {}) {
    const pause = this._known.get(id);
    if (pause) {
      const others = consoles === undefined ? {} : { consoles, attached };
      this._known.set(id, this._heard({ ...pause, ...others, remaining }));
    }
  }

  /** Return the seconds left of a pause; undefined if it has no timeout. */
  left(pause) {
    return pause.remaining ? Math.max(0, pause.remaining - (this._clock() - pause.heard)) : undefined;
  }

  _heard(pause) {
    return { ...pause, remaining: pause.remaining ?? pause.timeout, heard: this._clock() };
  }
}
