"""A lease: one instrument, held by one process. It is also what a lock file stores of it."""

import time
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

_NEWER_KEYS = ("address", "device", "safe", "nets_file", "making_safe", "look", "reserved", "via", "places")


@dataclass(frozen=True)
class Lease:
    """A held instrument. `instrument` is its key, `name` its name in the nets file.

    For a serial port, `address` is the path in the nets file, and `device` its device at the time of the claim. `safe`
    are the nets that the holder has open and that have a safe state; `nets_file` is where it found them, and `places`
    where on the instrument each of its nets was at that time: pairs of a name and a place. `making_safe`
    is True for lagerd's own lease after the holder crashed; its other values are those of that holder. A `look` is a
    reading of at most a second. A `reserved` one is held by `lager python` until the script of its run claims the
    instrument.
    """

    instrument: str
    name: str
    net: str
    run_id: str
    script: str
    owner: str
    uid: int
    user: str
    pid: int
    since: float
    address: str = ""
    device: str = ""
    began: float = 0.0  # by the monotonic clock; `since` is by the wall clock
    safe: tuple[str, ...] = ()
    nets_file: str = ""
    making_safe: bool = False
    look: bool = False
    reserved: bool = False
    via: str = ""  # of the caller; see Client
    places: tuple[tuple[str, str], ...] = ()

    def record(self) -> dict[str, Any]:
        return asdict(self)

    def kept(self) -> dict[str, Any]:
        """Return what the lock file stores for the next lagerd.

        That lagerd may be older, so keys that are newer than 0.21 are stored only if they have a value.
        """
        told = {key: value for key, value in asdict(self).items() if key != "began"}  # stored as the time of the file
        return {key: value for key, value in told.items() if value or key not in _NEWER_KEYS}

    def is_for(self, asked: "Lease") -> bool:
        """Return whether this lease is reserved for the run that makes the claim `asked`."""
        same = (self.uid, self.run_id) == (asked.uid, asked.run_id)
        return self.reserved and same and bool(self.run_id) and not asked.look

    @classmethod
    def from_kept(cls, kept: dict[str, Any]) -> "Lease":
        """Return the lease in a lock file, also in one of a newer lagerd. Raises TypeError or ValueError if it is
        not a lease."""
        known = {one.name for one in fields(cls)}
        lease = cls(**{key: value for key, value in kept.items() if key in known})
        places = tuple((str(net), str(place)) for net, place in lease.places)
        return replace(lease, safe=tuple(map(str, lease.safe)), places=places)

    def for_safety(self) -> "Lease":
        """Return lagerd's own lease, which replaces this one after its holder has crashed."""
        return replace(self, owner="", making_safe=True, since=time.time(), began=round(time.monotonic(), 3))
