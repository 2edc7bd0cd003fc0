"""The sources of the rows of `lager log`: the nets of this bench, or a `lager log` on a box."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from lager.bus.facade import Bus
from lager.errors import BoxError, LagerError
from lager.instruments import looks
from lager.instruments.looks import Reading
from lager.nets.model import NetConfig
from lager.recording.rows import Column, Row, Schedule, columns, missed, row
from lager.wording.text import printable
from lager_cli import daemon
from lager_cli.readings.net_status import NetReader, NetStatus

_LONGEST = 1 << 20  # bytes of one line of a box


class OwnRows:
    """Rows of this bench, each `every` seconds for `seconds` (None: without an end)."""

    def __init__(self, nets: Sequence[NetConfig], every: float, seconds: float | None) -> None:
        self._nets = nets
        self._every = every
        self._seconds = seconds
        self.columns = columns(nets)

    async def rows(self) -> AsyncIterator[Row]:
        """Yield the rows. While lagerd or the bus is gone, they say so."""
        reader, bus = NetReader(), None
        await asyncio.to_thread(looks.load, self._nets)
        schedule = Schedule(self._every)
        try:
            while True:
                await asyncio.sleep(schedule.wait())
                try:
                    if bus is None or bus.lost.done():
                        bus = await Bus.connect(daemon.ready_address())
                        daemon.identify(bus, "cli")
                    found = await reader.read(bus, self._nets)
                    yield row(self._nets, _readings(found), schedule.began, _holders(found))
                except LagerError as problem:
                    yield row(self._nets, _failed(self._nets, problem), schedule.began)
                if count := schedule.done():
                    yield missed(count, len(self.columns), schedule)
                if self._seconds is not None and schedule.next > self._seconds:
                    return
        finally:
            reader.close()
            if bus is not None:
                bus.close()


class BoxRows:
    """Rows of a bench on a box, from the connection to a `lager log --relay` there."""

    def __init__(self, reader: asyncio.StreamReader, columns: list[Column]) -> None:
        self._reader = reader
        self.columns = columns

    @classmethod
    async def begin(cls, reader: asyncio.StreamReader) -> "BoxRows | None":
        """Read the columns; None if the command there failed and has printed the reason."""
        line = await reader.readline()
        if not line:
            return None
        given = _parsed(line)["columns"]
        return cls(reader, [Column(*(printable(text, 60) for text in one)) for one in given])

    async def rows(self) -> AsyncIterator[Row]:
        while line := await self._reader.readline():
            told = _parsed(line)
            values = tuple(None if value is None else float(value) for value in told["values"])
            if len(values) != len(self.columns):
                raise BoxError("The box sent a row of the wrong length.", "Update lager there and here.")
            yield Row(float(told["time"]), float(told["seconds"]), values, printable(told["problem"], 1000))


def first_line(columns: Sequence[Column]) -> str:
    """Return the first line that `--relay` prints."""
    return json.dumps({"columns": [[one.net, one.name, one.unit] for one in columns]})


def line_of(one: Row) -> str:
    """Return the line that `--relay` prints for a row."""
    return json.dumps({"time": one.time, "seconds": one.seconds, "values": one.values, "problem": one.problem})


def _parsed(line: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    except ValueError:
        pass
    raise BoxError("The answer of the box cannot be read.", "Update lager there and here.")


def _readings(found: Sequence[NetStatus]) -> dict[str, Reading]:
    return {one.net.name: one.reading for one in found if one.reading is not None}


def _holders(found: Sequence[NetStatus]) -> dict[str, str]:
    """Return why nets were not read: who holds their instruments."""
    return {one.net.name: one.why or f"held by {one.held_by}" for one in found if one.reading is None}


def _failed(nets: Sequence[NetConfig], problem: LagerError) -> dict[str, Reading]:
    return {net.name: Reading(error=problem) for net in nets}
