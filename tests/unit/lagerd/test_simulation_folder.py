"""The private folder of a simulated bench: removed at its end, or by the next one."""

from pathlib import Path

import pytest

from lager.errors import BusError
from lagerd.private_bus import simulation


@pytest.fixture
def above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(simulation, "own_folder", lambda: tmp_path)
    monkeypatch.setattr(simulation, "_LONGEST", 1000)
    return tmp_path


def test_a_folder_is_private_and_gone_at_the_end(above: Path) -> None:
    with simulation._own_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").touch()
    assert list(above.iterdir()) == []


def test_what_a_killed_simulation_left_is_removed_and_what_another_one_uses_is_not(above: Path) -> None:
    left = above / "bench-left"
    left.mkdir()
    (left / "alive").touch()
    (left / "nets.toml").touch()
    starting = above / "bench-starting"  # which has no lock yet
    starting.mkdir()
    (above / "runs").mkdir()
    with simulation._own_folder() as one, simulation._own_folder() as other:
        assert {path.name for path in above.iterdir()} == {one.name, other.name, "runs", "bench-starting"}


def test_a_folder_whose_path_is_too_long_for_a_socket_is_refused(above: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "_LONGEST", 10)
    with pytest.raises(BusError, match="is too long for a socket"), simulation._own_folder():
        pass
    assert list(above.iterdir()) == []
