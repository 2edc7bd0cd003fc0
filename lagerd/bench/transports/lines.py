"""Serves devices that answer lines: SCPI over a raw socket, and the part that serial devices share with it."""

import re
from pathlib import Path
from typing import Protocol

from lagerd.bench.faults import Fault, Faults, spoil
from lagerd.bench.transports.tcp import Peer, TcpServer

MAX_LINE = 8192


class LineDevice(Protocol):
    """A device that answers lines. It does not distinguish clients: they share its state."""

    faults: Faults

    def handle(self, line: str, /) -> str | None: ...

    def other_answer(self, line: str, /) -> str: ...

    def overrun(self) -> None: ...


class LineBuffer:
    """Takes complete lines from the front of a buffer, and discards a line that is too long."""

    def __init__(self, terminator: bytes, limit: int = MAX_LINE) -> None:
        self._terminator = re.compile(terminator)
        self._limit = limit
        self._dropping = False

    def take(self, pending: bytearray, device: LineDevice) -> str | None:
        while (end := self._terminator.search(pending)) is not None:
            line = bytes(pending[: end.start()])
            del pending[: end.end()]
            if self._dropping:
                self._dropping = False
            elif len(line) > self._limit:
                device.overrun()
            else:
                return line.decode("latin-1")
        if len(pending) > self._limit:
            pending.clear()
            if not self._dropping:
                device.overrun()
            self._dropping = True
        return None


def answer(device: LineDevice, line: str, ending: bytes) -> bytes | None:
    """Return the bytes to send for a line; None if the connection must be cut instead."""
    device.faults.begin()
    text = device.handle(line)
    if text is None:
        return b""
    fault = device.faults.spend()
    if fault is Fault.CUT:
        return None
    other = device.other_answer(line).encode("ascii", "replace") + ending
    return spoil(fault, text.encode("ascii", "replace") + ending, other)


class LinePeer(Peer):
    def __init__(self, peers: set[Peer], device: LineDevice) -> None:
        super().__init__(peers)
        self._device = device
        self._lines = LineBuffer(rb"\n")

    def step(self) -> bool:
        line = self._lines.take(self.pending, self._device)
        if line is None:
            return False
        data = answer(self._device, line.rstrip("\r"), b"\n")
        if data is None:
            self.cut()
        else:
            self.send(data, self._device.faults.latency)
        return True


class LineServer:
    """An instrument at a VISA socket address."""

    def __init__(self, device: LineDevice) -> None:
        self._tcp = TcpServer(lambda peers: LinePeer(peers, device))

    async def start(self, _place: Path) -> str:
        return f"TCPIP0::127.0.0.1::{await self._tcp.start()}::SOCKET"

    async def close(self) -> None:
        await self._tcp.close()
