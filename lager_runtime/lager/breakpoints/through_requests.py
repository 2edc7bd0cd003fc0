"""The requests of others at one pause: each is carried out in a separate thread, and none outlives the pause.

This module belongs to lager's side of a pause; the module that uses the instruments is the script's own:
`lager.instruments.while_paused.through`.
A script that has opened no net has not imported it.
"""

import asyncio
import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from lager.console.turns import Turn
from lager.errors import Failed, InstrumentBusy, LagerError, NoSuchInstrument, TooMany
from lager.process import threads

_ACTOR = "lager.instruments.while_paused.through"
_TURN_SECONDS = 2.0  # for a statement of a console
_MOST = 16


class Requests:
    """`carry_out` belongs to the loop of the client, `end` to the paused thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = False
        self._waiting = 0
        self._working: set[threading.Lock] = set()  # each is held until its request no longer uses an instrument

    async def carry_out(self, asked: dict[str, Any]) -> str:
        """Return the result of `asked` as JSON. Raises LagerError; at the end of the pause, after at most one query."""
        actor: Any = sys.modules.get(_ACTOR)
        if actor is None:
            raise NoSuchInstrument("The script has no instrument open.", "Try again.")
        if self._waiting >= _MOST:
            raise TooMany(f"{_MOST} requests to this script are waiting.", "Wait for their answers.")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()
        self._waiting += 1
        try:
            self._start(lambda: self._work(actor.carry_out, asked), answer, loop)
            return await answer
        finally:
            self._waiting -= 1

    def end(self) -> None:
        """End every request: a waiting one is refused, and one that uses an instrument finishes its query. Blocks until
        then."""
        with self._lock:
            self._over = True
            working = list(self._working)
        for lock in working:
            with lock:
                pass

    def _start(self, work: Callable[[], str], answer: "asyncio.Future[str]", loop: asyncio.AbstractEventLoop) -> None:
        def settle(result: str, error: LagerError | None) -> None:
            if answer.done():
                return
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)

        def run() -> None:
            result, error = "", None
            try:
                with threads.counted_in(threads.ours):
                    result = work()
            except LagerError as raised:
                error = raised.with_traceback(None)
            except Exception as raised:
                error = Failed(f"lager failed inside the script: {type(raised).__name__}: {raised}.", "Try a console.")
            with contextlib.suppress(RuntimeError):  # the process is ending
                loop.call_soon_threadsafe(settle, result, error)

        thread = threading.Thread(target=run, name="lager-through", daemon=True)
        thread.is_lager_console = True  # type: ignore[attr-defined]  # a pause() in here would wait for itself
        threads.start(thread)

    def _work(self, carry_out: Callable[..., dict[str, Any]], asked: dict[str, Any]) -> str:
        self._await_console()
        using = threading.Lock()

        def begin() -> None:
            with self._lock:
                self._check()
                using.acquire()
                self._working.add(using)

        try:
            return json.dumps(carry_out(asked, begin, self._check))
        finally:
            with self._lock:
                self._working.discard(using)
            if using.locked():
                using.release()

    def _check(self) -> None:
        if self._over:
            raise Failed("The script was resumed before it answered.", "See who holds what with: lager instruments")

    def _await_console(self) -> None:
        """Wait until no console evaluates a statement, because its next query could come in between."""
        turn = Turn("a request through this pause")
        turn.ask()
        until = time.monotonic() + _TURN_SECONDS
        try:
            while (other := turn.waits_for()) is not None:
                self._check()
                if time.monotonic() > until:
                    raise InstrumentBusy(
                        f"The script is busy with a statement of {other}.", "Try again when it is done."
                    )
                turn.wait()
        finally:
            turn.end()
