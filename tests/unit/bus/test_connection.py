"""A connection sends every byte once and in order, however full the socket, and descriptors with their message."""

import array
import asyncio
import os
import select
import socket
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from lager.bus.transport import connection as module
from lager.bus.transport.connection import Connection
from tests.hostile.marshal import call

PIECES = [bytes([n % 251]) * (n * 37 % 5000 + 1) for n in range(500)]


@pytest.mark.parametrize("held", [False, True])
def test_pieces_arrive_whole_and_in_order_through_a_full_socket(held: bool) -> None:
    async def work() -> tuple[bytes, int]:
        with TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{folder}/bus")
            listener.listen()
            connection = _connection(f"unix:path={folder}/bus")
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(20)
                if held:
                    with connection.together():
                        _send(connection)
                        assert not select.select([peer], [], [], 0)[0]
                else:
                    _send(connection)
                got = await asyncio.to_thread(_receive, peer, sum(map(len, PIECES)))
            connection.close()
            return got

    data, fds = asyncio.run(work())
    assert data == b"".join(PIECES)
    assert fds == 1


def _connection(address: str) -> Connection:
    return Connection(address, lambda *_: True, lambda _: None, lambda _: False, lambda: None)


def _send(connection: Connection) -> None:
    for number, piece in enumerate(PIECES):
        fds = [os.open(os.devnull, os.O_RDONLY)] if number == 250 else []
        connection.send(piece, fds)


def _receive(peer: socket.socket, size: int) -> tuple[bytes, int]:
    data, fds = b"", 0
    while len(data) < size:
        more, ancillary, _, _ = peer.recvmsg(1 << 16, socket.CMSG_LEN(16))
        data += more
        for _, _, content in ancillary:
            for fd in array.array("i", content):
                os.close(fd)
                fds += 1
    return data, fds


def test_long_answers_to_one_caller_let_other_callers_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers to others go between the long answers to one caller, and all of them arrive."""
    monkeypatch.setattr(module, "_PACE", 1 << 17)
    served = []

    async def work(folder: str) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{folder}/bus")
            listener.listen()
            all_served = asyncio.Event()

            def received(message: Any) -> None:
                served.append(message.sender)
                connection.send(bytes(1 << 17), to=message.sender)
                if len(served) == 5:
                    all_served.set()

            connection = Connection(f"unix:path={folder}/bus", lambda *_: True, received, lambda _: False, lambda: None)
            peer, _ = listener.accept()
            with peer:
                flood = b"".join(call(n, "com.lager.Breakpoints", "List", sender=":1.7") for n in range(1, 5))
                peer.sendall(b"OK 0\r\nAGREE_UNIX_FD\r\n" + flood)

                def read() -> None:
                    _receive(peer, 2 << 17)
                    select.select([peer], [], [], 0.2)  # for one that would follow
                    peer.sendall(call(5, "com.lager.Breakpoints", "List", sender=":1.8"))
                    _receive(peer, 3 << 17)

                reading = asyncio.create_task(asyncio.to_thread(read))
                await connection.introduce()
                async with asyncio.timeout(20):
                    await all_served.wait()
                    await reading
            connection.close()

    with TemporaryDirectory(dir="/tmp") as folder:
        asyncio.run(work(folder))
    assert served == [":1.7", ":1.7", ":1.8", ":1.7", ":1.7"]


def test_an_invalid_address_leaves_no_descriptor_open() -> None:
    async def work() -> None:
        before = len(os.listdir("/proc/self/fd"))
        for address in ("unix:path=/nonexistent/bus", "tcp:host=localhost,port=1", "unix:abstract=nobody-is-here"):
            with pytest.raises(OSError, match=r"."):
                _connection(address)
        assert len(os.listdir("/proc/self/fd")) == before

    asyncio.run(work())
