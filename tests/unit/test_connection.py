"""What leaves a connection: every byte once and in order, however full the socket, descriptors where they belong."""

import array
import asyncio
import os
import select
import socket
from tempfile import TemporaryDirectory

import pytest

from lager.connection import Connection

PIECES = [bytes([n % 251]) * (n * 37 % 5000 + 1) for n in range(500)]


@pytest.mark.parametrize("held", [False, True])
def test_pieces_arrive_whole_and_in_order_through_a_full_socket(held):
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
        connection.send_raw(piece, fds)


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


def test_an_address_that_is_none_leaves_no_descriptor():
    async def work() -> None:
        before = len(os.listdir("/proc/self/fd"))
        for address in ("unix:path=/nonexistent/bus", "tcp:host=localhost,port=1", "unix:abstract=nobody-is-here"):
            with pytest.raises(OSError, match=r"."):
                _connection(address)
        assert len(os.listdir("/proc/self/fd")) == before

    asyncio.run(work())
