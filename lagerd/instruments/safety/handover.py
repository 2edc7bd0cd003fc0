"""The handover from one lagerd to the next: decides whether a lagerd, or the process between them, makes instruments
safe.

A FIFO in the runtime folder. The standby process has it open for reading (`make_safe.standby`), and acts alone only
while lagerd is not running. The next lagerd opens it for writing: if that fails, no such process runs. Otherwise it
writes a byte, after which that process begins nothing more, and waits for the error that the kernel reports when the
last reader has closed the FIFO. In a file beside the FIFO, that process writes a line for each instrument that it
changed.
"""

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import Any

from lager.process.end_signals import resolve

_SECONDS = 12.0  # the process works for at most ten
_LONGEST = 1 << 20


class Handover:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._earlier = -1
        self._over: asyncio.Future[None] | None = None
        self._report = path.with_name(f"{path.name}-changes")
        self._earlier_report = -1
        self._changed: dict[str, list[dict[str, Any]]] = {}
        self.given: list[int] = []  # the FIFO and the file for the process that is kept ready; empty if there are none

    def take(self) -> None:
        """Tell the process of an earlier lagerd to begin nothing more, and make the FIFO of this one."""
        with contextlib.suppress(OSError):  # there is none: no file, or no reader
            self._earlier = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.write(self._earlier, b"\0")
            loop = asyncio.get_running_loop()
            self._over = loop.create_future()
            loop.add_reader(self._earlier, self._ended)
        with contextlib.suppress(OSError):  # a full disk: the process does not act alone then
            with contextlib.suppress(FileNotFoundError):
                self._earlier_report = os.open(self._report, os.O_RDONLY | os.O_CLOEXEC)
            self._report.unlink(missing_ok=True)
            self.given = [self._new_fifo()]
            mode = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self.given.append(os.open(self._report, mode, 0o600))
        if self._over is None:
            self._read_report()

    def replaced(self) -> list[int]:
        """Return the descriptors for the next process. The previous one, which may be stuck, begins nothing more."""
        if self.given:
            with contextlib.suppress(OSError):  # a full disk, or no file any more
                with open(os.open(self._path, os.O_WRONLY | os.O_NONBLOCK), "wb", buffering=0) as so_far:
                    so_far.write(b"\0")
                new = self._new_fifo()
                os.close(self.given[0])
                self.given[0] = new
        return self.given

    def _new_fifo(self) -> int:
        self._path.unlink(missing_ok=True)
        os.mkfifo(self._path, 0o600)
        return os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    async def finished(self) -> None:
        """Wait until the process of the earlier lagerd uses no instrument any more."""
        if self._over is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS):
                    await asyncio.shield(self._over)
            self._over = None
            self._read_report()

    def changed(self, instrument: str) -> list[dict[str, Any]]:
        """Return what that process changed on an instrument while lagerd was not running. Call it after `finished`;
        each change is returned once."""
        return self._changed.pop(instrument, [])

    def close(self) -> None:
        self._ended()
        self._read_report()
        for fd in self.given:
            os.close(fd)
        self.given = []

    def _read_report(self) -> None:
        """Read the file of a process that no longer writes."""
        if self._earlier_report < 0:
            return
        for line in os.pread(self._earlier_report, _LONGEST, 0).splitlines():
            with contextlib.suppress(ValueError, TypeError, KeyError):  # it was killed while it wrote this
                said = json.loads(line)
                self._changed.setdefault(str(said["instrument"]), []).extend(map(dict, said["changes"]))
        os.close(self._earlier_report)
        self._earlier_report = -1

    def _ended(self) -> None:
        if self._earlier >= 0:
            asyncio.get_running_loop().remove_reader(self._earlier)
            os.close(self._earlier)
            self._earlier = -1
        if self._over is not None:
            resolve(self._over)
            self._read_report()
