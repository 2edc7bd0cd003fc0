"""The history of consoles on disk: readable by its user only, and bounded in size."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory

from lager_cli.linux import home

_MOST_BYTES = 1 << 20
_KEPT_BYTES = 1 << 19


class ConsoleHistory(FileHistory):
    """The history of consoles. If the disk is full or the home folder is read-only, only the history is lost."""

    def __init__(self) -> None:
        path = _path()
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            path.chmod(0o600)
            _shorten(path)
        super().__init__(str(path))

    def load_history_strings(self) -> Iterable[str]:
        try:
            return list(super().load_history_strings())
        except OSError:
            return []

    def store_string(self, string: str) -> None:
        with contextlib.suppress(OSError):
            super().store_string(string.encode("utf-8", "replace").decode())


def _path() -> Path:
    return home.state() / "lager" / "console-history"


def _shorten(path: Path) -> None:
    """Shorten a file that is too long to its latest entries, which begin with an empty line and a comment."""
    data = path.read_bytes()
    if len(data) > _MOST_BYTES:
        kept = data[-_KEPT_BYTES:]
        new = path.with_suffix(f".{os.getpid()}")
        new.touch(mode=0o600)
        new.write_bytes(kept[max(kept.find(b"\n\n# "), 0) :])
        new.replace(path)
