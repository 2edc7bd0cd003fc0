"""Work that may run the script's own code, in a thread beside the loop, for a bounded time."""

import asyncio
import contextlib
import ctypes
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_FIRST_INSIST, _LAST_INSIST = 0.1, 60.0

Result = TypeVar("Result")


class Aside(threading.Thread):
    """Calls `done` in this thread with what `work` returned, or what it raised."""

    is_lager_console = True  # a pause() in here would wait for itself

    def __init__(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        super().__init__(name="lager-aside", daemon=True)
        self._work = work
        self._done = done
        self._lock = threading.Lock()
        self._working = True
        self.abandoned = False

    def run(self) -> None:
        result, error = None, None
        try:
            result = self._work()
        except BaseException as raised:  # whatever the script's code raises, an interrupt of ours included
            error = raised
        with contextlib.suppress(SystemExit), self._lock:
            self._working = False
        self._done(result, error)

    def stop(self) -> None:
        self.abandoned = True
        with self._lock:
            if self._working:
                raise_in(self.ident, SystemExit)


async def aside(work: Callable[[], Result], seconds: float) -> Result:
    """What `work` returns or raises. TimeoutError after `seconds`: its thread is interrupted, again and again and ever
    more seldom, and nobody waits for it."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Result] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(result)
        else:
            usual = isinstance(error, Exception) and not isinstance(error, StopIteration)
            answer.set_exception(error if usual else RuntimeError(type(error).__name__))

    def done(result: Any, error: BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the process is ending
            loop.call_soon_threadsafe(settle, result, error)

    thread = Aside(work, done)
    thread.start()
    try:
        async with asyncio.timeout(seconds):
            return await answer
    finally:
        if answer.cancelled():
            _insist(loop, thread, _FIRST_INSIST)


def _insist(loop: asyncio.AbstractEventLoop, thread: Aside, delay: float) -> None:
    thread.stop()
    if thread.is_alive():
        loop.call_later(delay, _insist, loop, thread, min(2 * delay, _LAST_INSIST))


def raise_in(ident: int | None, kind: type[BaseException] | None) -> None:
    """Let `kind` be raised in another thread at its next bytecode; None, in the thread itself, takes back one that has
    not been raised yet."""
    if kind is not None:
        _set_async_exception(ident, kind)
        return
    # Another one takes its place and is raised here and now: as long as one is promised, Python asks for it at every
    # call of every thread, and 3.11 under a tracer does nothing else.
    with contextlib.suppress(_TakenBack):
        _set_async_exception(ident, _TakenBack)
        while True:
            pass


class _TakenBack(BaseException):
    pass


def _set_async_exception(ident: int | None, kind: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident or 0), ctypes.py_object(kind))
