// Words for people: text of strangers without hidden characters, times and values.

// Control characters, and those that change the direction of text or are not seen.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Return text of a script or an instrument as one line, its hidden characters written as \xNN or \uNNNN. */
export function printable(text, most = 1000) {
  const shown = String(text ?? "").replace(HIDDEN, (one) => {
    const code = one.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });
  return shown.length > most ? `${shown.slice(0, most - 1)}…` : shown;
}

/** Return seconds as 7s, 4m43s or 2h05m. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 60) {
    return `${whole}s`;
  }
  return whole < 3600
    ? `${Math.floor(whole / 60)}m${two(whole % 60)}s`
    : `${Math.floor(whole / 3600)}h${two(Math.floor(whole / 60) % 60)}m`;
}

/** Return the seconds of 90, 90s, 10m or 1h; undefined for anything else. */
export function seconds(text) {
  const found = /^(\d+(?:\.\d+)?)\s*(s|m|h)?$/.exec(String(text).trim());
  return found ? Number(found[1]) * { s: 1, m: 60, h: 3600 }[found[2] || "s"] : undefined;
}

/** Return a moment, given in seconds since the epoch, by the browser's clock and time zone. */
export function moment(since) {
  const when = new Date(Number(since) * 1000);
  const two = (number) => String(number).padStart(2, "0");
  return Number.isNaN(when.getTime())
    ? "-"
    : `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())} ` +
        `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
}

/** Return a setting or a reading with its unit. */
export function amount(value, unit = "") {
  if (value === undefined || value === null) {
    return "-";
  }
  if (typeof value === "boolean") {
    return value ? "on" : "off";
  }
  const shown = typeof value === "number" ? String(Number(value.toPrecision(6))) : printable(value, 200);
  return unit ? `${shown} ${printable(unit, 8)}` : shown;
}

/** Return a change of the bench as one line: supply2 voltage 3.3 V → 5 V, by anna with lager supply. */
export function change(one) {
  const old = one.old === undefined ? "" : `${amount(one.old, one.unit)} → `;
  const how = one.how ? ` (${printable(one.how, 80)})` : "";
  return `${printable(one.net, 80)} ${printable(one.what, 40)} ${old}${amount(one.new, one.unit)} by ${printable(one.user || "-", 40)}${how}`;
}
