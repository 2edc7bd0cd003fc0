"""Reads the nets file, which lists the instruments of a bench and names the nets on them.

    [instruments.psu1]
    model = "DP821"
    address = "TCPIP::192.168.1.20::INSTR"   # a VISA resource, a serial device path, or a Modbus TCP host
    timeout = 2.0                            # seconds for one answer; optional

    [nets.supply2]
    type = "supply"                          # supply battery eload adc dac gpio uart
    instrument = "psu1"
    channel = 1
    max_voltage = 5.5                        # volts, amperes, watts: no command and no script can exceed them
    max_current = 0.5

One mistake rejects the whole file; the error lists every mistake.

The drop-ins in the folder nets.toml.d are further such files, read in the order of their names. Each describes a bench
of its own (see `benches`), and one that is rejected takes nothing from the others.
"""

import os
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import lager
from lager import variables
from lager.contract import NETS_FILE
from lager.errors import NetsFileError
from lager.nets import benches
from lager.nets.checks.document import check
from lager.nets.checks.mistakes import Mistakes
from lager.nets.model import Nets
from lager.wording import text_files


def path() -> str:
    """Return the path of this machine's nets file: LAGER_NETS if set, else /etc/lager/nets.toml.

    In a simulated bench it is that of the simulation, whatever the script sets LAGER_NETS to.
    """
    if simulated := lager.at_start(variables.BENCH):
        return os.path.join(simulated, "nets.toml")
    return lager.setting(variables.NETS) or NETS_FILE


def load(file: str | os.PathLike[str] | None = None) -> Nets:
    """Read and check the nets file and its drop-ins. Raises NetsFileError that lists every mistake in it.

    With drop-ins, it raises only if none of the files can be used; `rejected` of the result has the reason for each
    unused file.
    """
    where = os.fspath(file) if file is not None else path()
    added = text_files.drop_ins(where)
    return _joined(where, added) if added else _one(where)


def exists(file: str | os.PathLike[str]) -> bool:
    """Return whether there is a nets file or a drop-in of it."""
    return os.path.exists(file) or bool(text_files.drop_ins(file))


def _joined(where: str, added: Sequence[str]) -> Nets:
    used: list[Nets] = []
    rejected: list[NetsFileError] = []
    for each in (*((where,) if os.path.lexists(where) else ()), *added):
        try:
            one = _one(each)
            _refuse_doubles(one, used)
        except NetsFileError as error:
            rejected.append(error)
        else:
            used.append(one)
    if not used:
        raise rejected[0]
    return Nets(
        where,
        MappingProxyType({name: instrument for one in used for name, instrument in one.instruments.items()}),
        MappingProxyType({name: net for one in used for name, net in one.nets.items()}),
        tuple(bench for one in used for bench in one.benches),
        tuple(rejected),
    )


def _refuse_doubles(one: Nets, others: Sequence[Nets]) -> None:
    """Raise NetsFileError, which names both files, if another file has a bench, net or instrument of this file."""
    for other in others:
        if twice := _twice(one, other):
            raise NetsFileError(
                f"The nets file {one.path} is not used, because {other.path} has {twice}, too.",
                "Rename or remove one of them.",
            )


def _twice(one: Nets, other: Nets) -> str:
    names = (
        ("net", one.nets, other.nets),
        ("instrument", one.instruments, other.instruments),
        ("bench", _named(one), _named(other)),
    )
    for kind, ours, theirs in names:
        if both := sorted(set(ours) & set(theirs)):
            return f"the {kind} {both[0]}"
    keys = {instrument.key for instrument in other.instruments.values()}
    return next((f"the instrument at {each.address}" for each in one.instruments.values() if each.key in keys), "")


def _named(nets: Nets) -> set[str]:
    return {bench.name for bench in nets.benches if bench.name}


def _one(where: str) -> Nets:
    try:
        text = text_files.read(where)
    except (FileNotFoundError, NotADirectoryError):
        hint = "Write one, convert one with 'lager nets import FILE', or set LAGER_NETS to its path."
        raise NetsFileError(f"There is no nets file at {where}.", hint) from None
    except text_files.Unreadable as error:
        hint = "Save it as UTF-8." if error.is_encoding else "Check the file and its permissions."
        raise NetsFileError(f"The nets file {where} cannot be read: {error.reason}.", hint) from None
    return parse(text, where)


def parse(text: str, where: str = "nets.toml") -> Nets:
    """Return the nets in TOML text; errors call it `where`. Raises NetsFileError like `load`."""
    tables = document(text, where)
    mistakes = Mistakes()
    mistakes.unknown("bench.", benches.table_of(tables), benches.KEYS)
    for key, reason in benches.mistakes(tables):
        mistakes.add(key, reason)
    bench = benches.read(tables, where)
    instruments, nets, more = check(tables, where, bench.name)
    refuse(where, [*mistakes, *more])
    return Nets(where, MappingProxyType(instruments), MappingProxyType(nets), (bench,))


def document(text: str, where: str) -> dict[str, Any]:
    """Return TOML text as tables, which are not checked yet. Raises NetsFileError if it is not TOML."""
    try:
        return text_files.toml(text)
    except ValueError as error:
        raise NetsFileError(f"The nets file {where} is not TOML: {error}.", "Fix that line.") from None


def refuse(where: str, mistakes: Sequence[str]) -> None:
    """Raise NetsFileError that lists the mistakes, if there are any."""
    if mistakes:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        listed = "".join(f"\n  {mistake}" for mistake in mistakes)
        raise NetsFileError(
            f"The nets file {where} has {count}:{listed}\n", "Fix the file; until then none of it is used."
        )
