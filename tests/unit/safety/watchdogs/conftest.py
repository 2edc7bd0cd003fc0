"""The simulated bench of the tests of watchdogs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lager.instruments import upkeep
from lagerd.bench.thread import running
from tests.unit.safety.watchdogs.simulated import Clock, Simulated


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(upkeep, "wait", clock.wait)
    return clock


@pytest.fixture
def simulated(tmp_path: Path, clock: Clock) -> Iterator[Simulated]:
    found = Simulated(tmp_path, clock)
    with running(found.bench, tmp_path):
        yield found
