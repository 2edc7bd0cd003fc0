"""Reads lines from standard input: a terminal, a pipe or a file."""

import asyncio
import codecs
import os
from collections import deque

_CHUNK = 1 << 16


class Lines:
    """Reads only on demand, so that input typed ahead on a terminal stays for the next program."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines: deque[bytes] = deque()
        self._partial = b""
        self._begun = False
        self._ended = fd < 0

    async def next(self) -> str | None:
        """Return the next line without its end; None after the last. Invalid UTF-8 becomes lone surrogates."""
        while not self._lines and not self._ended:
            await self._readable()
            self._read()
        if self._lines:
            return self._lines.popleft().decode("utf-8", "surrogateescape").rstrip("\r")
        last, self._partial = self._partial, b""
        return last.decode("utf-8", "surrogateescape") if last else None

    async def follows(self, seconds: float) -> bool:
        """Return whether more input, or its end, arrives within `seconds`."""
        if self._lines or self._partial or self._ended:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._readable()
        except TimeoutError:
            return False
        return True

    def forget(self) -> None:
        """Discard an incomplete line."""
        self._partial = b""

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        try:
            loop.add_reader(self._fd, _set, ready)
        except PermissionError:
            return  # a file, which is always readable: epoll_ctl(2)
        try:
            await ready
        finally:
            loop.remove_reader(self._fd)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return  # another process read it first
        except OSError:
            data = b""
        self._ended = not data
        if data and not self._begun:
            self._begun = True
            data = data.removeprefix(codecs.BOM_UTF8)  # which some editors put before the first line
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._lines += lines


def _set(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
