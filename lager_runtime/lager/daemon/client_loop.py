"""The event loop of the client's thread, and what other threads let it do. Signals wake it, too, during a pause.

A signal that comes just before the main thread begins to wait does not end the wait, and neither does one that the
system gives to another thread: Python would run its handler at the end of the pause only. So the loop hears of each
signal (signal.set_wakeup_fd), and wakes the main thread.
"""

import _thread
import asyncio
import contextlib
import os
import selectors
import signal
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from lager.process.raised import suppressed

_NO_FD = -1  # of set_wakeup_fd(): there is none


class ClientLoop(asyncio.SelectorEventLoop):
    _csock: socket.socket | None  # asyncio's; what is written there wakes the loop

    def __init__(self, selector: selectors.BaseSelector) -> None:
        super().__init__(selector)
        self._wakes: list[Callable[[], None]] = []  # of the pauses of the main thread: a handler may pause, too
        self._theirs = _NO_FD  # where the script wants to hear of signals, as its own event loop does

    def hear_signals(self, wake: Callable[[], None]) -> None:
        """Call `wake` at each signal, in the thread of the loop, until `ignore_signals`. For the main thread."""
        self._wakes.append(wake)
        if len(self._wakes) == 1 and self._csock is not None:
            self._theirs = signal.set_wakeup_fd(self._csock.fileno(), warn_on_full_buffer=False)

    def ignore_signals(self, wake: Callable[[], None]) -> None:
        """End `hear_signals`; it may be interrupted, and called again."""
        if wake in self._wakes:
            self.forget_signals()
            self._wakes.remove(wake)

    def forget_signals(self) -> None:
        """Let the script hear of signals again; in a forked child, too."""
        if len(self._wakes) == 1:
            signal.set_wakeup_fd(self._theirs, warn_on_full_buffer=False)

    def _process_self_data(self, data: bytes) -> None:
        """Note what woke the loop: 0 is from another thread, all else is the number of a signal."""
        numbers = data.replace(b"\0", b"")
        if numbers and self._theirs != _NO_FD:
            with contextlib.suppress(OSError):
                os.write(self._theirs, numbers)
        for wake in self._wakes[-1:] if numbers else ():
            wake()

    def _write_to_self(self) -> None:
        """Wake the loop, from any thread. That of asyncio takes no error, not that of a signal handler either."""
        waking = self._csock  # None once the loop is closed
        if waking is not None:
            with suppressed(OSError):
                waking.send(b"\0")


class Work:
    """A coroutine that runs in the thread of the loop, for another thread, which waits for its end.

    The other thread may be the main thread, where a signal handler may raise at any moment. So it takes no lock that
    the loop takes, as that of a concurrent.futures.Future, and waits in one call of C code.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> None:
        self._loop, self._work = loop, work
        self._done = _thread.allocate_lock()
        self._done.acquire()
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        self._value: Any = None
        self._error: BaseException | None = None

    def result(self) -> Any:
        """Return its result or raise its error. Blocks until it is done; if that is interrupted, cancels it."""
        try:
            self.wait(-1)
            if self._error is not None:
                raise self._error
            return self._value
        except BaseException:
            self._cancelled = True
            self._loop.call_soon_threadsafe(self._cancel)
            raise
        finally:
            self._error = None  # which has this frame, and would keep it and its callers alive

    def wait(self, seconds: float) -> None:
        """Begin it, and wait so long for its end; -1: for ever."""
        try:
            self._loop.call_soon_threadsafe(self._begin)
        except RuntimeError:  # the loop is closed
            self._work.close()
            raise
        self._done.acquire(timeout=seconds)

    def _begin(self) -> None:
        if self._cancelled:
            self._work.close()
        else:
            self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        try:
            self._value = await self._work
        except BaseException as error:
            self._error = error
        finally:
            self._task = None  # else the other thread may delete it, in Python code that drops errors
            self._done.release()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
