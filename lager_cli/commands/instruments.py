"""The commands for each type of net, as tables of actions; and `lager instruments`."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from lager import NetType
from lager.contract import INSTRUMENTS
from lager.errors import NoSuchInstrument
from lager.text import duration, printable
from lager_cli.commands.box_option import box_group_option, box_option, go
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


@click.group(invoke_without_command=True)
@json_option
@box_group_option
@click.pass_context
def instruments(context: click.Context, as_json: bool, box: str | None) -> None:
    """List the instruments in use: who holds each, for how long, and the pauses of that script. Instruments in
    quarantine, which may be energised, come first.

    \b
    Examples:
      lager instruments --json
      lager instruments clear psu1
    """
    go(context, box, _table)
    if context.invoked_subcommand is not None:
        return
    found = ask("List", name=INSTRUMENTS)[0]
    if as_json:
        output.print_json(with_ages(found))
        return
    for one in (one for one in found if one["quarantined"]):
        since = time.strftime("%H:%M:%S", time.localtime(one["since"]))
        output.say(f"{one['name']} is quarantined since {since}: it may be energised. {one['reason']}")
        output.say(f"  make sure that it is safe, then: lager instruments clear {one['name']}")
    held = [one for one in found if not one["quarantined"]]
    if held:
        output.fitting_table(_HEADERS, [_row(lease) for lease in sorted(held, key=lambda lease: lease["name"])])
    elif not found:
        output.say("No instrument is in use.")


@instruments.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask whether it is safe.")
@box_option
def clear(name: str, yes: bool) -> int:
    """End the quarantine of an instrument. Make sure first that it is safe: lager could not switch it off.

    \b
    Example:
      lager instruments clear psu1
    """
    found = [one for one in ask("List", name=INSTRUMENTS)[0] if one["quarantined"]]
    chosen = [one for one in found if name in (one["name"], one["instrument"])]
    if not chosen:
        names = ", ".join(one["name"] for one in found)
        hint = f"Quarantined: {names}." if names else "No instrument is quarantined."
        raise NoSuchInstrument(f"{printable(name, 60)} is not quarantined.", hint)
    for one in chosen:
        output.say(f"{one['name']}: {one['reason']}")
        if not yes:
            if not os.isatty(0):
                raise click.UsageError("There is no terminal to ask on. Make sure that it is safe, then add --yes.")
            if not output.confirm(f"Is {one['name']} safe to use?"):
                return 1
        ask("Clear", "s", one["instrument"], name=INSTRUMENTS)
        output.say(f"{one['name']} can be claimed again.")
    return 0


def _row(lease: dict[str, Any]) -> tuple[object, ...]:
    return (
        lease["name"],
        lease["net"] or "-",
        lease["user"],
        lease["script"] or "-",
        lease["pid"],
        duration(age(lease)),
        lease["waiting"] or "-",
        _state(lease),
    )


def _state(lease: dict[str, Any]) -> str:
    """Return the pauses of the holder, or why the instrument cannot be used. An older box tells no reason."""
    quarantined = "quarantined: " if lease.get("quarantined") else ""
    return f"{quarantined}{lease.get('reason', '')}" or ", ".join(lease["pauses"]) or "-"


def _table() -> "Table":
    from lager_cli.boxes.fan_out import Table

    return Table(_HEADERS, _row)
