"""A command's one call without an event loop: what a broker may do to it, and what it does not import."""

import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from lager.bus import blocking
from lager.bus.blocking import BlockingBus
from lager.bus.transport.wire import HEAD, LONGEST, Kind, encode, sizes
from lager.errors import BusError, Failed, InvalidArgument, NoDaemon, NoSuchBreakpoint

CALL = ("com.lager.Breakpoints", "/com/lager/Breakpoints", "Continue", "s", "7f3a")
LITTLE_ENDIAN = "<"


def _message(serial: int, *values: str, kind: Kind = Kind.METHOD_RETURN, error: str = "", **more: Any) -> bytes:
    return encode(
        kind, 7, reply_serial=serial, error=error, signature="s" * len(values), values=values, **more
    )  # fmt: skip


def _read(peer: socket.socket) -> bytes:
    """Return the next call, whole; an empty one after the last."""
    head = peer.recv(HEAD, socket.MSG_WAITALL)
    return head + peer.recv(sizes(head)[1] - HEAD, socket.MSG_WAITALL) if head else b""


def _authenticate(peer: socket.socket) -> None:
    line = b""
    while not line.endswith(b"\r\n"):
        line += peer.recv(1)
    peer.sendall(b"OK 0123\r\n")
    assert peer.recv(7, socket.MSG_WAITALL) == b"BEGIN\r\n"


@contextmanager
def broker(act: Callable[[socket.socket], Any]) -> Iterator[str]:
    """The address of a broker that accepts one connection, and does `act` with it."""
    with TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/bus")
        listener.listen()

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(20)
                act(peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"unix:path={folder}/bus"
        thread.join()


@contextmanager
def answering(*answers: bytes) -> Iterator[BlockingBus]:
    """A connection to a broker that sends this to the first call after the registration, and hangs up."""

    def act(peer: socket.socket) -> None:
        _authenticate(peer)
        assert b"Hello" in _read(peer)
        peer.sendall(_message(1, ":1.1"))
        assert b"7f3a" in _read(peer)
        peer.sendall(b"".join(answers))

    with broker(act) as address, closing(BlockingBus(address)) as bus:
        yield bus


def test_a_call_returns_the_values_of_its_own_answer() -> None:
    late = _message(1, "the answer to another call")
    signal = _message(2, "not an answer", kind=Kind.SIGNAL, path="/a", interface="a.b", member="C")
    with answering(late, signal, _message(2, "7f3a")) as bus:
        assert bus.call(*CALL) == ["7f3a"]


def test_an_answer_may_come_in_pieces() -> None:
    text = "x" * 300_000
    with answering(_message(2, text)) as bus:
        assert bus.call(*CALL) == [text]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("com.lager.Error.NoSuchBreakpoint", NoSuchBreakpoint),
        ("com.lager.Error.LagerError", Failed),
        ("org.freedesktop.DBus.Error.ServiceUnknown", NoDaemon),
    ],
)
def test_an_error_is_raised_by_its_name(error: str, kind: Any) -> None:
    with answering(_message(2, "why", kind=Kind.ERROR, error=error)) as bus, pytest.raises(kind, match="why"):
        bus.call(*CALL)


def test_a_broker_that_hangs_up_before_the_answer_is_lost() -> None:
    whole = _message(2, "7f3a")
    for answer in (b"", whole[:5], whole[:-1]):
        with answering(answer) as bus, pytest.raises(BusError, match="was lost"):
            bus.call(*CALL)


def test_an_answer_longer_than_d_bus_allows_is_not_read() -> None:
    head = bytearray(_message(2, "7f3a")[:HEAD])
    struct.pack_into(LITTLE_ENDIAN + "I", head, 4, LONGEST)
    with answering(bytes(head)) as bus, pytest.raises(BusError, match="was lost"):
        bus.call(*CALL)


def test_no_answer_in_time_names_who_is_silent() -> None:
    def act(peer: socket.socket) -> None:
        _authenticate(peer)
        _read(peer)
        peer.sendall(_message(1, ":1.1"))
        while _read(peer):
            pass

    with broker(act) as address, closing(BlockingBus(address)) as bus:
        silent = r"com\.lager\.Breakpoints did not answer Continue within 0\.05 s"
        with pytest.raises(NoDaemon, match=silent):
            bus.call(*CALL, timeout=0.05)


def test_text_that_is_no_utf_8_is_refused_and_the_connection_stays() -> None:
    with answering(_message(2, "7f3a")) as bus:
        with pytest.raises(InvalidArgument, match="not valid UTF-8"):
            bus.call(*CALL[:4], "\udcff")
        bus._serial = 1
        assert bus.call(*CALL) == ["7f3a"]


def test_a_broker_that_never_finishes_the_registration_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "_CONNECT_SECONDS", 0.05)
    for steps in (0, 1):

        def act(peer: socket.socket, steps: int = steps) -> None:
            if steps:
                _authenticate(peer)
            while peer.recv(100):
                pass

        with broker(act) as address, pytest.raises(BusError, match="cannot be reached"):
            BlockingBus(address)


def test_a_broker_that_denies_or_is_none_is_named() -> None:
    def deny(peer: socket.socket) -> None:
        peer.recv(100)
        peer.sendall(b"REJECTED\r\n")
        peer.recv(1)

    with broker(deny) as address, pytest.raises(BusError, match="cannot be reached"):
        BlockingBus(address)
    with pytest.raises(BusError, match="/nowhere cannot be reached"):
        BlockingBus("unix:path=/nowhere")
    with pytest.raises(BusError, match="not a unix: address"):
        BlockingBus("tcp:host=localhost,port=1")


def _python(code: str) -> None:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_command_that_asks_once_imports_little() -> None:
    _python("""
import sys
from lager_cli import main
main.run(["continue", "7f3a", "8a4b"])
import lager.bus.blocking
unwanted = {"asyncio", "ssl", "logging", "json", "xml.etree.ElementTree", "dbus_fast.service", "subprocess"}
assert not unwanted & set(sys.modules), unwanted & set(sys.modules)
""")


@pytest.mark.parametrize("library", ["dbus_fast", "dbus_next"])
def test_the_whole_library_is_there_for_who_asks_for_it(library: str) -> None:
    _python(f"""
from lager.bus.transport import library
library.only_parts()
import sys
import lager.bus.transport.wire
import {library}
assert "{library}.service" not in sys.modules
{library}.Message, {library}.introspection.Node
from {library}.aio import MessageBus
from {library} import *
Variant
library.only_parts()
assert {library}.Variant is Variant
""")
