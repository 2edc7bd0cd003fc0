"""Serves TCP on the loopback interface; no client can disturb the connections of others."""

import asyncio
from collections.abc import Callable
from typing import cast

MAX_PEERS = 128
"""Per instrument. A real one accepts a handful; this limit is for tests that try to exhaust it."""
BURST = 32
"""How many requests of one client are handled before those of others."""


class Peer(asyncio.Protocol):
    """One connection. A subclass takes one request at a time out of `pending`.

    While a client does not read its answers, its requests are not read either, so no buffer grows without bound. Other
    clients are not affected, because nothing here waits.
    """

    def __init__(self, peers: set["Peer"]) -> None:
        self.pending = bytearray()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._peers = peers
        self._transport: asyncio.Transport
        self._alive = False
        self._blocked = False
        self._behind = False
        self._full = False
        self._late: asyncio.TimerHandle | None = None

    def step(self) -> bool:
        """Handle one request of `pending`; return False if there is no complete one."""
        raise NotImplementedError

    def send(self, data: bytes, latency: float = 0.0) -> None:
        """Send an answer, after `latency` seconds in which nothing else of this client is handled."""
        if not data:
            return
        if latency <= 0:
            self._transport.write(data)
            return
        self._blocked = True
        self._transport.pause_reading()
        self._late = asyncio.get_running_loop().call_later(latency, self._send_late, data)

    def _send_late(self, data: bytes) -> None:
        self._late = None
        self._transport.write(data)
        if not self._full:
            self.resume_writing()

    def cut(self) -> None:
        self._alive = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        full = len(self._peers) >= MAX_PEERS
        self._peers.add(self)
        self._alive = not full
        if full:
            self.cut()

    def data_received(self, data: bytes) -> None:
        self.pending += data
        self._work()

    def pause_writing(self) -> None:
        self._blocked = self._full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._full = False
        if self._late is not None:
            return
        self._blocked = False
        if not self._behind:
            self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        self._alive = False
        if self._late is not None:
            self._late.cancel()
        self.pending.clear()
        self._peers.discard(self)
        self.lost.set_result(None)

    def _work(self) -> None:
        """Handle the pending requests, a burst at a time; resume reading when they are done."""
        self._behind = False
        for _ in range(BURST):
            if not self._alive or self._blocked:
                return
            if not self.step():
                self._transport.resume_reading()
                return
        self._behind = True
        self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._work)


class TcpServer:
    """Listens on a port that the kernel chooses."""

    def __init__(self, peer: Callable[[set[Peer]], Peer]) -> None:
        self._peer = peer
        self._peers: set[Peer] = set()
        self._server: asyncio.Server

    async def start(self) -> int:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self._peer(self._peers), "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        for listening in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(2):  # what was accepted just now becomes a peer, which asyncio refuses once the server is closed
            await asyncio.sleep(0)
        self._server.close()
        leaving = list(self._peers)
        for peer in leaving:
            peer.cut()
        await asyncio.gather(*(peer.lost for peer in leaving))
        await self._server.wait_closed()
