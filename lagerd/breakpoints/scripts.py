"""Calls the object that a paused script exports, com.lager.Script."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from lager.bus.facade import Bus
from lager.contract import SCRIPT, SCRIPT_PATH
from lager.errors import Failed, LagerError, NoDaemon, Refusal
from lagerd.breakpoints.table.pauses import Pause

_SECONDS = 5.0
_LONGEST_ANSWER = 1 << 22  # bytes


class Scripts:
    """The paused scripts, as lagerd calls them. A script is not trusted: it can answer anything, or nothing."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def ask(
        self,
        pause: Pause,
        member: str,
        signature: str,
        *values: Any,
        fds: Sequence[int] = (),
        refusal: str,
        gives: str = "",
    ) -> list[Any]:
        """Return the answer of the script. Raises Failed, also if it does not answer within five seconds; `refusal`
        then says what failed."""
        try:
            return await self._call(pause, member, signature, *values, fds=fds, gives=gives, timeout=_SECONDS)
        except NoDaemon:
            raise await self._silence(pause, refusal) from None
        except LagerError as error:
            raise Failed(error.what, error.hint) from None

    async def ask_slow(self, pause: Pause, member: str, signature: str, *values: Any, refusal: str, gives: str) -> Any:
        """Return the value that the script answers. Waits without a limit while lager's thread in the script is alive.
        Raises Failed, or the Refusal that the script names."""
        asking = asyncio.ensure_future(self._call(pause, member, signature, *values, fds=(), gives=gives, timeout=None))
        try:
            while not (await asyncio.wait({asking}, timeout=_SECONDS))[0]:
                await self._ping(pause)
            return asking.result()[0]
        except NoDaemon:
            raise await self._silence(pause, refusal) from None
        except Refusal:
            raise
        except LagerError as error:
            raise Failed(error.what, error.hint) from None
        finally:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError, LagerError):
                await asking

    async def _ping(self, pause: Pause) -> None:
        await self._bus.call(
            pause.owner, SCRIPT_PATH, "Ping", interface="org.freedesktop.DBus.Peer", start=False, timeout=_SECONDS
        )

    async def _call(
        self,
        pause: Pause,
        member: str,
        signature: str,
        *values: Any,
        fds: Sequence[int],
        gives: str,
        timeout: float | None,
    ) -> list[Any]:
        return await self._bus.call(
            pause.owner, SCRIPT_PATH, member, signature, *values,
            interface=SCRIPT, start=False, fds=fds, timeout=timeout, gives=gives, at_most=_LONGEST_ANSWER,
        )  # fmt: skip

    async def _silence(self, pause: Pause, refusal: str) -> Failed:
        """Return the error for a script that did not answer: it has left the bus, or it is still there."""
        if not await self._bus.owner(pause.owner):
            return Failed(f"The script of {pause.id} ended before it answered.", "See what ran: lager runs")
        return Failed(
            f"The script of {pause.id} {refusal}: it did not answer within {_SECONDS:g} s. "
            "It is stopped, or a call in it holds Python's interpreter lock.",
            f"Check it with: ps {pause.pid}",
        )
