"""Serves a serial port: a pseudo-terminal with a device at its other end, behind a link with a fixed name."""

import asyncio
import contextlib
import os
import select
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from lagerd.bench.transports.lines import LineBuffer, answer

MAX_SERIAL_LINE = 1024


class Port:
    """One pseudo-terminal, from its first client until the last one closes it.

    This process does not keep the client's side open, so it sees a hang-up when the last client leaves. The hang-up
    persists and would keep a level-triggered loop busy, so the port uses its own edge-triggered epoll.
    """

    def __init__(self, device: Any, left: Callable[["Port"], None], ending: bytes) -> None:
        self._device = device
        self._ending = ending
        self._late: list[asyncio.TimerHandle] = []
        self._left = left
        self._lines = LineBuffer(rb"\r\n|\r|\n", MAX_SERIAL_LINE)
        self._pending = bytearray()
        self._near, far = os.openpty()
        try:
            self.path = os.ttyname(far)
            tty.setraw(far)
        finally:
            os.close(far)
        os.set_blocking(self._near, False)
        self._edges = select.epoll()
        self._edges.register(self._near, select.EPOLLIN | select.EPOLLET)
        self._edges.poll(0)
        asyncio.get_running_loop().add_reader(self._edges.fileno(), self._event)

    @property
    def is_left(self) -> bool:
        poll = select.poll()
        poll.register(self._near, 0)
        return any(events & select.POLLHUP for _, events in poll.poll(0))

    def close(self) -> None:
        for late in self._late:
            late.cancel()
        asyncio.get_running_loop().remove_reader(self._edges.fileno())
        self._edges.close()
        os.close(self._near)

    def _event(self) -> None:
        self._edges.poll(0)
        with contextlib.suppress(BlockingIOError, OSError):
            while data := os.read(self._near, 4096):
                self._receive(data)
        if self.is_left:
            self._left(self)

    def _receive(self, data: bytes) -> None:
        self._pending += data
        while (line := self._lines.take(self._pending, self._device)) is not None:
            self._answer(answer(self._device, line, self._ending) or b"")

    def _answer(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        if latency := self._device.faults.latency:
            self._late = [late for late in self._late if late.when() > loop.time()]
            self._late.append(loop.call_later(latency, self._write, data))
        else:
            self._write(data)

    def _write(self, data: bytes) -> None:
        # A serial line cannot hold an answer back: an answer that no client reads is lost.
        with contextlib.suppress(OSError):
            os.write(self._near, data)


class ByteDevice(Protocol):
    """A device whose commands are bytes."""

    def receive(self, data: bytes, /) -> bytes: ...


class BytePort(Port):
    """A port that passes each byte to its device as it arrives."""

    def _receive(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._near, self._device.receive(data))


class Terminal:
    """A serial port that is new for each client: raw, with empty buffers, and not locked.

    A pseudo-terminal is never reused, because the kernel keeps TIOCEXCL, with which a client locks a port, until both
    sides are closed: the next client would be refused. When the last client leaves, the link moves to a new one.
    """

    def __init__(self, device: Any, ending: bytes = b"\r\n", *, port: type[Port] = Port, address: str = "{}") -> None:
        self._device, self._ending, self._port, self._address = device, ending, port, address
        self._ports: list[Port] = []

    async def start(self, place: Path) -> str:
        self._place = place
        self._renew()
        return self._address.format(place)

    async def close(self) -> None:
        with contextlib.suppress(OSError):
            if os.readlink(self._place) == self._ports[-1].path:
                self._place.unlink()
        for port in self._ports:
            port.close()
        self._ports.clear()

    def _renew(self) -> None:
        port = self._port(self._device, self._left, self._ending)
        self._ports.append(port)
        fresh = self._place.with_name(f".{self._place.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(port.path)
        fresh.replace(self._place)

    def _left(self, port: Port) -> None:
        if port is self._ports[-1]:
            self._renew()
        # A client may have opened the old port before the link moved; the port then stays until that client leaves.
        if port.is_left:
            self._ports.remove(port)
            port.close()
