"""Runs of the test's own, which are ended with it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bus.runs.detached.known_runs import Runs
from tests.fixtures import Command
from tests.processes import LAGER, PATIENCE
from tests.station import Station


@pytest.fixture
def runs(station: Station, lager: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    monkeypatch.setitem(station.env, "XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delitem(station.env, "PYTHONUNBUFFERED")
    found = Runs(station, lager, tmp_path / "state/lager/runs")
    yield found
    for id in found.begun:
        found.kill(id)


@pytest.fixture
def plain_lager(station: Station, tmp_path: Path) -> "Callable[..., subprocess.CompletedProcess[bytes]]":
    """`lager python` with a umask of its own, and its output as bytes."""

    def command(*words: str, **env: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            ["/bin/sh", "-c", 'umask 027; exec "$@"', "-", LAGER, "python", *words], env={**station.env, **env},
            cwd=tmp_path, capture_output=True, timeout=PATIENCE, check=True,
        )  # fmt: skip

    return command
