"""From one lagerd to the next: which of them, or the process between them, makes instruments safe.

A FIFO in the runtime folder. The process that is kept ready has it open for reading (`lagerd.standby`), and acts alone
only while there is no lagerd. The next lagerd opens it for writing: if that fails, no such process runs. Else it writes
a byte, upon which nothing more is begun, and waits for the error that the kernel reports when the last reader is gone.
"""

import asyncio
import contextlib
import os
from pathlib import Path

from lager.process.end_signals import resolve

_SECONDS = 12.0  # the process works for at most ten


class Handover:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._earlier = -1
        self._over: asyncio.Future[None] | None = None
        self.fifo = -1  # for the process that is kept ready; -1 if there is none

    def take(self) -> None:
        """Tell the process of an earlier lagerd to begin nothing more, and make the FIFO of this one."""
        with contextlib.suppress(OSError):  # there is none: no file, or no reader
            self._earlier = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.write(self._earlier, b"\0")
            loop = asyncio.get_running_loop()
            self._over = loop.create_future()
            loop.add_reader(self._earlier, self._ended)
        with contextlib.suppress(OSError):  # a full disk: the process does not act alone then
            self._path.unlink(missing_ok=True)
            os.mkfifo(self._path, 0o600)
            self.fifo = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    async def finished(self) -> None:
        """Wait until the process of the earlier lagerd uses no instrument any more."""
        if self._over is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS):
                    await asyncio.shield(self._over)
            self._over = None

    def close(self) -> None:
        self._ended()
        if self.fifo >= 0:
            os.close(self.fifo)
            self.fifo = -1

    def _ended(self) -> None:
        if self._earlier >= 0:
            asyncio.get_running_loop().remove_reader(self._earlier)
            os.close(self._earlier)
            self._earlier = -1
        if self._over is not None:
            resolve(self._over)
