"""A script under `lager python`, as the stress run sees it."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.processes import LAGER
from tests.stress.checks.ledger import Hold, Ledger

AGENT = Path(__file__).with_name("agent.py")
_PATIENCE = 30.0


class Script:
    """`changed` is called for everything that it tells."""

    def __init__(self, name: str, ledger: Ledger, changed: Callable[[], None]) -> None:
        self.name = name
        self.pid = 0
        self.paused: set[str] = set()
        self.asking: set[str] = set()
        self.stopped = False
        self._baseline = (0, 0)
        self.ended = asyncio.Event()
        self._ledger = ledger
        self._changed = changed
        self._counts: asyncio.Queue[tuple[int, int]] = asyncio.Queue()

    async def start(self, env: dict[str, str], folder: Path) -> None:
        self._process = await asyncio.create_subprocess_exec(
            LAGER, "python", str(AGENT), env=env, cwd=folder, start_new_session=True, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        began: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(began))
        async with asyncio.timeout(_PATIENCE):
            await began
        # The first pause brings the connection and its thread.
        self.order("pause", label="first", timeout=0.001, interactive=True, here=True)
        self._baseline = await self.count()

    @property
    def alive(self) -> bool:
        return not self.ended.is_set()

    def order(self, do: str, **more: Any) -> None:
        self._ledger.note(f"{self.name} is told to {do} {more}")
        if do == "pause":
            self.paused.add(more["label"])
        elif do == "take":
            self.asking.add(more["ticket"])
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")

    def holding(self) -> list[str]:
        return [ticket for ticket, hold in self._ledger.holds.items() if hold.script == self.name and not hold.ended]

    def send_signal(self, number: signal.Signals) -> None:
        self._ledger.note(f"{number.name} to {self.name}")
        self.stopped = {signal.SIGSTOP: True, signal.SIGCONT: False}.get(number, self.stopped)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def die(self) -> None:
        """Kill the script; it held its instruments until this moment."""
        now = time.monotonic()
        self.send_signal(signal.SIGKILL)
        async with asyncio.timeout(_PATIENCE):
            await self.ended.wait()
        for ticket in self.holding():
            self._ledger.holds[ticket].ended = now

    async def count(self) -> tuple[int, int]:
        """Its descriptors and threads."""
        self.order("count")
        async with asyncio.timeout(_PATIENCE):
            return await self._counts.get()

    def settled(self, held: tuple[int, int]) -> bool:
        """Whether it has no more than after its first pause."""
        return held[0] <= self._baseline[0] and held[1] <= self._baseline[1]

    async def close(self) -> None:
        """End all of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await self._reading

    async def _read(self, began: "asyncio.Future[None]") -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            self._ledger.note(f"{self.name}: {told}")
            self._hear(told, began)
            self._changed()
        self._ledger.note(f"{self.name} has ended")
        self.paused.clear()
        self.asking.clear()
        self.ended.set()
        if not began.done():
            began.set_exception(EOFError(f"{self.name} does not start"))
        self._changed()

    def _hear(self, told: dict[str, Any], began: "asyncio.Future[None]") -> None:
        match told["what"]:
            case "began":
                self.pid = told["pid"]
                began.set_result(None)
            case "went on":
                self.paused.remove(told["label"])
            case "holds":
                self.asking.remove(told["ticket"])
                self._ledger.holds[told["ticket"]] = Hold(self.name, told["instrument"], told["at"])
            case "refused":
                self.asking.remove(told["ticket"])
            case "releases":
                self._ledger.holds[told["ticket"]].ended = told["at"]
            case "count":
                self._counts.put_nowait((told["fds"], told["threads"]))
