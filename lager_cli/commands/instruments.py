"""The commands for each type of net, as tables of actions; and `lager instruments`."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from lager import NetType
from lager.contract import INSTRUMENTS
from lager.text import duration
from lager_cli.commands.box_option import several_box_option
from lager_cli.commands.net_actions import Action, command, single
from lager_cli.commands.options import json_option
from lager_cli.commands.typed_values import level
from lager_cli.daemon import ask
from lager_cli.display import output
from lager_cli.display.age import age, with_ages

if TYPE_CHECKING:
    from lager_cli.boxes.fan_out import Table


def _state_field(name: str) -> Callable[[Any], Any]:
    """Return a function that reads this field of a net's state."""
    return lambda net: net.state().told(name)


_STATE = Action(read=lambda net: net.state(), help="show all readings and settings", harmless=True)
_ENABLE = Action(read=lambda net: net.enable(), help="switch the output on")
_DISABLE = Action(read=lambda net: net.disable(), help="switch the output off", harmless=True)
_CLEAR = Action(read=lambda net: net.clear(), help="reset a tripped protection; the output is off afterwards")


supply = command(
    "supply",
    NetType.PowerSupply,
    {
        "state": _STATE,
        "voltage": Action(
            lambda net: net.voltage(), lambda net, v: net.set_voltage(v), "V", help="measure or set volts"
        ),
        "current": Action(
            lambda net: net.current(), lambda net, a: net.set_current(a), "A", help="measure or set amperes"
        ),
        "enable": _ENABLE,
        "disable": _DISABLE,
        "ovp": Action(
            _state_field("ovp"), lambda net, v: net.set_ovp(v), "V", help="read or set over-voltage protection"
        ),
        "ocp": Action(
            _state_field("ocp"), lambda net, a: net.set_ocp(a), "A", help="read or set over-current protection"
        ),
        "clear": _CLEAR,
    },
    "Read and set a power supply.",
    ["supply2", "supply2 voltage 3.3", "supply2 current 500mA", "supply2 enable --wait 10", "supply2 state --json"],
)

battery = command(
    "battery",
    NetType.Battery,
    {
        "state": _STATE,
        "mode": Action(
            lambda net: net.mode(), lambda net, m: net.mode(m), kind=str, help="read or set the mode: static or dynamic"
        ),
        "soc": Action(lambda net: net.soc(), lambda net, v: net.soc(v), "%", help="read or set the state of charge"),
        "voc": Action(
            lambda net: net.voc(), lambda net, v: net.voc(v), "V", help="read or set the open-circuit voltage"
        ),
        "capacity": Action(
            lambda net: net.capacity(), lambda net, v: net.capacity(v), "Ah", help="read or set the capacity"
        ),
        "current-limit": Action(
            lambda net: net.current_limit(),
            lambda net, v: net.current_limit(v),
            "A",
            help="read or set the current limit",
        ),
        "enable": _ENABLE,
        "disable": _DISABLE,
        "clear": _CLEAR,
    },
    "Read and set a simulated battery.",
    ["battery1", "battery1 soc 80", "battery1 enable"],
)

eload = command(
    "eload",
    NetType.ELoad,
    {
        "state": _STATE,
        "cc": Action(
            lambda net: net.current(),
            lambda net, v: net.current(v),
            "A",
            help="read or set the level of constant current",
        ),
        "cv": Action(
            lambda net: net.voltage(),
            lambda net, v: net.voltage(v),
            "V",
            help="read or set the level of constant voltage",
        ),
        "cr": Action(
            lambda net: net.resistance(),
            lambda net, v: net.resistance(v),
            "Ω",
            help="read or set the level of constant resistance",
        ),
        "cp": Action(
            lambda net: net.power(), lambda net, v: net.power(v), "W", help="read or set the level of constant power"
        ),
        "enable": replace(_ENABLE, help="switch the input on"),
        "disable": replace(_DISABLE, help="switch the input off"),
    },
    "Read and set an electronic load; setting a level selects its mode.",
    ["eload1", "eload1 cc 0.5", "eload1 enable"],
)

adc = single("adc", NetType.ADC, Action(lambda net: net.input(), unit="V"), "Read an analog input.", None, ["adc1"])
dac = single(
    "dac",
    NetType.DAC,
    Action(lambda net: net.output(), lambda net, v: net.output(v), "V"),
    "Read or set an analog output.",
    "[VOLTS]",
    ["dac1", "dac1 1.8"],
)
gpi = single(
    "gpi",
    NetType.GPIO,
    Action(lambda net: net.input()),
    "Read the level of a digital line without changing its direction.",
    None,
    ["gpi1"],
)


def _level_or_release(text: str) -> int | str:
    return text if text == "release" else level(text)


gpo = single(
    "gpo",
    NetType.GPIO,
    Action(write=lambda net, v: net.release() if v == "release" else net.output(v), kind=_level_or_release),
    "Drive a digital line to LEVEL (0, low or off; 1, high or on); `release` makes it an input again.",
    "LEVEL",
    ["gpo1 1", "gpo1 high", "gpo1 release"],
)

_HEADERS = ("INSTRUMENT", "NET", "HELD BY", "SCRIPT", "PID", "FOR", "WAITING", "PAUSED")


@click.command()
@json_option
@several_box_option(lambda: _table())
def instruments(as_json: bool) -> None:
    """List the instruments in use: who holds each, for how long, and the pauses of that script.

    \b
    Example:
      lager instruments --json
    """
    held = ask("List", name=INSTRUMENTS)[0]
    if as_json:
        output.print_json(with_ages(held))
    elif held:
        output.fitting_table(_HEADERS, [_row(lease) for lease in sorted(held, key=lambda lease: lease["name"])])
    else:
        output.say("No instrument is in use.")


def _row(lease: dict[str, Any]) -> tuple[object, ...]:
    return (
        lease["name"],
        lease["net"] or "-",
        lease["user"],
        lease["script"] or "-",
        lease["pid"],
        duration(age(lease)),
        lease["waiting"] or "-",
        ", ".join(lease["pauses"]) or "-",
    )


def _table() -> "Table":
    from lager_cli.boxes.fan_out import Table

    return Table(_HEADERS, _row)
