"""The pause of a script, and raw consoles in it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.bus.console.frames import Frames
from tests.bus.console.raw import SCRIPT, Raw
from tests.client import Client
from tests.fixtures import Starter


@pytest.fixture
def paused(run: Starter, client: Client) -> Iterator[dict[str, Any]]:
    """A script at an interactive pause; its details."""
    run(SCRIPT)
    yield (details := client.paused())
    for pause in client.list():
        if pause["id"] == details["id"]:
            client.call("Continue", "s", details["id"])


@pytest.fixture
def raw(client: Client) -> Iterator[Callable[..., Raw]]:
    """Open raw consoles; they are closed with the test."""
    opened: list[Raw] = []

    def opener(id: str) -> Raw:
        opened.append(Raw(client, id))
        assert opened[-1].until("hello")[1]["id"] == id
        return opened[-1]

    yield opener
    for one in opened:
        one.close()


@pytest.fixture
def opened(client: Client, until_the_end: ExitStack) -> Callable[..., Frames]:
    """Open a console of the pause `id` on a socket, which is closed with the test."""

    def opener(id: str, **options: Any) -> Frames:
        frames = Frames(socket.socket(fileno=client.call("OpenConsole", "sa{sv}", id, options)))
        until_the_end.callback(frames.connection.close)
        return frames

    return opener
