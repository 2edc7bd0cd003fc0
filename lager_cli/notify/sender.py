"""Sends messages in a separate process, which can be ended whatever the server of a target does."""

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import sys
from typing import Any

from lager.errors import LagerError
from lager.process import system
from lager_cli.notify.config import Target
from lager_cli.notify.send_process import UNKNOWN

_IDLE = 60.0  # seconds after which the process ends
_START = 60.0  # seconds until it is ready, on a busy machine
_ANSWER_LENGTH = 1 << 16


def require_apprise() -> None:
    """Raise LagerError if apprise is not installed."""
    if importlib.util.find_spec("apprise") is None:
        raise LagerError(
            "Messages need apprise, which is not installed.",
            f"It is the extra lager-box[notify]. Install it with: {sys.executable} -m pip install apprise",
        )


class Sender:
    """A process that sends one message after the other. Use it in one event loop; `aclose` ends it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def send(self, target: Target, title: str, body: str, timeout: float) -> str:
        """Send a message. Return "" if the service took it within `timeout` seconds, else why not."""
        return await self._ask({"url": target.url, "title": title, "body": body}, timeout)

    async def check(self, target: Target) -> bool:
        """Return whether apprise can use the URL; also True if this cannot be checked now. Sends nothing."""
        return await self._ask({"url": target.url}, _START) != UNKNOWN

    async def aclose(self) -> None:
        """End the process."""
        if self._idle is not None:
            self._idle.cancel()
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _ask(self, request: dict[str, str], timeout: float) -> str:
        if self._idle is not None:
            self._idle.cancel()
        try:
            async with asyncio.timeout(_START):
                process = await self._ready()
            async with asyncio.timeout(timeout):
                answer = await _exchange(process, request)
        except TimeoutError:
            await self.aclose()
            return f"no answer within {timeout:g} s"
        except (OSError, ValueError):
            await self.aclose()
            return "the process that sends messages ended"
        except BaseException:
            await self.aclose()
            raise
        self._idle = asyncio.get_running_loop().call_later(_IDLE, self._end)
        return "" if answer["sent"] else str(answer["why"])

    async def _ready(self) -> asyncio.subprocess.Process:
        """Return the process, started if need be."""
        if self._process is None or self._process.returncode is not None:
            self._process = await _start()
            await _answer(self._process)
        return self._process

    def _end(self) -> None:
        """Close its input, with which an idle process ends."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process = None


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "lager_cli.notify.send_process",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        limit=_ANSWER_LENGTH, cwd="/", env=_environment(), start_new_session=True,
        preexec_fn=system.signal_with_parent(signal.SIGKILL),
    )  # fmt: skip


async def _exchange(process: asyncio.subprocess.Process, request: dict[str, str]) -> dict[str, Any]:
    assert process.stdin is not None
    process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
    await process.stdin.drain()
    return await _answer(process)


async def _answer(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    answer = json.loads(await process.stdout.readline())
    assert isinstance(answer, dict)
    return answer


def _environment() -> dict[str, str]:
    """Return the environment without the variables that are only for this process."""
    return {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
