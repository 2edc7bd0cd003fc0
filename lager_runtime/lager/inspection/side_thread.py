"""Runs work that may run the script's own code, in a thread beside the event loop, for a limited time."""

import asyncio
import contextlib
import ctypes
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from lager.process import threads

_FIRST_INSIST, _LAST_INSIST = 0.1, 60.0

Result = TypeVar("Result")


class SideThread(threading.Thread):
    """Runs `work` and then calls `done` with its result and what it raised, both in this thread."""

    is_lager_console = True  # a pause() in this thread would wait for itself

    def __init__(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        super().__init__(name="lager-side-thread", daemon=True)
        self._work = work
        self._done = done
        self._lock = threading.Lock()
        self._working = True
        self.abandoned = False

    def run(self) -> None:
        result, error = None, None
        try:
            with threads.counted_in(threads.ours):
                result = self._work()
        except BaseException as raised:  # anything that the script's code raises, or an interrupt of lager
            error = raised
        with contextlib.suppress(SystemExit), self._lock:
            self._working = False
        self._done(result, error)

    def stop(self) -> None:
        self.abandoned = True
        with self._lock:
            if self._working:
                raise_in(self.ident, SystemExit)


async def run_aside(work: Callable[[], Result], seconds: float) -> Result:
    """Return what `work` returns, or raise what it raises. Raises TimeoutError after `seconds`: then its thread is
    interrupted repeatedly, with growing delays, and left behind. Raises Failed if no thread can be started."""
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

    thread = SideThread(work, done)
    threads.start(thread)
    try:
        async with asyncio.timeout(seconds):
            return await answer
    finally:
        if answer.cancelled():
            _insist(loop, thread, _FIRST_INSIST)


def _insist(loop: asyncio.AbstractEventLoop, thread: SideThread, delay: float) -> None:
    thread.stop()
    if thread.is_alive():
        loop.call_later(delay, _insist, loop, thread, min(2 * delay, _LAST_INSIST))


def raise_in(ident: int | None, kind: type[BaseException] | None) -> None:
    """Raise `kind` in another thread at its next bytecode. None, called in the thread itself, cancels one that has not
    been raised yet."""
    if kind is not None:
        _set_async_exception(ident, kind)
        return
    # Another one replaces it and is raised at once. While one is pending, Python checks for it at every call of every
    # thread, and Python 3.11 under a tracer does nothing else.
    with contextlib.suppress(_Cancelled):
        _set_async_exception(ident, _Cancelled)
        while True:
            pass


class _Cancelled(BaseException):
    pass


def _set_async_exception(ident: int | None, kind: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident or 0), ctypes.py_object(kind))
