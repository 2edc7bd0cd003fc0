"""The commands for each type of net; and `lager instruments`."""

import os
import time
from typing import TYPE_CHECKING

import click

from lager import NetType
from lager.contract import INSTRUMENTS
from lager.errors import NoSuchInstrument
from lager.wording.text import duration, printable
from lager_cli.commands.instruments.net_actions import command, single
from lager_cli.daemon import ask
from lager_cli.display import output
from lager_cli.display.age import age, with_ages
from lager_cli.options.box_option import box_option, go, several_box_group_option
from lager_cli.options.common import json_option

if TYPE_CHECKING:
    from lager.contract import LeaseDetails
    from lager_cli.boxes.several.fan_out import Table


supply = command(
    "supply",
    NetType.PowerSupply,
    "Read and set a power supply.",
    [
        "supply2",
        "supply2 voltage 3.3 --ovp 3.6",
        "supply2 current 500mA",
        "supply2 enable --wait 10",
        "supply2 state --json",
    ],
)
battery = command(
    "battery",
    NetType.Battery,
    "Read and set a simulated battery.",
    ["battery1", "battery1 soc 80", "battery1 enable"],
)
eload = command(
    "eload",
    NetType.ELoad,
    "Read and set an electronic load; setting a level selects its mode.",
    ["eload1", "eload1 cc 0.5", "eload1 enable"],
)
switch = command(
    "switch",
    NetType.Switch,
    "Switch a relay, an outlet or a port of a USB hub.",
    ["relay1", "relay1 on", "relay1 cycle 2.5"],
)
dmm = command("dmm", NetType.DMM, "Measure with a multimeter.", ["dmm1", "dmm1 voltage", "dmm1 resistance --json"])
thermocouple = single(
    "thermocouple", NetType.Thermocouple, "temperature", "Read a thermocouple.", None, ["thermocouple1"]
)
adc = single("adc", NetType.ADC, "input", "Read an analog input.", None, ["adc1", "adc1 --through"])
dac = single("dac", NetType.DAC, "output", "Read or set an analog output.", "[VOLTS]", ["dac1", "dac1 1.8"])

_HEADERS = ("INSTRUMENT", "NET", "HELD BY", "SCRIPT", "PID", "FOR", "WAITING", "PAUSED")


@click.group(invoke_without_command=True)
@json_option
@several_box_group_option
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
    for one in (one for one in found if one.get("quarantined")):
        since = time.strftime("%H:%M:%S", time.localtime(one["since"]))
        output.say(f"{one['name']} has been quarantined since {since}: it may be energised. {one['reason']}")
        output.advise(f"  make sure that it is safe, then: lager instruments clear {one['name']}")
    held = [one for one in found if not one.get("quarantined")]
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
    found = [one for one in ask("List", name=INSTRUMENTS)[0] if one.get("quarantined")]
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


def _row(lease: "LeaseDetails") -> tuple[object, ...]:
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


def _state(lease: "LeaseDetails") -> str:
    """Return the pauses of the holder and whether the instrument is lent, or why it cannot be used. An older box gives
    no reason."""
    quarantined = "quarantined: " if lease.get("quarantined") else ""
    lent = [f"lent to {lease['lent_to'].replace('*', 'all members')}"] if lease.get("lent_to") else []
    return f"{quarantined}{lease.get('reason', '')}" or ", ".join([*lease["pauses"], *lent]) or "-"


def _table() -> "Table":
    from lager_cli.boxes.several.fan_out import Table

    return Table(_HEADERS, _row)
