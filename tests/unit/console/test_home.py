"""Where the files of a user are, also of one who has no home."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lager_cli import main
from lager_cli.boxes.names import box_table
from lager_cli.console.history_file import ConsoleHistory
from lager_cli.linux import home
from lager_cli.runs import records


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A user id without HOME and without an entry in passwd: expanduser leaves the tilde."""
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.setattr(records, "own_folder", lambda: tmp_path / "embedded")
    (tmp_path / "embedded").mkdir(mode=0o700)
    yield
    assert [path.name for path in tmp_path.iterdir()] == ["embedded"]


def test_a_user_without_a_home_gets_no_folder_of_the_name_tilde(
    homeless: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert records.everyone() == []
    assert box_table.table() == {"boxes": {}, "groups": {}}
    ConsoleHistory().store_string("1 + 1")
    assert main.run(["boxes", "add", "a", "b"]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["", "relative", "./here"])
def test_a_relative_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setenv("XDG_STATE_HOME", given)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/anna")
    assert str(home.state()) == "/home/anna/.local/state"
    assert str(home.config()) == "/etc/anna"
