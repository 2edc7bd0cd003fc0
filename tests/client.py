"""A client of the bus for tests: synchronous, with the real facade in a thread behind it."""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any

from lager.bus.facade import Bus
from lager.bus.received import Signal
from lager.errors import LagerError
from tests.processes import PATIENCE

NAME = "com.lager.Breakpoints"
PATH = "/com/lager/Breakpoints"
SIGNALS = {
    NAME: ("Paused", "Resumed", "Extended", "PropertiesChanged", "Changed"),
    "com.lager.Instruments": ("Claimed", "Released", "Queued", "MadeSafe", "Quarantined", "Cleared"),
}
EVERYTHING = "type='signal',path_namespace='/com/lager'"


class Client:
    """Knows every signal of com.lager since it was made."""

    def __init__(self, address: str, serve: Any = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._signals: queue.SimpleQueue[Signal] = queue.SimpleQueue()
        self.passed: list[Signal] = []
        self.bus: Bus = self.do(self._connect(address))

    async def _connect(self, address: str) -> Bus:
        bus = await Bus.connect(address)
        for name, members in SIGNALS.items():
            await bus.follow(name, lambda _: None)
            for member in members:
                bus.listen(member, self._signals.put, of=name)
        bus.listen("NameOwnerChanged", self._heard_owner)
        await bus.add_match(EVERYTHING)
        return bus

    def _heard_owner(self, signal: Signal) -> None:
        if signal.args[0] not in SIGNALS or signal.args[0] == NAME:
            self._signals.put(signal)

    def do(self, work: Coroutine[Any, Any, Any], patience: float = PATIENCE) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(patience)

    def start(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, member: str, signature: str = "", *values: Any, name: str = NAME, **more: Any) -> Any:
        path = "/" + name.replace(".", "/")
        result = self.do(self.bus.call(name, path, member, signature, *values, **more))
        return result[0] if result else None

    def list(self) -> list[dict[str, Any]]:
        return list(self.call("List"))

    def expect(self, member: str, accept: Callable[[Signal], bool] = lambda _: True) -> Signal:
        """Wait for such a signal; the others that come before it are kept in `passed`."""
        end = time.monotonic() + PATIENCE
        while True:
            signal = self._signals.get(timeout=max(end - time.monotonic(), 0.001))
            if signal.member == member and accept(signal):
                return signal
            self.passed.append(signal)

    def paused(self) -> dict[str, Any]:
        """The next pause."""
        details = self.expect("Paused").args[1]
        assert isinstance(details, dict)
        return details

    def resumed(self, id: str) -> tuple[str, dict[str, Any]]:
        """The end of the pause `id`: why, and by whom."""
        signal = self.expect("Resumed", lambda s: s.args[0] == id)
        return signal.args[1], signal.args[2]

    def heard(self, pid: int) -> None:
        """Wait until the process has handled the messages so far: it answers calls in order, if only with an error."""

        async def ask() -> None:
            for name in await self._names_of(pid):
                with contextlib.suppress(LagerError):
                    await self.bus.call(name, PATH, "Anything", interface=NAME)

        self.do(ask())

    def name_of(self, pid: int) -> str:
        """The unique name of a process that has one connection."""
        (name,) = self.do(self._names_of(pid))
        return str(name)

    async def _names_of(self, pid: int) -> Sequence[str]:
        found = []
        for name in await self.bus.names():
            with contextlib.suppress(LagerError):
                if name.startswith(":") and (await self.bus.credentials(name)).get("ProcessID") == pid:
                    found.append(name)
        return found

    def close(self) -> None:
        async def close() -> None:
            self.bus.close()

        self.do(close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
