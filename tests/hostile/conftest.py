"""A station for each test of hostile input, and a client that checks that it is unchanged."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client import Client
from tests.hostile.raw import Raw
from tests.processes import descriptors
from tests.station import Station


@pytest.fixture(scope="session")
def station() -> Iterator[Station]:
    with tempfile.TemporaryDirectory(prefix="lager-test-", dir="/tmp") as folder:
        station = Station(Path(folder))
        yield station
        station.close()


@pytest.fixture
def client(station: Station) -> Iterator[Client]:
    client = Client(station.address)
    yield client
    client.close()


@pytest.fixture
def raw(station: Station) -> Iterator[Raw]:
    raw = Raw(station.address)
    yield raw
    raw.close()


@pytest.fixture
def unharmed(station: Station, client: Client) -> Callable[[], None]:
    """lagerd is up, holds nothing, and has the descriptors and threads that it had, once the others have left."""
    lagerd = station.lagerd
    proc = Path(f"/proc/{lagerd.pid}")

    def held() -> tuple[int, int]:
        return descriptors(lagerd.pid)[0], len(list((proc / "task").iterdir()))

    before = held()

    def check() -> None:
        assert client.list() == []
        assert client.call("List", name="com.lager.Instruments") == []
        client.list()
        assert held() == before
        assert "Traceback" not in station.lagerd.err.text

    return check
