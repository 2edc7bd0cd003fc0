"""The nets file: which instruments a bench has, and what they are called.

    [instruments.psu1]
    model = "DP821"
    address = "TCPIP::192.168.1.20::INSTR"   # a VISA resource, a serial device path, or a host of Modbus TCP
    timeout = 2.0                            # seconds for one answer; optional

    [nets.supply2]
    type = "supply"                          # supply battery eload adc dac gpio uart
    instrument = "psu1"
    channel = 1
    max_voltage = 5.5                        # volts, amperes, watts: no command and no script gets past them
    max_current = 0.5

A file is taken whole or refused whole, with every mistake named.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lager.errors import NetsFileError, NoSuchNet
from lager.nets import resource

DEFAULT_PATH = "/etc/lager/nets.toml"
DEFAULT_TIMEOUT = 2.0


class NetType(Enum):
    """What a net is; the values are the words of the nets file."""

    PowerSupply = "supply"
    Battery = "battery"
    ELoad = "eload"
    ADC = "adc"
    DAC = "dac"
    GPIO = "gpio"
    UART = "uart"

    @property
    def shared(self) -> bool:
        """Whether nets of this type on one instrument may be open in one process together."""
        return self in (NetType.ADC, NetType.DAC, NetType.GPIO)


@dataclass(frozen=True)
class Instrument:
    """A physical instrument. `timeout` is in seconds and is for one answer."""

    name: str
    model: str
    address: str
    timeout: float = DEFAULT_TIMEOUT

    @property
    def resource(self) -> resource.Resource:
        return resource.parse(self.address)

    @property
    def key(self) -> str:
        """The identity of the physical instrument, fit for a file name; leases are taken on it."""
        return self.resource.key

    def __str__(self) -> str:
        return f"{self.name} ({self.model} at {self.address})"


@dataclass(frozen=True)
class Limits:
    """What a net must never be set to exceed: volts, amperes, watts. None is no limit."""

    max_voltage: float | None = None
    max_current: float | None = None
    max_power: float | None = None

    def as_dict(self) -> dict[str, float]:
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class NetConfig:
    """One net of the file. `options` are the settings that only its type knows (range, baudrate, …)."""

    name: str
    type: NetType
    instrument: Instrument
    channel: int | None = None
    limits: Limits = Limits()
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON and tables show a net."""
        return {
            "name": self.name,
            "type": self.type.value,
            "instrument": self.instrument.name,
            "model": self.instrument.model,
            "address": self.instrument.address,
            "channel": self.channel,
            "limits": self.limits.as_dict(),
        }


@dataclass(frozen=True)
class Nets:
    """A whole nets file."""

    path: str
    instruments: Mapping[str, Instrument]
    nets: Mapping[str, NetConfig]

    def net(self, name: str) -> NetConfig:
        """The net of this name. Raises NoSuchNet, with the names that come close."""
        try:
            return self.nets[name]
        except KeyError:
            close = difflib.get_close_matches(name, self.nets, n=3)
            known = " or ".join(close) if close else ""
            hint = f"Did you mean {known}?" if known else f"It has: {', '.join(sorted(self.nets)) or 'no nets'}."
            raise NoSuchNet(f"There is no net {name!r} in {self.path}.", hint) from None


def path() -> str:
    """Where the nets file of this machine is: LAGER_NETS if set, else /etc/lager/nets.toml."""
    return os.environ.get("LAGER_NETS") or DEFAULT_PATH


def load(file: str | os.PathLike[str] | None = None) -> Nets:
    """Read and check the nets file. Raises NetsFileError naming every mistake in it."""
    where = os.fspath(file) if file is not None else path()
    try:
        text = Path(where).read_bytes().decode()
    except FileNotFoundError:
        hint = "Write it, take one over with 'lager nets import FILE', or point LAGER_NETS to one."
        raise NetsFileError(f"There is no nets file at {where}.", hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise NetsFileError(f"The nets file {where} cannot be read: {error}.", "Check its permissions.") from None
    return parse(text, where)


def parse(text: str, where: str = "nets.toml") -> Nets:
    """The nets of TOML text; `where` names it in the error. Raises NetsFileError as `load` does."""
    from lager.nets.validate import check

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NetsFileError(f"The nets file {where} is not TOML: {error}.", "Correct that line.") from None
    instruments, nets, mistakes = check(document)
    if mistakes:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        listed = "".join(f"\n  {mistake}" for mistake in mistakes)
        raise NetsFileError(f"The nets file {where} has {count}:{listed}\n", "Correct the file; none of it is used.")
    return Nets(where, MappingProxyType(instruments), MappingProxyType(nets))
