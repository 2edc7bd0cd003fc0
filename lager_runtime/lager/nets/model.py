"""The contents of a nets file: instruments, and the nets on them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Any

from lager.errors import NetsFileError, NoSuchNet, WrongNetType
from lager.nets import resource
from lager.nets.benches import NamedBench
from lager.wording.text import similar
from lager.wording.values import shown

ANSWER_TIMEOUT = 2.0  # seconds


class NetType(Enum):
    """The type of a net; the values are the words in the nets file."""

    PowerSupply = "supply"
    Battery = "battery"
    ELoad = "eload"
    ADC = "adc"
    DAC = "dac"
    GPIO = "gpio"
    Switch = "switch"
    DMM = "dmm"
    Thermocouple = "thermocouple"
    UART = "uart"
    SCPI = "scpi"

    @property
    def role(self) -> str:
        """The word for the type in a list of saved nets."""
        return "power-supply" if self is NetType.PowerSupply else self.value

    @classmethod
    def from_role(cls, role: object) -> "NetType":
        """Return the type for a role, such as "power-supply", or for any other name that Net.get takes.

        Raises WrongNetType, an InvalidNetError.
        """
        return net_type(role)

    @property
    def shared(self) -> bool:
        """Whether a process may have several nets of this type open on one instrument."""
        return self in (NetType.ADC, NetType.DAC, NetType.GPIO, NetType.Switch, NetType.Thermocouple)


def net_type(given: object) -> NetType:
    """Return the NetType for a NetType, its word in the nets file, or its name in any case (`power-supply`).

    Raises WrongNetType, which suggests a similar type.
    """
    if isinstance(given, NetType):
        return given
    word = re.sub(r"[-_ ]", "", str(given)).lower().removeprefix("nettype.")
    words = {key.lower(): member for member in NetType for key in (member.value, member.name)}
    if isinstance(given, str) and word in words:
        return words[word]
    close = similar(word, words)
    hint = (
        f"Did you mean {words[close[0]].value!r}?" if close else f"Valid types: {', '.join(t.value for t in NetType)}."
    )
    raise WrongNetType(f"{shown(given)} is not a net type.", hint)


@dataclass(frozen=True)
class Instrument:
    """A physical instrument. `timeout` is the number of seconds to wait for one answer.

    `serial_line` has the settings of a VISA instrument on a serial port: baudrate, parity, line terminations, …
    """

    name: str
    model: str
    address: str
    timeout: float = ANSWER_TIMEOUT
    serial_line: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    bench: str = ""  # the name of its bench; "" for that of nets.toml

    @property
    def resource(self) -> resource.Resource:
        return resource.parse(self.address)

    @property
    def key(self) -> str:
        """The key of the physical instrument, usable as a file name; leases are claimed for it."""
        return self.resource.key

    def __str__(self) -> str:
        return f"{self.name} ({self.model} at {self.address})"


@dataclass(frozen=True)
class Limits:
    """The limits that no setting of a net may exceed, in volts, amperes and watts. None means no limit."""

    max_voltage: float | None = None
    max_current: float | None = None
    max_power: float | None = None

    def as_dict(self) -> dict[str, float]:
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Safe:
    """The safe state of a net: its settings in order, and when they are applied (see `lager.nets.settings.safe`)."""

    settings: tuple[tuple[str, Any], ...]
    after: str = "crash"
    order: int = 0


@dataclass(frozen=True)
class NetConfig:
    """One net of the file. `options` are the settings specific to its type (range, baudrate, …).

    `bounded_by` maps each limit that comes from another net on the same terminal to that net and its key.
    `keepalive` and `deadman` are seconds, 0 without one (see `lager.nets.settings.watchdogs`).
    """

    name: str
    type: NetType
    instrument: Instrument
    channel: int | None = None
    limits: Limits = Limits()
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    bounded_by: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    safe: Safe | None = None
    keepalive: float = 0.0
    deadman: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the net as plain values, for JSON and tables."""
        return {
            "name": self.name,
            "type": self.type.value,
            "instrument": self.instrument.name,
            "model": self.instrument.model,
            "address": self.instrument.address,
            "channel": self.channel,
            "limits": self.limits.as_dict(),
            "bench": self.instrument.bench or None,
        }


@dataclass(frozen=True)
class Nets:
    """A whole nets file with its drop-ins. `rejected` says which of these files are not used, and why."""

    path: str
    instruments: Mapping[str, Instrument]
    nets: Mapping[str, NetConfig]
    benches: tuple[NamedBench, ...] = ()
    rejected: tuple[NetsFileError, ...] = ()

    def of_bench(self, name: str) -> "Nets":
        """Return the nets of one bench. Raises NetsFileError, which suggests similar names."""
        known = [bench.name for bench in self.benches if bench.name]
        if name not in known:
            close = similar(name, known)
            hint = f"Did you mean {close[0]}?" if close else f"Its benches: {', '.join(known) or 'none'}."
            raise NetsFileError(f"There is no bench {shown(name)} in {self.path} and its drop-ins.", hint)
        return replace(
            self,
            instruments={key: one for key, one in self.instruments.items() if one.bench == name},
            nets={key: one for key, one in self.nets.items() if one.instrument.bench == name},
        )

    def without_safe(self) -> "Nets":
        """Return the nets without their safe states, for a command that only reads, so that its end changes nothing."""
        plain = {name: replace(net, safe=None) for name, net in self.nets.items()}
        return replace(self, nets=MappingProxyType(plain))

    def net(self, name: str) -> NetConfig:
        """Return the net `name`. Raises NoSuchNet, which suggests similar names."""
        try:
            return self.nets[name]
        except KeyError:
            close = similar(name, self.nets, 3)
            known = " or ".join(close) if close else ""
            hint = f"Did you mean {known}?" if known else f"Its nets: {', '.join(sorted(self.nets)) or 'none'}."
            places = " and its drop-ins" if len(self.benches) + len(self.rejected) > 1 else ""
            unused = f" {self.rejected[0].what.splitlines()[0].rstrip(':')}; see: lager nets" if self.rejected else ""
            raise NoSuchNet(f"There is no net {name!r} in {self.path}{places}.", hint + unused) from None
