"""The fixed table of the actions on a net, which the commands, lagerd and a paused script share.

An action names methods of the net's driver. A serial line (uart) has none, because it is not known how long one takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lager.nets.model import NetType


@dataclass(frozen=True)
class Action:
    """One action. `read` is the driver's method for a reading, or `state.FIELD` for a field of its state; `write` the
    method that takes a value; `do` the method that changes something without a value.

    `asks` is the method for a reading that needs a word. The value is a number in `unit`, or what `takes` says: a
    `word`, or a `level` of 0 or 1. A `harmless` action is allowed on a coupled output, as all reading is.
    """

    help: str
    read: str = ""
    write: str = ""
    do: str = ""
    unit: str = ""
    takes: str = "number"
    harmless: bool = False
    asks: str = ""

    def is_allowed_on_coupled(self, value: object) -> bool:
        return self.harmless or (value is None and bool(self.unit))

    def on(self, driver: Any, value: object = None) -> Any:
        """Carry the action out on an open net: set `value`, or read or do something without a value; return the result
        of the driver."""
        if value is not None:
            return getattr(driver, self.asks or self.write)(value)
        method, _, field = (self.do or self.read).partition(".")
        result = getattr(driver, method)()
        return result.read_or_raise(field) if field else result


_STATE = Action("show all readings and settings", read="state", harmless=True)
_ENABLE = Action("switch the output on", do="enable")
_DISABLE = Action("switch the output off", do="disable", harmless=True)
_CLEAR = Action("reset a tripped protection; the output is off afterwards", do="clear")
_CLEAR_OVP = Action("reset a tripped over-voltage protection", do="clear_ovp")
_CLEAR_OCP = Action("reset a tripped over-current protection", do="clear_ocp")


def _level(method: str, unit: str, help: str) -> Action:
    """Return an action of a driver whose one method reads, and sets if it is given a value."""
    return Action(help, read=method, write=method, unit=unit)


_SUPPLY = {
    "state": _STATE,
    "voltage": Action("measure or set volts", read="voltage", write="set_voltage", unit="V"),
    "current": Action("measure or set amperes", read="current", write="set_current", unit="A"),
    "enable": _ENABLE,
    "disable": _DISABLE,
    "ovp": Action("read or set over-voltage protection", read="state.ovp", write="set_ovp", unit="V"),
    "ocp": Action("read or set over-current protection", read="state.ocp", write="set_ocp", unit="A"),
    "clear": _CLEAR,
    "clear-ovp": _CLEAR_OVP,
    "clear-ocp": _CLEAR_OCP,
    "set": Action("make the instrument a supply, if it has other roles", do="set_mode"),
}
_BATTERY = {
    "state": _STATE,
    "mode": Action("read or set the mode: static or dynamic", read="mode", write="mode", takes="word"),
    "soc": _level("soc", "%", "read or set the state of charge"),
    "voc": _level("voc", "V", "read or set the open-circuit voltage"),
    "capacity": _level("capacity", "Ah", "read or set the capacity"),
    "current-limit": _level("current_limit", "A", "read or set the current limit"),
    "batt-full": _level("voltage_full", "V", "read or set the voltage of the full battery"),
    "batt-empty": _level("voltage_empty", "V", "read or set the voltage of the empty battery"),
    "ovp": _level("ovp", "V", "read or set over-voltage protection"),
    "ocp": _level("ocp", "A", "read or set over-current protection"),
    "model": Action("read or load the battery model", read="model", write="model", takes="word"),
    "enable": _ENABLE,
    "disable": _DISABLE,
    "clear": _CLEAR,
    "clear-ovp": _CLEAR_OVP,
    "clear-ocp": _CLEAR_OCP,
    "set": Action("make the instrument a battery simulator", do="set_mode_battery"),
}
_ELOAD = {
    "state": _STATE,
    "mode": Action("read or select the mode: CC, CV, CR or CP", read="mode", write="mode", takes="word"),
    "cc": _level("current", "A", "read or set the level of constant current"),
    "cv": _level("voltage", "V", "read or set the level of constant voltage"),
    "cr": _level("resistance", "Ω", "read or set the level of constant resistance"),
    "cp": _level("power", "W", "read or set the level of constant power"),
    "enable": replace(_ENABLE, help="switch the input on"),
    "disable": replace(_DISABLE, help="switch the input off"),
}
_SWITCH = {
    "state": replace(_STATE, help="show whether it is on"),
    "on": Action("switch it on: close the relay, power the port", do="on"),
    "off": Action("switch it off: open the relay, take the power from the port", do="off", harmless=True),
    "cycle": Action("switch it off and, after a second or VALUE seconds, on", do="cycle", write="cycle", unit="s"),
}
_DMM = {
    "state": Action("show what it measures, and a reading; changes nothing", read="state", harmless=True),
    "voltage": Action("measure a DC voltage", read="voltage", unit="V"),
    "voltage-ac": Action("measure an AC voltage", read="voltage_ac", unit="V"),
    "current": Action("measure a DC current", read="current", unit="A"),
    "current-ac": Action("measure an AC current", read="current_ac", unit="A"),
    "resistance": Action("measure a resistance between two wires", read="resistance", unit="Ω"),
    "resistance-4w": Action("measure a resistance between four wires", read="resistance_4w", unit="Ω"),
    "frequency": Action("measure the frequency of a voltage", read="frequency", unit="Hz"),
    "continuity": Action("measure the resistance of a connection", read="continuity", unit="Ω"),
    "diode": Action("measure the forward voltage of a diode", read="diode", unit="V"),
}
ACTIONS: Mapping[NetType, Mapping[str, Action]] = {
    NetType.PowerSupply: _SUPPLY,
    NetType.Battery: _BATTERY,
    NetType.ELoad: _ELOAD,
    NetType.ADC: {"input": Action("read the input", read="input", unit="V")},
    NetType.DAC: {"output": _level("output", "V", "read or set the output")},
    NetType.GPIO: {
        "input": Action("read the level of the line", read="input"),
        "output": Action("drive the line", write="output", takes="level"),
        "release": Action("make the line an input", do="release"),
        "toggle": Action("drive the line to the other level", do="toggle"),
    },
    NetType.Switch: _SWITCH,
    NetType.DMM: _DMM,
    NetType.Thermocouple: {"temperature": Action("read the temperature", read="temperature", unit="°C")},
    NetType.UART: {},
    NetType.SCPI: {
        "ask": Action("send a query, and print its answer", asks="ask", takes="word"),
        "tell": Action("send a command", write="tell", takes="word"),
        "query-binary": Action("send a query that is answered with bytes", write="query_binary", takes="word"),
    },
}
# Readings of an instrument, whatever nets it has: how it identifies itself, and a reading of each net that is open.
IDENTITY, OPEN_NETS = "identity", "open-nets"
NAMES = frozenset((IDENTITY, OPEN_NETS, *(name for actions in ACTIONS.values() for name in actions)))
_ASKING = frozenset(name for actions in ACTIONS.values() for name, action in actions.items() if action.asks)
_DOING = frozenset(name for actions in ACTIONS.values() for name, action in actions.items() if action.do)


def look(type: NetType) -> str:
    """Return the action that shows the most about a net of this type; "" if there is none."""
    return next((name for name in ("state", "input", "output", "temperature") if name in ACTIONS[type]), "")


def is_setting(name: str, value: object) -> bool:
    """Return whether the action `name` changes something, on whatever type of net; `value` is None without one."""
    return name not in _ASKING and (value is not None or name in _DOING)
