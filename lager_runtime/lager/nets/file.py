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
"""

import os
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import lager
from lager import variables
from lager.contract import NETS_FILE
from lager.errors import NetsFileError
from lager.nets.model import Nets
from lager.nets.validate import check
from lager.wording import text_files


def path() -> str:
    """Return the path of this machine's nets file: LAGER_NETS if set, else /etc/lager/nets.toml.

    In a simulated bench it is that of the simulation, whatever the script sets LAGER_NETS to.
    """
    if simulated := lager.at_start(variables.BENCH):
        return os.path.join(simulated, "nets.toml")
    return lager.setting(variables.NETS) or NETS_FILE


def load(file: str | os.PathLike[str] | None = None) -> Nets:
    """Read and check the nets file. Raises NetsFileError that lists every mistake in it."""
    where = os.fspath(file) if file is not None else path()
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
    instruments, nets, mistakes = check(document(text, where), where)
    refuse(where, mistakes)
    return Nets(where, MappingProxyType(instruments), MappingProxyType(nets))


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
