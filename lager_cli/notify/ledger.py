"""The ledger: a file with the messages that each target has got, so that a restarted notifier sends none twice.

A line is written after a message was delivered. A notifier that is killed between the two sends that message again,
which is better than never. A last line that is cut off by a full disk is ignored.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lager.errors import LagerError
from lager_cli.notify.config import Target
from lager_cli.notify.notices import Notice

_MOST, _KEPT = 20_000, 5_000  # lines; more than the open pauses of any bench


class Ledger:
    """The open file, which one notifier holds at a time. Raises LagerError if another one does."""

    def __init__(self, folder: Path) -> None:
        path = folder / "told"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LagerError(f"Cannot write {path}: {error.strerror}.", "Make the folder writable.") from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._told = dict.fromkeys(_lines(path))
            self._shorten()
        except BlockingIOError:
            os.close(self._fd)
            raise LagerError("lager notify is running already.", "End the other one first.") from None
        except BaseException:
            os.close(self._fd)
            raise

    def close(self) -> None:
        os.close(self._fd)

    def has(self, target: Target, notice: Notice) -> bool:
        """Return whether the target has got the notice."""
        return _key(target, notice) in self._told

    def add(self, target: Target, notices: Iterable[Notice]) -> None:
        """Record that the target has got the notices. A full disk does not stop the messages."""
        new = [key for notice in notices if (key := _key(target, notice)) not in self._told]
        self._told.update(dict.fromkeys(new))
        self._write(new)
        self._shorten()

    def _write(self, keys: Iterable[str]) -> None:
        with contextlib.suppress(OSError):
            os.write(self._fd, b"".join(b"\n" + json.dumps(key).encode("ascii") for key in keys))

    def _shorten(self) -> None:
        """Keep the latest lines if the file has become long."""
        if len(self._told) > _MOST:
            self._told = dict.fromkeys(list(self._told)[-_KEPT:])
            os.ftruncate(self._fd, 0)
            self._write(self._told)


def _key(target: Target, notice: Notice) -> str:
    """The key of a line. It has no secret: the URL is in it as a digest."""
    digest = hashlib.sha256(target.url.encode()).hexdigest()[:16]
    return f"{digest} {notice.event} {notice.key}"


def _lines(path: Path) -> Iterable[str]:
    for line in path.read_bytes().split(b"\n"):
        try:
            value: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, str):
            yield value
