"""Starts the process that makes an instrument safe, and asks it. lagerd itself opens no device and no network.

On a box this is the unit lager-safe@.service: systemd starts one for each connection to its socket. Elsewhere it is a
child, with the same socket as its standard input. The protocol is one line of JSON each way: the request, which comes
with a copy of the lease, and the answer. Because of that copy no other process can claim the instrument while this one
works, even if lagerd dies meanwhile.
"""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lagerd.instruments.leases import Lease
from lagerd.instruments.lock_files import process_end

SOCKET = Path("/run/lager-safe/socket")
SECONDS = 10.0
_LONGEST = 1 << 20


@dataclass(frozen=True)
class SafetyAnswer:
    """`nets` maps each net to why it is not safe, or to an empty text; `done` tells what was done."""

    nets: dict[str, str]
    done: dict[str, str]
    died: bool = False  # the process ended before it answered
    name: str = ""  # of the instrument, in the nets file

    @property
    def is_safe(self) -> bool:
        return not any(self.nets.values())

    @property
    def why(self) -> str:
        return " ".join(f"{net}: {reason}" for net, reason in self.nets.items() if reason)


class SafeProcess:
    """`unit` is the socket of the unit; None starts a child, which reads the nets file of the holder."""

    def __init__(self, unit: Path | None) -> None:
        self._unit = unit
        self._reaping: set[asyncio.Task[None]] = set()

    async def make_safe(self, lease: Lease, fd: int, *, off: bool = False, nets: tuple[str, ...] = ()) -> SafetyAnswer:
        """Make the nets of a crashed lease safe, or with `off` switch off those named or all of the instrument.

        Takes at most ten seconds. Does not raise: what fails is in the answer. `fd` stays open; -1 is none.
        """
        asked = list(nets if off else lease.safe)
        request = {
            "instrument": lease.instrument,
            "nets": asked,
            "off": off,
            "nets_file": lease.nets_file,
        }
        try:
            return read_answer(asked, await self._ask(request, fd))
        except TimeoutError:
            return SafetyAnswer(dict.fromkeys(asked or [lease.name], f"This took more than {SECONDS:g} s."), {})
        except (OSError, ValueError) as error:
            return SafetyAnswer(dict.fromkeys(asked or [lease.name], f"This failed: {error}."), {}, died=True)

    async def _ask(self, request: dict[str, Any], fd: int) -> bytes:
        ours, child = self._connected()
        try:
            socket.send_fds(ours, [json.dumps(request).encode() + b"\n"], [fd] if fd >= 0 else [])
            ours.setblocking(False)
            async with asyncio.timeout(SECONDS):
                return await _read(ours)
        except TimeoutError:
            if child is not None:
                child.kill()
            raise
        finally:
            ours.close()
            if child is not None:
                self._reap(child)

    def _connected(self) -> "tuple[socket.socket, subprocess.Popen[bytes] | None]":
        if self._unit is not None:
            ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                ours.connect(str(self._unit))
            except OSError:
                ours.close()
                raise
            return ours, None
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "lagerd.make_safe"]
        with theirs:
            try:
                null = subprocess.DEVNULL
                return ours, subprocess.Popen(command, stdin=theirs.fileno(), stdout=null, start_new_session=True)
            except OSError:
                ours.close()
                raise

    def _reap(self, child: "subprocess.Popen[bytes]") -> None:
        async def reap() -> None:
            await process_end(child.pid)
            child.wait()

        task = asyncio.get_running_loop().create_task(reap())
        self._reaping.add(task)
        task.add_done_callback(self._reaping.discard)


async def _read(ours: socket.socket) -> bytes:
    said = b""
    while data := await asyncio.get_running_loop().sock_recv(ours, 1 << 16):
        said += data
        if len(said) > _LONGEST:
            raise ValueError("its answer is too long")
    return said


def read_answer(asked: Iterable[str], said: bytes) -> SafetyAnswer:
    """Return the answer; a net that it does not name is not safe. Raises ValueError if it cannot be read."""
    try:
        told = json.loads(said)
        nets = {str(net): str(reason) for net, reason in dict(told["nets"]).items()}
        done = {str(net): str(what) for net, what in dict(told["done"]).items()}
        name = str(told.get("name", ""))
    except (ValueError, TypeError, KeyError):
        raise ValueError("the process ended before it answered") from None
    return SafetyAnswer({net: nets.get(net, "it was not asked.") for net in asked} | nets, done, name=name)
