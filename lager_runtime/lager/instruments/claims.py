"""What a claim on an instrument is: the claim, the lease that it returns, and the nets that lagerd makes safe."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol


class HeldLease(Protocol):
    """A claim on an instrument, held until it is released or the process ends."""

    def release(self) -> None:
        """Release the instrument. Safe to call more than once."""


class Claim(Protocol):
    """A function that claims a lease; tests and other benches pass their own to `Net.get`."""

    def __call__(self, instrument_key: str, *, net: str, wait: float = 0.0, name: str = "") -> HeldLease:
        """Claim the instrument with this key (`Instrument.key`) for `net`, and return the lease.

        `name` is the instrument's name in the nets file. Blocks up to `wait` seconds in the queue. Raises
        InstrumentBusy if another process holds it, BusError if lagerd cannot be reached.
        """


class Guard:
    """The names of the nets that lagerd makes safe if this process crashes with them open, and the nets file that says
    how. Without names nothing is made safe.

    `places` says where each net of the instrument was (`lager.nets.terminals.place`) when the file was read: it may be
    changed while a net is open.
    """

    def __init__(
        self, nets: tuple[str, ...] = (), nets_file: str = "", places: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.nets = nets
        self.nets_file = nets_file
        self.places = places


NOTHING = Guard()
