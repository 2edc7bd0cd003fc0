"""Reads the text files that people write: nets file, configurations, files to import."""

import os
import stat
from typing import Any

from lager.wording.text import utf8

LARGEST = 4 << 20  # bytes
_CHUNK = 1 << 16


class Unreadable(Exception):
    """`reason` says why a file cannot be read; with `is_encoding`, it only has to be saved as UTF-8."""

    def __init__(self, reason: str, *, is_encoding: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_encoding = is_encoding


def read(path: str | os.PathLike[str]) -> str:
    """Return the text of a file in UTF-8. Never waits for a named pipe, and never reads without an end.

    Raises FileNotFoundError or NotADirectoryError if it does not exist, else Unreadable.
    """
    try:
        data = _bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as problem:
        raise Unreadable(problem.strerror or str(problem)) from None
    if len(data) > LARGEST:
        raise Unreadable(f"it is larger than {LARGEST >> 20} MB")
    try:
        return utf8(data)
    except ValueError as problem:
        raise Unreadable(str(problem), is_encoding=True) from None


def drop_ins(path: str | os.PathLike[str]) -> list[str]:
    """Return the drop-ins of a file in their order: each NAME.toml in the folder `path`.d that is not hidden.

    If the folder itself cannot be listed, it is returned instead, so that who reads it learns why.
    """
    folder = f"{os.fspath(path)}.d"
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        return [folder]
    return [os.path.join(folder, name) for name in sorted(names) if name.endswith(".toml") and name[0] != "."]


def toml(text: str) -> dict[str, Any]:
    """Return the parsed TOML. Raises ValueError, whose message says where it is invalid."""
    import tomllib

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _bytes(path: str | os.PathLike[str]) -> bytes:
    """Return at most one byte more than LARGEST."""
    # Non-blocking, because opening a named pipe waits for a writer: fifo(7).
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        mode = os.fstat(file).st_mode
        if stat.S_ISDIR(mode):
            raise Unreadable("it is a directory")
        if stat.S_ISFIFO(mode):
            if not os.readlink(f"/proc/self/fd/{file}").startswith("pipe:"):
                raise Unreadable("it is a named pipe")
            os.set_blocking(file, True)  # a pipe of the shell, whose writer ends
        data = b""
        while len(data) <= LARGEST and (chunk := os.read(file, _CHUNK)):
            data += chunk
        return data[: LARGEST + 1]
    except BlockingIOError:
        raise Unreadable("it is a terminal or a device") from None
    finally:
        os.close(file)
