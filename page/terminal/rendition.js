// How text looks in a terminal: SGR of ECMA-48, as classes of the page's style sheet.

/** Return the look after a sequence with these numbers. */
export function rendition(before, numbers) {
  let now = before;
  for (let at = 0; at < numbers.length; at += 1) {
    const code = numbers[at];
    if (code === 38 || code === 48) {
      at += numbers[at + 1] === 2 ? 4 : 2; // other palettes: as if it were not coloured
    } else {
      now = { ...(code === 0 ? {} : now), ...look(code) };
    }
  }
  return now;
}

/** Return the classes of a look. */
export function styleOf({ ink, bold, faint, underline, reverse }) {
  return [ink, bold && "bold", faint && "faint", underline && "underline", reverse && "reverse"].filter(Boolean).join(" ");
}

function look(code) {
  if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) {
    return { ink: `ink${code % 10}` };
  }
  const known = { 1: { bold: true }, 2: { faint: true }, 4: { underline: true }, 7: { reverse: true }, 22: { bold: false, faint: false },
    24: { underline: false }, 27: { reverse: false }, 39: { ink: undefined } };
  return known[code] || {};
}
