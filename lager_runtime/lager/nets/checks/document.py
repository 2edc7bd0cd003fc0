"""Checks a whole nets file: its instruments, its nets, and invalid combinations of them."""

import os
from collections.abc import Mapping
from typing import Any

from lager.nets import own_drivers, terminals
from lager.nets.checks.instruments import has_place, is_visa, read_instrument
from lager.nets.checks.mistakes import Mistakes
from lager.nets.checks.nets import read_net
from lager.nets.model import Instrument, NetConfig, NetType
from lager.nets.settings import safe
from lager.wording.values import shown


def check(
    document: Mapping[str, Any], where: str = "", bench: str = ""
) -> tuple[dict[str, Instrument], dict[str, NetConfig], list[str]]:
    """Return the instruments and nets of a parsed file, and a sentence for each mistake in it. `where` is its path,
    `bench` the name of its bench."""
    mistakes = Mistakes()
    mistakes.unknown("", document, ("instruments", "nets", "drivers", "simulate", "bench"))
    if not isinstance(document.get("simulate", {}), dict):  # what is in it matters only to the simulation
        mistakes.add("simulate", "should be a table [simulate]")
    if "drivers" in document:
        _drivers(document["drivers"], where, mistakes)
    tables = {kind: _tables(document, kind, mistakes) for kind in ("instruments", "nets")}
    by_scpi = [table for table in tables["nets"].values() if table.get("type") == NetType.SCPI.value]
    any_model = {str(table.get("instrument")) for table in by_scpi}
    found = {
        name: read_instrument(name, table, mistakes, any_model=name in any_model, bench=bench)
        for name, table in tables["instruments"].items()
    }
    instruments = {name: instrument for name, instrument in found.items() if instrument}
    nets = {}
    for name, table in tables["nets"].items():
        if net := read_net(name, table, instruments, set(found), mistakes):
            nets[name] = net
    # The mistake of an instrument with an invalid address has already been added.
    bounded = terminals.bounded({name: net for name, net in nets.items() if has_place(net.instrument)})
    for name, net in bounded.items():
        # If a net has the safe state of another net, the mistake is in that net.
        if nets[name].safe is not None and (mistake := safe.beyond(net)):
            mistakes.add(f"nets.{name}.{mistake[0]}", mistake[1])
    _refuse_unlimited(bounded, mistakes)
    return instruments, bounded, mistakes


def _drivers(folder: object, where: str, mistakes: Mistakes) -> None:
    """Load the drivers in the folder that the file names, relative to its own."""
    if not isinstance(folder, str) or not folder.strip() or not folder.isprintable():
        mistakes.add("drivers", f"should be the path of a folder, not {shown(folder)}")
        return
    try:
        own_drivers.read_folder(os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(where)), folder)))
    except ValueError as error:
        mistakes.add("drivers", str(error))


def _refuse_unlimited(nets: Mapping[str, NetConfig], mistakes: Mistakes) -> None:
    """Add a mistake for each scpi net beside a net with a limit or a safe state, which it would bypass."""
    for net in nets.values():
        if net.type is not NetType.SCPI or net.options.get("unlimited") or not is_visa(net.instrument):
            continue
        others = [other for other in nets.values() if is_visa(other.instrument)]
        here = [other for other in others if other.instrument.key == net.instrument.key]
        guarded = [other.name for other in here if other.limits.as_dict() or other.safe is not None]
        if guarded:
            reason = f"an scpi net bypasses the limits and the safe state of {', '.join(guarded)}"
            mistakes.add(f"nets.{net.name}.type", f"{reason}; add unlimited = true if that is meant")


def _tables(document: Mapping[str, Any], kind: str, mistakes: Mistakes) -> dict[str, dict[str, Any]]:
    section = document.get(kind, {})
    if not isinstance(section, dict):
        mistakes.add(kind, f"should be tables [{kind}.NAME]")
        return {}
    for name, table in section.items():
        if not isinstance(table, dict):
            mistakes.add(f"{kind}.{name}", f"should be a table [{kind}.{name}]")
    return {name: table for name, table in section.items() if isinstance(table, dict)}
