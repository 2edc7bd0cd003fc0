// What a key of the keyboard sends to a program in a terminal; xterm's sequences.

const NAMED = {
  Enter: "\r", Backspace: "\x7f", Tab: "\t", Escape: "\x1b", ArrowUp: "\x1b[A", ArrowDown: "\x1b[B", ArrowRight: "\x1b[C",
  ArrowLeft: "\x1b[D", Home: "\x1b[H", End: "\x1b[F", Delete: "\x1b[3~", PageUp: "\x1b[5~", PageDown: "\x1b[6~",
};

/** Return what a keydown sends; undefined if the key is the browser's. */
export function sent({ key, ctrlKey, altKey, metaKey, shiftKey, isComposing }) {
  if (metaKey || isComposing || (ctrlKey && shiftKey)) {
    return undefined; // Ctrl+Shift+C and V copy and paste
  }
  if (key === "Tab" && shiftKey) {
    return undefined; // leaves the terminal, for who has no mouse
  }
  if (NAMED[key]) {
    return NAMED[key];
  }
  if ([...key].length !== 1) {
    return undefined;
  }
  if (ctrlKey && !altKey) {
    const code = key.toUpperCase().charCodeAt(0);
    return code >= 64 && code <= 95 ? String.fromCharCode(code - 64) : key === " " ? "\x00" : undefined;
  }
  return altKey && !ctrlKey ? `\x1b${key}` : key;
}
