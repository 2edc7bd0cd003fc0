"""The folder of the embedded daemon: private to its user, whatever other users have created before."""

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest

from lager.bus import address
from lager.errors import BusError


def test_a_folder_that_another_user_made_first_locks_no_one_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any user can create the name in a temporary folder, but not in the home of another user."""
    squatted = tmp_path / "tmp" / f"lager-{os.getuid()}"
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(squatted.parent))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    squatted.mkdir(parents=True, mode=0o777)
    squatted.chmod(0o777)
    folder = address.embedded_folder()
    assert folder == tmp_path / "home/.cache/lager"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert address.embedded_folder() == folder
    squatted.chmod(0o700)
    assert address.embedded_folder() == squatted


@pytest.mark.parametrize("make", [lambda path: path.write_text(""), lambda path: path.symlink_to("/tmp")])
def test_a_file_or_a_link_of_that_name_locks_no_one_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    make(tmp_path / f"lager-{os.getuid()}")
    assert address.embedded_folder() == tmp_path / "home/.cache/lager"


def test_without_any_private_folder_the_error_names_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", "/dev/null/nowhere")
    (tmp_path / f"lager-{os.getuid()}").write_text("")
    with pytest.raises(BusError, match="XDG_RUNTIME_DIR"):
        address.embedded_folder()


@pytest.mark.parametrize("runtime", ["", "{long}"])
@pytest.mark.parametrize("temporary", ["{long}", "relative/folder"])
def test_a_temporary_folder_that_takes_no_socket_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, temporary: str
) -> None:
    """The name of a socket has at most 107 bytes (unix(7)); those that a CI or macOS gives are often longer."""
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime.format(long=long))
    monkeypatch.setenv("TMPDIR", temporary.format(long=long))
    monkeypatch.setenv("HOME", str(long))
    folder = address.embedded_folder()
    assert folder.is_absolute()
    with socket.socket(socket.AF_UNIX) as listener, tempfile.TemporaryDirectory(dir=folder) as inside:
        listener.bind(f"{inside}/bus")
