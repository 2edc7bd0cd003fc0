"""The current status of each net of the bench: its reading and its holder.

A free instrument is read by a look, and one whose holder is paused is read through the pause. Instruments that a
running script holds are not read. Instruments are read in parallel, the nets of each one after the other.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from lager.contract import INSTRUMENTS, INSTRUMENTS_PATH
from lager.daemon import lease_calls
from lager.errors import Failed, InstrumentBusy, LagerError, OtherRole
from lager.instruments import looks
from lager.instruments.drivers.base.state import State
from lager.instruments.looks import Reading
from lager.nets.actions import look
from lager.nets.model import NetConfig
from lager.wording.text import printable
from lager_cli.readings import answers

if TYPE_CHECKING:
    from lager.bus.facade import Bus
    from lager.contract import LeaseDetails

_AT_ONCE = 32  # instruments that are read at the same time
_THROUGH_SECONDS = 3.0
_LOOK_AGAIN, _LOOKING_SECONDS = 0.05, 1.0  # while others look at the same instrument


@dataclass(frozen=True)
class NetStatus:
    """A net now. `reading` is None if it was not read; `pause` is the id of the pause through which it was read."""

    net: NetConfig
    holder: "LeaseDetails | None" = None
    reading: Reading | None = None
    pause: str = ""

    @property
    def is_quarantined(self) -> bool:
        return self.holder is not None and bool(self.holder.get("quarantined"))

    @property
    def is_on(self) -> bool | None:
        """Return whether the output is on; None if the net has none, or if it is unknown."""
        return getattr(self.reading.value, "enabled", None) if self.reading is not None else None

    @property
    def held_by(self) -> str:
        """Return who holds the instrument, and how the net was read nevertheless; "-" if it is free."""
        holder: Any = self.holder
        if holder is None:
            return "-"
        if self.is_quarantined:
            return "quarantined"
        if holder.get("lent_to"):
            return f"lent to {holder['lent_to'].replace('*', 'all members')}"
        who = f"{holder['user']} {holder['script']}".strip()
        return f"pause {holder['pauses'][0]}, {who}" if holder["pauses"] else who

    @property
    def why(self) -> str:
        """Return why the net could not be read completely, or cannot be used; "" if neither."""
        if self.holder is not None and (self.is_quarantined or self.holder.get("reason")):
            return str(self.holder.get("reason", ""))
        if self.reading is None:
            return ""
        if self.reading.error is not None:
            return self.reading.error.what
        unread = getattr(self.reading.value, "unread", {})
        return next(iter(unread.values()), "")

    @property
    def problem(self) -> str:
        """Return `why`; but "" if the instrument only works as another of its nets now."""
        return "" if self.reading is not None and isinstance(self.reading.error, OtherRole) else self.why

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        value = None if self.reading is None else self.reading.value
        measured = {} if self.reading is None else self.reading.measured(self.net.type)
        return {
            **self.net.as_dict(),
            "measured": measured,
            "state": asdict(value) if isinstance(value, State) else None,
            "through": self.pause or None,
            "held_by": None if self.holder is None else dict(self.holder),
            "problem": self.problem or None,
            "why": self.why or None,
        }


class NetReader:
    """Reads nets repeatedly. `close` ends its threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE, "look")

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def read(self, bus: "Bus", nets: Sequence[NetConfig]) -> list[NetStatus]:
        """Return the status of these nets, in their order. Raises LagerError if lagerd does not answer."""
        listed = (await bus.call(INSTRUMENTS, INSTRUMENTS_PATH, "List"))[0]
        holders = {lease["instrument"]: lease for lease in listed if not lease.get("look")}
        by_instrument: dict[str, list[NetConfig]] = {}
        for net in nets:
            by_instrument.setdefault(net.instrument.key, []).append(net)
        work = [self._one(bus, its, holders.get(key)) for key, its in by_instrument.items()]
        found = {one.net.name: one for its in await asyncio.gather(*work) for one in its}
        return [found[net.name] for net in nets]

    async def _one(self, bus: "Bus", nets: list[NetConfig], holder: "LeaseDetails | None") -> list[NetStatus]:
        """Return the status of the nets of one instrument."""
        able = [net for net in nets if looks.can_look(net)]
        readings: dict[str, Reading] = {}
        pause = ""
        if able and holder is None:
            readings, holder = await asyncio.get_running_loop().run_in_executor(self._pool, _looked, able)
        elif able and holder is not None and holder["pauses"] and not holder.get("quarantined"):
            pause = holder["pauses"][0]
            readings = dict(zip([net.name for net in able], await _through(bus, able), strict=True))
        return [NetStatus(net, holder, readings.get(net.name), pause if net.name in readings else "") for net in nets]


def _looked(nets: list[NetConfig]) -> "tuple[dict[str, Reading], LeaseDetails | None]":
    """Return readings of the nets of one free instrument, or who has claimed it meanwhile."""
    until = time.monotonic() + _LOOKING_SECONDS
    while True:
        try:
            return looks.readings(nets), None
        except InstrumentBusy as busy:
            held = [one for one in _leases() if one["instrument"] == nets[0].instrument.key]
            if held and not held[0].get("look"):
                return {}, held[0]
            if time.monotonic() > until:
                return dict.fromkeys([net.name for net in nets], Reading(error=busy)), None
            time.sleep(_LOOK_AGAIN)
        except LagerError as error:
            return dict.fromkeys([net.name for net in nets], Reading(error=error)), None


def _leases() -> "list[LeaseDetails]":
    try:
        return lease_calls.of_this_process().leases()
    except LagerError:
        return []


async def _through(bus: "Bus", nets: list[NetConfig]) -> list[Reading]:
    """Return a reading of each net through the pause of its holder."""
    try:
        async with asyncio.timeout(_THROUGH_SECONDS):
            return [await _one_through(bus, net) for net in nets]
    except TimeoutError:
        late = Failed(f"The paused script did not answer within {_THROUGH_SECONDS:g} s.", "Try again.")
        return [Reading(error=late)] * len(nets)


async def _one_through(bus: "Bus", net: NetConfig) -> Reading:
    arguments = {**answers.described(net), "look": True}
    try:
        asked = bus.call(
            INSTRUMENTS,
            INSTRUMENTS_PATH,
            "Through",
            "sssa{sv}",
            net.instrument.key,
            net.name,
            look(net.type),
            arguments,
        )
        answer = json.loads((await asked)[0])
        return Reading(answers.read(net.type, {**answer, "id": printable(answer["id"], 8)})[0])
    except LagerError as error:
        return Reading(error=error)
    except (ValueError, TypeError, KeyError, RecursionError):
        return Reading(error=Failed("The script's answer cannot be read."))


def without_safe(nets: Sequence[NetConfig]) -> list[NetConfig]:
    """Return the nets without their safe states: a reader leaves their outputs as they are, however it ends."""
    return [replace(net, safe=None) for net in nets]
