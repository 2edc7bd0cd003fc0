"""A serial port: a pseudo-terminal with a device at its far end, behind a link with a steady name."""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import struct
import termios
import tty
from collections.abc import Callable
from pathlib import Path

from lagerd.bench.lines import LineBuffer, LineDevice, answer

MAX_SERIAL_LINE = 1024
IN_OPEN, IN_CLOSE = 0x20, 0x18
EVENT = struct.Struct("iIII")


class Terminal:
    """The device sees what a client writes, and its answers go out as far as the line has room for them.

    A client may take the port for itself with TIOCEXCL. The kernel drops that flag when a port closes for
    good, which ours never does: this end keeps it open. So a watch on the port counts who has it open, and
    the last one to leave finds the port as it was: open to all, raw, with nothing in its buffers.
    """

    def __init__(self, device: LineDevice) -> None:
        self._device = device
        self._lines = LineBuffer(rb"\r\n|\r|\n", MAX_SERIAL_LINE)
        self._pending = bytearray()
        self._users = 0
        self._cleanup = contextlib.ExitStack()

    async def start(self, place: Path) -> str:
        with contextlib.ExitStack() as stack:
            self._near, self._far = os.openpty()
            stack.callback(os.close, self._near)
            stack.callback(os.close, self._far)
            os.set_blocking(self._near, False)
            tty.setraw(self._far)
            self._add_reader(stack, self._near, self._receive)
            self._watch(stack, os.ttyname(self._far))
            self._link(stack, os.ttyname(self._far), place)
            self._cleanup = stack.pop_all()
        return str(place)

    async def close(self) -> None:
        self._cleanup.close()

    def _add_reader(self, stack: contextlib.ExitStack, descriptor: int, callback: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, callback)
        stack.callback(loop.remove_reader, descriptor)

    def _link(self, stack: contextlib.ExitStack, target: str, place: Path) -> None:
        fresh = place.with_name(f".{place.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(place)

        def unlink() -> None:
            with contextlib.suppress(OSError):
                if os.readlink(place) == target:
                    place.unlink()

        stack.callback(unlink)

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._pending += os.read(self._near, 4096)
        while (line := self._lines.take(self._pending, self._device)) is not None:
            self._send(answer(self._device, line, b"\r\n") or b"")

    def _send(self, data: bytes) -> None:
        """A serial line has no way to hold an answer back: what nobody reads is lost."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._near, data)

    def _watch(self, stack: contextlib.ExitStack, path: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._events < 0:
            # Out of inotify instances: the port works, only TIOCEXCL would outlast its owner.
            return
        stack.callback(os.close, self._events)
        if libc.inotify_add_watch(self._events, os.fsencode(path), IN_OPEN | IN_CLOSE) >= 0:
            self._add_reader(stack, self._events, self._count)

    def _count(self) -> None:
        for _, mask, _, _ in EVENT.iter_unpack(os.read(self._events, EVENT.size * 64)):
            self._users = max(0, self._users + (1 if mask & IN_OPEN else -1 if mask & IN_CLOSE else 0))
        if not self._users:
            self._rest()

    def _rest(self) -> None:
        fcntl.ioctl(self._far, termios.TIOCNXCL)
        tty.setraw(self._far)
        termios.tcflush(self._far, termios.TCIOFLUSH)
        self._pending.clear()
