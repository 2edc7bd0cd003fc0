"""The pause of a script, and raw consoles in it."""

import pytest

from tests.bus.console.raw import SCRIPT, Raw


@pytest.fixture
def paused(run, client):
    """A script at an interactive pause; its details."""
    run(SCRIPT)
    yield (details := client.paused())
    for pause in client.list():
        if pause["id"] == details["id"]:
            client.call("Continue", "s", details["id"])


@pytest.fixture
def raw(client):
    """Open raw consoles; they are closed with the test."""
    opened: list[Raw] = []

    def opener(id: str) -> Raw:
        opened.append(Raw(client, id))
        assert opened[-1].until("hello")[1]["id"] == id
        return opened[-1]

    yield opener
    for one in opened:
        one.close()
