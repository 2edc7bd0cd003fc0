// lagerd as the page reaches it: by the user's own connection to the system bus, which Cockpit's bridge makes.
import { plain } from "./pauses/pauses.js";

const cockpit = window.cockpit;
const BREAKPOINTS = "com.lager.Breakpoints";
const INSTRUMENTS = "com.lager.Instruments";
const RETRY = 1000; // milliseconds
const LOST = ["disconnected", "terminated", "no-session"];

const pathOf = (name) => `/${name.replaceAll(".", "/")}`;

/** Return an error of the bus or of a command as one sentence. */
export function sentence(error) {
  if (/AccessDenied/.test(error.name || "") && /^org\.freedesktop/.test(error.name)) {
    return "You are not a member of the group lager. Ask for: sudo adduser YOU lager; then log in again.";
  }
  if (error.problem === "access-denied") {
    return "You are not a member of the group lager. Ask for: sudo adduser YOU lager; then log in again.";
  }
  if (error.problem === "not-found" || /ServiceUnknown|NameHasNoOwner/.test(error.name || "")) {
    return "lagerd does not run on this box. Type: sudo systemctl start lagerd";
  }
  return error.message || error.problem || String(error);
}

/** Whether lagerd refused because of who the user is. */
export function isRefused(error) {
  return /AccessDenied/.test(error.name || "") || error.problem === "access-denied";
}

/** The connection. `heard(name, ...values)` is called for each signal, `up()` when lagerd is there, `down(why)` when it is not. */
export class Daemon {
  constructor({ heard, up, down }) {
    this._tell = { heard, up, down };
    this._clients = {};
    this._owner = null;
    this._connect(BREAKPOINTS);
    this._connect(INSTRUMENTS);
  }

  /** Call a method and return the list of its results as plain values. */
  async call(member, signature = "", ...values) {
    return this._call(BREAKPOINTS, member, signature, values);
  }

  async instruments(member, signature = "", ...values) {
    return this._call(INSTRUMENTS, member, signature, values);
  }

  async _call(name, member, signature, values) {
    return plain(await this._clients[name].call(pathOf(name), name, member, values, { type: signature }));
  }

  _connect(name) {
    const client = cockpit.dbus(name, { bus: "system" });
    this._clients[name] = client;
    client.subscribe({ path: pathOf(name), interface: name }, (_path, _interface, signal, values) =>
      this._tell.heard(signal, ...plain(values)),
    );
    client.addEventListener("owner", (_event, owner) => name === BREAKPOINTS && this._owned(owner));
    client.addEventListener("close", (_event, options) => this._closed(name, options));
  }

  _owned(owner) {
    if (owner && owner !== this._owner) {
      this._tell.up();
    } else if (!owner) {
      this._tell.down("lagerd is not running. Paused scripts stay paused; the page continues when lagerd is back.");
    }
    this._owner = owner;
  }

  _closed(name, options) {
    if (name === BREAKPOINTS) {
      this._owner = null;
      this._tell.down(LOST.includes(options.problem) ? "The connection to the box is lost." : sentence(options));
    }
    window.setTimeout(() => this._connect(name), RETRY);
  }
}

/** Run a lager command as the user; return what it prints. Rejects with what it says on standard error; `output` of that
 * error is what it printed before. */
export function lager(...words) {
  return new Promise((resolve, reject) => {
    cockpit.spawn(["lager", "--here", ...words], { err: "message" }).then(resolve, (error, output) => {
      const said = (error.message || error.problem || "").trim().split("\n").pop().replace(/^(lager|Error): /, "");
      reject(Object.assign(new Error(said), { output }));
    });
  });
}

/** Return whether polkit allows the user an action; one for which it would ask for a password counts as not allowed. */
export function allowed(action) {
  const command = ["sh", "-c", 'exec pkcheck --action-id "$0" --process $$', action];
  return cockpit.spawn(command, { err: "ignore" }).then(() => true, () => false);
}

/** Switch off the whole bench. Returns what is told; rejects with what is not off. */
export async function allOff() {
  let rows;
  try {
    rows = JSON.parse(await lager("off", "--json"));
  } catch (error) {
    if (!error.output) {
      throw error;
    }
    const left = JSON.parse(error.output).filter((one) => !one.off);
    throw new Error(`Not off: ${left.map((one) => `${one.net} (${one.reason})`).join("; ")}`);
  }
  return rows.length ? `Off: ${rows.map((one) => one.net).join(", ")}.` : "The nets file has no outputs.";
}

/** Return who the user is on the box: { id, name }. */
export async function whoami() {
  return window.cockpit.user();
}
