"""The start socket of a box: who starts lagerd by it, and what lagerd does with the connections."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lager.bus import start_socket
from lager.bus.blocking import BlockingBus
from lager.bus.facade import Bus
from lager.bus.transport.wire import Kind
from lager.contract import BREAKPOINTS, INSTRUMENTS
from lager.errors import AccessDenied, LagerError, NoDaemon
from lagerd.callers.clients import Client
from lagerd.service.start_socket import StartSocket, given_by_systemd
from tests.unit.bus.test_blocking_bus import _message, _read, broker

CALL = (BREAKPOINTS, "/com/lager/Breakpoints", "Continue", "s", "7f3a")
UNKNOWN = "org.freedesktop.DBus.Error.ServiceUnknown"


@pytest.mark.parametrize(
    ("address", "name", "starts"),
    [
        ("unix:path=/run/dbus/system_bus_socket", BREAKPOINTS, True),
        ("unix:path=/var/run/dbus/system_bus_socket,guid=12", INSTRUMENTS, os.path.islink("/var/run")),
        ("unix:path=/run/dbus/system_bus_socket", "org.example.Other", False),
        ("unix:path=/run/user/1000/bus", BREAKPOINTS, False),
        ("unix:abstract=/run/dbus/system_bus_socket", BREAKPOINTS, False),
    ],
)
def test_only_lagerd_on_the_system_bus_is_started(address: str, name: str, starts: bool) -> None:
    assert start_socket.starts(address, name) == starts


class World:
    """A box: a broker without lagerd, and a start socket that closes each connection. `starts` is how many of them have
    to be closed until there is a lagerd; then it answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, starts: int) -> None:
        self.said: list[bytes] = []
        self.left = starts
        self.posted: list[bytes] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "start"))
        self.listener.listen()
        monkeypatch.setattr(start_socket, "_PATH", str(folder / "start"))
        self.patch = monkeypatch
        self.thread = threading.Thread(target=self._close_each)
        self.thread.start()

    def _close_each(self) -> None:
        while True:
            peer, _ = self.listener.accept()
            with peer:
                said = peer.recv(99)
                if said == b"end":
                    return
                self.said.append(said)
                self.left -= 1

    def act(self, peer: socket.socket) -> None:
        """Be the broker of one connection."""
        line = b""
        while not line.endswith(b"BEGIN\r\n"):
            line += peer.recv(1)
            if line.endswith(b"\r\n") and b"AUTH" in line:
                line = b""
                peer.sendall(b"OK 0123\r\n")
            if line.endswith(b"NEGOTIATE_UNIX_FD\r\n"):
                line = b""
                peer.sendall(b"AGREE_UNIX_FD\r\n")
        serial = 0
        while call := _read(peer):
            serial += 1
            if b"Hello" in call:
                peer.sendall(_message(serial, ":1.77"))
            elif b"Identify" in call:
                self.posted += [call] if self.left <= 0 else []
            elif self.left > 0:
                peer.sendall(_message(serial, "no such name", kind=Kind.ERROR, error=UNKNOWN))
            else:
                peer.sendall(_message(serial, "7f3a"))

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as end:
            end.connect(start_socket._PATH)
            end.sendall(b"end")
        self.thread.join()
        self.listener.close()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[int], World]]:
    made: list[World] = []

    def make(starts: int) -> World:
        made.append(World(monkeypatch, tmp_path, starts))
        return made[0]

    yield make
    for one in made:
        one.close()


def blocking(address: str) -> list[Any]:
    with contextlib.closing(BlockingBus(address)) as bus:
        bus.post(BREAKPOINTS, "/com/lager/Breakpoints", "Identify", "s", "cli", start=True)
        return bus.call(*CALL)


def in_a_loop(address: str) -> list[Any]:
    async def call() -> list[Any]:
        bus = await Bus.connect(address)
        try:
            bus.post(BREAKPOINTS, "/com/lager/Breakpoints", "Identify", "s", "cli", start=True)
            return await bus.call(*CALL)
        finally:
            bus.close()

    return asyncio.run(call())


both = pytest.mark.parametrize("called", [blocking, in_a_loop])


def asked(world: World, called: Callable[[str], list[Any]]) -> list[Any]:
    with broker(world.act) as address:
        world.patch.setattr(start_socket, "_SYSTEM", address.removeprefix("unix:path="))
        return called(address)


@both
@pytest.mark.parametrize("starts", [1, 2])
def test_a_call_starts_lagerd_and_says_first_who_calls(
    world: Callable[[int], World], called: Callable[[str], list[Any]], starts: int
) -> None:
    """The first connection may end with a lagerd that is stopping."""
    box = world(starts)
    assert asked(box, called) == ["7f3a"]
    assert box.said == [b":1.77"] * starts
    assert len(box.posted) == 1


@both
def test_a_lagerd_that_never_comes_is_an_error(
    world: Callable[[int], World], called: Callable[[str], list[Any]]
) -> None:
    box = world(99)
    with pytest.raises(NoDaemon, match=r"lagerd does not start\. See why: systemctl status lagerd"):
        asked(box, called)
    assert len(box.said) == start_socket.KNOCKS


@both
@pytest.mark.parametrize(
    ("refusal", "kind", "said"),
    [
        (PermissionError(13, "Permission denied"), AccessDenied, "Ask to be added to the group lager"),
        (FileNotFoundError(2, "No such file"), NoDaemon, "sudo systemctl start lagerd"),
        (ConnectionRefusedError(111, "Connection refused"), NoDaemon, "sudo systemctl start lagerd"),
    ],
)
def test_a_start_socket_that_refuses_is_explained(
    world: Callable[[int], World], called: Callable[[str], list[Any]], refusal: OSError, kind: type, said: str
) -> None:
    class Refusing(socket.socket):
        def connect(self, address: object) -> None:
            if address == start_socket._PATH:
                raise refusal
            super().connect(address)  # type: ignore[arg-type]

    box = world(1)
    box.patch.setattr(start_socket, "socket", SimpleNamespace(**{**vars(socket), "socket": Refusing}))
    with pytest.raises(LagerError, match=said) as raised:
        asked(box, called)
    assert type(raised.value) is kind or isinstance(raised.value, kind)


class Known:
    """The broker's word on connections: the name :1.5 is that of this process, and :1.6 of another one."""

    async def of(self, name: str) -> Client:
        if name not in (":1.5", ":1.6"):
            raise NoDaemon("it has left")
        return Client(name, 1001, "bob", os.getpid() if name == ":1.5" else 1, ())


@pytest.mark.parametrize(
    ("said", "recorded"),
    [(b":1.5", ["bob"]), (b":1.6", []), (b":1.7", []), (b"", []), (b"com.lager.X", []), (b"\xff", [])],
)
def test_lagerd_records_who_started_it_only_if_the_kernel_confirms_it(said: bytes, recorded: list[str]) -> None:
    found: list[str] = []

    async def serve(address: str) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.setblocking(False)
            listener.bind(address)
            listener.listen()
            with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
                first.connect(address)
                first.sendall(said)
                served = StartSocket(listener, Known(), lambda client: found.append(client.user))  # type: ignore[arg-type]
                served.serve()
                second.connect(address)
                second.sendall(b":1.5")
                second.setblocking(False)
                with contextlib.suppress(ConnectionResetError):  # closed before it read what we said
                    await asyncio.wait_for(asyncio.get_running_loop().sock_recv(second, 1), 20)
                await served.close()

    asyncio.run(serve(f"\0lager-start-test-{os.getpid()}"))
    assert found == recorded


def test_the_socket_of_systemd_is_taken_once_and_only_by_the_process_it_is_for() -> None:
    code = (
        "import os, socket\nfrom lagerd.service.start_socket import given_by_systemd\n"
        "a = socket.socket(socket.AF_UNIX); os.dup2(a.fileno(), 3)\n"
        "os.environ.update(LISTEN_PID='1', LISTEN_FDS='1'); print(given_by_systemd())\n"
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='x')\n"
        "s = given_by_systemd(); print(s.fileno(), s.get_inheritable(), given_by_systemd())\n"
        "print([name for name in os.environ if name.startswith('LISTEN_')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "None\n3 False None\n[]\n"
    assert given_by_systemd() is None
