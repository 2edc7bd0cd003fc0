"""`lager lend` and `lager return`: lend an instrument that a paused script holds, and end the loan."""

from typing import Any

import click

from lager.contract import INSTRUMENTS
from lager.errors import NoSuchInstrument
from lager.wording.text import duration, printable
from lager_cli.daemon import ask
from lager_cli.display import output
from lager_cli.options.box_option import box_option
from lager_cli.options.common import seconds


@click.command()
@click.argument("id")
@click.argument("instrument")
@click.option(
    "--to", metavar="USER", default="", help="Lend it to this user only (default: all members of the group lager)."
)
@click.option("--for", "time", type=seconds, help="How long to lend it (default: 10m).")
@box_option
def lend(id: str, instrument: str, to: str, time: float | None) -> int:
    """Lend INSTRUMENT, which the paused script ID holds, to another process. Its outputs stay as they are.

    The loan ends at `lager return`, at its timeout, when the script resumes or ends, and at `lager off`.

    \b
    Examples:
      lager lend 7f3a psu1
      lager lend 7f3a psu1 --to bob --for 30m
    """
    one = _found(instrument, lent=False)
    options: dict[str, Any] = ({"to": to} if to else {}) | ({} if time is None else {"seconds": time})
    left = ask("Lend", "ssa{sv}", id, one["instrument"], options, name=INSTRUMENTS)[0]
    output.say(f"{one['name']} is lent to {to or 'all members'} for {duration(left)}.")
    output.advise(f"  return it with: lager return {one['name']}")
    return 0


@click.command("return")
@click.argument("instrument")
@box_option
def return_(instrument: str) -> int:
    """End the loan of INSTRUMENT. The borrower has ten seconds to finish and close it.

    \b
    Example:
      lager return psu1
    """
    one = _found(instrument, lent=True)
    ask("Return", "s", one["instrument"], name=INSTRUMENTS, timeout=None)
    output.say(f"{one['name']} is back.")
    return 0


def _found(name: str, *, lent: bool) -> Any:
    """Return the lease of an instrument, given its name in the nets file, its key, or the name of its net."""
    held = [one for one in ask("List", name=INSTRUMENTS)[0] if not one.get("quarantined")]
    fitting = [one for one in held if name in (one["name"], one["instrument"], one["net"])]
    chosen = [one for one in fitting if bool(one.get("lent_to"))] or ([] if lent else fitting)
    if not chosen:
        what = f"{printable(name, 60)} is not {'lent' if lent else 'held by a script'}."
        raise NoSuchInstrument(what, "See who holds what with: lager instruments")
    return chosen[0]
