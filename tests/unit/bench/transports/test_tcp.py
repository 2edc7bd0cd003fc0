"""The TCP server of the simulated instruments, on its own."""

import asyncio
import gc
import socket
import warnings

import pytest

from lagerd.bench.transports.tcp import Peer, TcpServer


class Silent(Peer):
    def step(self) -> bool:
        return False


@pytest.mark.parametrize("rounds", range(6))
def test_a_connection_that_arrives_while_it_closes_is_closed_too(rounds: int) -> None:
    async def main() -> bytes:
        server = TcpServer(Silent)
        port = await server.start()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            for _ in range(rounds):
                await asyncio.sleep(0)
            await server.close()
            try:
                return client.recv(1)
            except ConnectionResetError:
                return b""

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert asyncio.run(main()) == b""
        gc.collect()
    assert [str(one.message) for one in told] == []
