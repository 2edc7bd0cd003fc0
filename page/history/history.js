// The history of the box, without a page: filters, and what was changed during each pause.

export const MOST = 500; // rows that are shown

/** Return the records that fit, the newest first: `event` is one word or "", each word of `text` is somewhere in it. */
export function filtered(records, { event = "", text = "" } = {}) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (one) => {
    const whole = Object.values(one).join("\n").toLowerCase();
    return (!event || one.event === event) && words.every((word) => whole.includes(word));
  };
  return records.filter(fits).reverse();
}

/** Return the events that occur, sorted. */
export function events(records) {
  return [...new Set(records.map((one) => String(one.event)))].sort();
}

/** Return the changes of each pause, by its id: the records of what was set on the bench while it was paused. */
export function changes(records) {
  const found = new Map();
  for (const one of records) {
    if (one.event === "changed" && one.breakpoint && one.breakpoint !== "-") {
      found.set(one.breakpoint, [...(found.get(one.breakpoint) || []), one]);
    }
  }
  return found;
}
