"""`lager status --watch --json`: the bench as a line each second.

With `chosen`, each line of standard input is a JSON list of the names of nets. Only these are read from then on; the
others have their last values, with `unread`.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from lager.nets.model import NetConfig
from lager_cli import daemon
from lager_cli.display import output
from lager_cli.readings.net_status import NetReader, NetStatus
from lager_cli.screens.status_screen import Bench

_EACH_SECONDS = 1.0

_CHUNK = 1 << 16

Read = Callable[[Any, NetReader, list[NetConfig], str], Awaitable[Bench]]
Plain = Callable[[Bench], dict[str, Any]]


class StatusLines:
    """`read` returns the bench with the nets it is given, and `plain` makes it plain values."""

    def __init__(self, nets: list[NetConfig], problem: str, read: Read, plain: Plain, *, chosen: bool) -> None:
        self._nets = nets
        self._problem = problem
        self._read = read
        self._plain = plain
        self._chosen: set[str] | None = set() if chosen else None
        self._news = asyncio.Event()
        self._said = b""
        self._over = asyncio.Event()
        self._known: dict[str, NetStatus] = {}

    async def run(self) -> int:
        """Print lines until the bus is lost, or with `chosen` until the end of standard input."""
        reader, loop = NetReader(), asyncio.get_running_loop()
        if self._chosen is not None:
            loop.add_reader(0, self._listen)
        try:
            async with daemon.connected() as bus:
                while not (bus.lost.done() or self._over.is_set()):
                    self._news.clear()
                    await self._print(bus, reader)
                    await self._pause(bus.lost)
                return int(bus.lost.done())
        finally:
            loop.remove_reader(0)
            reader.close()

    async def _print(self, bus: Any, reader: NetReader) -> None:
        wanted = [net for net in self._nets if self._chosen is None or net.name in self._chosen]
        bench = await self._read(bus, reader, wanted, self._problem)
        read = {one.net.name: one for one in bench.nets}
        self._known |= read
        bench.nets = [self._known.get(net.name) or NetStatus(net) for net in self._nets]
        told = self._plain(bench)
        for net in told["nets"]:
            if net["name"] not in read:
                net["unread"] = True
        output.print_json_line(told)

    async def _pause(self, lost: "asyncio.Future[Any]") -> None:
        """Wait for the next second, or until other nets are chosen."""
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait([news, lost], timeout=_EACH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()

    def _listen(self) -> None:
        """Read what has arrived. Standard input may be the same socket as standard output, which must block."""
        data = os.read(0, _CHUNK)
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):
                self._chosen = {name for name in json.loads(line) if isinstance(name, str)}
        if not data:
            asyncio.get_running_loop().remove_reader(0)
            self._over.set()
        if lines or not data:
            self._news.set()
