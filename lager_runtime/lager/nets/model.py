"""What a nets file describes: instruments, and the nets on them."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from lager.errors import NoSuchNet, WrongNetType
from lager.nets import resource
from lager.values import shown

DEFAULT_TIMEOUT = 2.0  # seconds


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


def net_type(given: object) -> NetType:
    """The NetType that somebody means: one, its word in the nets file, or its name, in any case (`power-supply`).
    Raises WrongNetType, with what comes close.
    """
    if isinstance(given, NetType):
        return given
    word = re.sub(r"[-_ ]", "", str(given)).lower().removeprefix("nettype.")
    words = {key.lower(): member for member in NetType for key in (member.value, member.name)}
    if isinstance(given, str) and word in words:
        return words[word]
    close = difflib.get_close_matches(word, words, n=1)
    hint = (
        f"Did you mean {words[close[0]].value!r}?" if close else f"Valid types: {', '.join(t.value for t in NetType)}."
    )
    raise WrongNetType(f"{shown(given)} is not a net type.", hint)


@dataclass(frozen=True)
class Instrument:
    """A physical instrument. `timeout` is in seconds and is for one answer.

    `serial_line` is how a VISA instrument on a serial port is spoken to: baudrate, parity, ends of lines, …
    """

    name: str
    model: str
    address: str
    timeout: float = DEFAULT_TIMEOUT
    serial_line: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)

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
    """One net of the file. `options` are the settings that only its type knows (range, baudrate, …).

    Limits that come from another net of the same terminal are named in `bounded_by`: by that net and its key.
    """

    name: str
    type: NetType
    instrument: Instrument
    channel: int | None = None
    limits: Limits = Limits()
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    bounded_by: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))

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
            hint = f"Did you mean {known}?" if known else f"Its nets: {', '.join(sorted(self.nets)) or 'none'}."
            raise NoSuchNet(f"There is no net {name!r} in {self.path}.", hint) from None
