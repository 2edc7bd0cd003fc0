// What a look into a paused script shows: source, stack and variables. The script can send anything.
import { make } from "../dom.js";
import { printable } from "../text.js";

const list = (value) => (Array.isArray(value) ? value.filter((one) => one && typeof one === "object") : []);

/** Return the elements for the JSON text of Inspect. */
export function snapshot(text) {
  let look;
  try {
    look = JSON.parse(text);
  } catch {
    look = null;
  }
  if (!look || typeof look !== "object") {
    return [make("p", {}, "The script's answer cannot be read.")];
  }
  return [part("Source", source(look)), part("Stack", stack(look)), part("Variables", variables(look))];
}

function part(title, inside) {
  return make("section", {}, make("h3", {}, title), inside);
}

function source(look) {
  const lines = list(look.source);
  if (!lines.length) {
    return make("p", {}, "The source is not available.");
  }
  const shown = lines.map((one) => make("span", { class: one.here ? "line here" : "line" }, `${String(one.line).padStart(5)}  ${code(one.text)}\n`));
  return make("pre", { class: "source", tabindex: 0, "aria-label": "Source" }, ...shown);
}

function code(text) {
  return String(text ?? "").replaceAll("\t", "    ").split("\n").map((one) => printable(one, 400)).join(" ");
}

function stack(look) {
  const frames = list(look.stack).reverse();
  const shown = frames.map((one) => make("li", {}, `${printable(one.function, 100)} `, make("span", { class: "where" }, `${printable(one.file, 300)}:${printable(one.line, 10)}`)));
  return make("ol", { class: "stack" }, ...shown, left(look.frames_left_out, "frame"));
}

function variables(look) {
  const rows = list(look.variables).map((one) =>
    make("tr", {}, make("th", { scope: "row" }, printable(one.name, 100)), make("td", {}, printable(one.type, 100)), make("td", { class: "value" }, printable(one.value, 2000))),
  );
  return make("div", {}, rows.length ? make("table", {}, make("tbody", {}, ...rows)) : make("p", {}, "none"), left(look.variables_left_out, "variable"));
}

function left(count, what) {
  return count > 0 && make("p", { class: "hint" }, `${Number(count)} more ${what}${count > 1 ? "s" : ""}`);
}
