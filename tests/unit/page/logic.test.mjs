// The logic of the page in Cockpit, which needs no browser.
import assert from "node:assert";
import { test } from "node:test";
import { Bench, actionsOf, isValue, mayUse, path, question } from "../../../page/bench/bench.js";
import { changes, events, filtered } from "../../../page/history/history.js";
import { sent } from "../../../page/terminal/keys.js";
import { Pauses, plain } from "../../../page/pauses/pauses.js";
import { Screen } from "../../../page/terminal/screen.js";
import { amount, change, duration, printable, seconds } from "../../../page/text.js";

const supply = (more) => ({ name: "s", type: "supply", measured: { voltage: 1 }, state: { enabled: false, voltage_set: 3, current_set: 1 }, ...more });
const labels = (net, uid) => actionsOf(net, uid).map((one) => one.label);

test("variants become plain values, however deep", () => {
  assert.deepStrictEqual(plain([{ a: { t: "as", v: ["x"] }, b: { t: "v", v: { t: "d", v: 1.5 } } }]), [{ a: ["x"], b: 1.5 }]);
});

test("the time left of a pause runs by the browser's own clock and is extended by a signal", () => {
  let now = 100;
  const table = new Pauses(() => now);
  table.add("aa", { since: 2, remaining: 60, user: "alice", uid: 1 });
  table.replace([...table.all(), { id: "bb", since: 1, remaining: 0 }]);
  now = 130;
  assert.strictEqual(table.left(table.get("aa")), 30);
  assert.strictEqual(table.left(table.get("bb")), undefined);
  table.extend("aa", 600, { user: "bob", uid: 2, consoles: 1, attached: ["bob"] });
  assert.strictEqual(table.left(table.get("aa")), 600);
  assert.deepStrictEqual([table.get("aa").user, table.get("aa").consoles], ["alice", 1]);
  table.extend("gone", 5);
  assert.deepStrictEqual(table.all().map((one) => one.id), ["bb", "aa"]);
});

test("hidden characters of a label are shown, not obeyed", () => {
  assert.strictEqual(printable("a\u202eb\u0000c\u200bd\ne"), "a\\u202eb\\x00c\\u200bd\\x0ae");
  assert.strictEqual(printable("x".repeat(50), 10).length, 10);
});

test("times and values are words of lager's commands", () => {
  assert.deepStrictEqual([duration(7.9), duration(283), duration(7500)], ["7s", "4m43s", "2h05m"]);
  assert.deepStrictEqual([seconds("10m"), seconds("90"), seconds("1 year"), seconds("-5")], [600, 90, undefined, undefined]);
  assert.deepStrictEqual([amount(3.3000001, "V"), amount(true), amount(null)], ["3.3 V", "on", "-"]);
  assert.strictEqual(change({ net: "s", what: "voltage", old: 1, new: 2, unit: "V", user: "bob", how: "lager supply" }), "s voltage 1 V → 2 V by bob (lager supply)");
});

test("a net is offered to who may use it now", () => {
  assert.deepStrictEqual(labels(supply(), 1), ["Set", "Set", "Enable"]);
  assert.deepStrictEqual(labels(supply({ state: { enabled: true } }), 1), ["Set", "Set", "Off"]);
  const paused = { pauses: ["aa"], uid: 1 };
  assert.deepStrictEqual(actionsOf(supply({ held_by: paused }), 1)[2].words(), ["supply", "s", "enable", "--through"]);
  assert.ok(mayUse(supply({ held_by: paused }), 0));
  for (const held_by of [{ ...paused, uid: 2 }, { pauses: [], uid: 1 }, { ...paused, quarantined: true }]) {
    assert.deepStrictEqual(labels(supply({ held_by }), 1), []);
  }
  assert.deepStrictEqual(labels(supply({ problem: "no answer" }), 1), []);
  assert.deepStrictEqual(labels({ name: "a", type: "adc", measured: {} }, 1), []);
});

test("only what energises is asked about", () => {
  const [voltage, , enable] = actionsOf(supply(), 1);
  assert.match(question(supply(), enable), /^Switch on s: 3 V, at most 1 A/);
  assert.strictEqual(question(supply(), voltage, "5"), "");
  assert.match(question(supply({ state: { enabled: true } }), voltage, "5"), /is on. Set voltage to 5/);
  const dac = { name: "d", type: "dac", measured: { voltage: 0 } };
  assert.match(question(dac, actionsOf(dac, 1)[0], "2"), /driven/);
  assert.strictEqual(question(dac, actionsOf(dac, 1)[0], "0"), "");
  assert.ok(["3.3", "-1", ".5 mA", "20%"].every(isValue) && !["", "--all", "x", "1; rm", "3 4"].some(isValue));
});

test("a plot has the last minute, with a gap where there was no reading", () => {
  const bench = new Bench();
  const line = (voltage) => JSON.stringify({ nets: [supply({ measured: { voltage } })], quarantined: [], problem: null });
  [0, null, 1, 2].forEach((value, at) => bench.take(line(value), at * 25));
  assert.strictEqual(bench.samples("s").length, 3);
  assert.strictEqual(path(bench.samples("s"), 60, 20, 75), "M35.0 19.0L60.0 1.0");
});

test("a net that was never in view offers no action, and one that left it has a gap in its plot", () => {
  const bench = new Bench();
  const take = (more, now) => bench.take(JSON.stringify({ nets: [supply({ measured: { voltage: 1 }, ...more })], quarantined: [], problem: null }), now);
  take({ unread: true }, 1);
  assert.deepStrictEqual(labels(bench.nets[0], 1), []);
  take({}, 2);
  take({ unread: true }, 3);
  assert.deepStrictEqual(labels(bench.nets[0], 1), ["Set", "Set", "Enable"]);
  assert.deepStrictEqual(bench.samples("s").map((one) => one.value), [undefined, 1, undefined]);
});

test("the history is filtered, and knows what was changed during each pause", () => {
  const records = [{ event: "paused", breakpoint: "aa" }, { event: "changed", breakpoint: "aa", net: "s" }, { event: "resumed", breakpoint: "aa", by_user: "Bob" }];
  assert.deepStrictEqual(filtered(records, { text: "AA bob" }).map((one) => one.event), ["resumed"]);
  assert.deepStrictEqual(filtered(records).map((one) => one.event), ["resumed", "changed", "paused"]);
  assert.deepStrictEqual(events(records), ["changed", "paused", "resumed"]);
  assert.strictEqual(changes(records).get("aa").length, 1);
});

const shown = (text, columns = 20, rows = 4) => {
  const answers = [];
  const screen = new Screen(columns, rows, (one) => answers.push(one));
  for (const piece of text) {
    screen.feed(piece); // in the smallest pieces
  }
  return [screen.text(), answers.join(""), screen];
};

test("the terminal shows what a line editor writes", () => {
  assert.strictEqual(shown("abc\x1b[2D\x1b[KX\r\n\x1b[1;31mred\x1b[0m!")[0], "aX\nred!");
  assert.strictEqual(shown("one\r\ntwo\x1b[A\x1b[2K\r1\x1b[B\r\x1b[P")[0], "1\nwo");
  assert.strictEqual(shown("0123456789", 4)[0], "0123\n4567\n89");
  assert.strictEqual(shown("a\x1b]0;title\x07b\x1b[?2004hc\x1b[38;5;200md\x1b[>4;1me")[0], "abcde");
  assert.strictEqual(shown("ab\r\n\x1b[6n")[1], "\x1b[2;1R");
  assert.deepStrictEqual(shown("\x1b[31mr\x1b[7mx\x1b[m.")[2].runs(0).map((one) => one.style), ["ink1", "ink1 reverse", ""]);
});

test("the terminal survives any bytes, and keeps its size", () => {
  let seed = 7;
  const letters = ["\x1b[", "\x1b", "9999999", ";", "A", "B", "C", "H", "J", "K", "m", "P", "@", "n", "\n", "\r", "\b", "\t", "x", "é", "\x1b]", "?", "M"];
  const random = () => letters[(seed = (seed * 1103515245 + 12345) % 2147483648) % letters.length];
  const [, , screen] = shown(Array.from({ length: 20000 }, random));
  assert.ok(screen.lines.length <= 2000 && screen.lines.every((one) => one.length <= 20), "a line is longer than the screen");
  assert.ok(screen.x <= 20 && screen.y < screen.lines.length);
});

test("keys are those of xterm, and those of the browser stay the browser's", () => {
  const key = (name, more = {}) => sent({ key: name, ...more });
  assert.deepStrictEqual([key("a"), key("Enter"), key("ArrowUp"), key("d", { ctrlKey: true }), key("b", { altKey: true })], ["a", "\r", "\x1b[A", "\x04", "\x1bb"]);
  assert.deepStrictEqual([key("Shift"), key("F5"), key("V", { ctrlKey: true, shiftKey: true }), key("Tab", { shiftKey: true })], Array(4).fill(undefined));
});
