"""The standard streams and sys.displayhook by thread: a console's thread has its own, all others what they had.

They stand in the place of the script's own only while a console is attached.
"""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol


class Writable(Protocol):
    def write(self, text: str) -> int: ...
    def flush(self) -> None: ...


class NoInput:
    """What a console's code reads as standard input: nothing; the keys of the terminal are the script's."""

    closed = False
    encoding = "utf-8"

    def readline(self, _size: int = -1) -> str:
        return ""

    read = readline

    def close(self) -> None:
        """exit() of the site module closes sys.stdin, which must not be the script's."""

    def fileno(self) -> int:
        raise OSError("a console has no standard input")

    def isatty(self) -> bool:
        return False


@dataclass(frozen=True)
class Streams:
    stdout: Writable
    stderr: Writable
    display: Callable[[object], None]
    stdin: NoInput = field(default_factory=NoInput)


class _ByThread:
    """Stands for one of the streams: passes everything on to that of the calling thread."""

    def __init__(self, name: str, usual: Any) -> None:
        self._name = name
        self._usual = usual

    def _mine(self) -> Any:
        streams = _consoles.get(threading.get_ident())
        return getattr(streams, self._name) if streams else self._usual

    def write(self, text: str) -> Any:
        return self._mine().write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mine(), name)

    def __iter__(self) -> Any:
        return iter(self._mine())


_NAMES = ("stdout", "stderr", "stdin")
_consoles: dict[int, Streams] = {}
_usual: dict[str, Any] = {}
_lock = threading.Lock()


def route(streams: Streams) -> None:
    """From now on the calling thread writes to `streams`."""
    with _lock:
        _consoles[threading.get_ident()] = streams
        if len(_consoles) == 1:
            _install()


def unroute() -> None:
    """The calling thread is an ordinary one again; the last one puts everything back."""
    with _lock:
        if _consoles.pop(threading.get_ident(), None) is not None and not _consoles:
            _restore()


def _install() -> None:
    for name in _NAMES:
        if not isinstance(getattr(sys, name), _ByThread):
            _usual[name] = _ByThread(name, getattr(sys, name))
            setattr(sys, name, _usual[name])
    if sys.displayhook is not _display:
        _usual["displayhook"] = sys.displayhook
        sys.displayhook = _display


def _restore() -> None:
    for name in _NAMES:
        # What the script has put there in the meantime stays.
        if getattr(sys, name) is _usual.get(name):
            setattr(sys, name, _usual.pop(name)._usual)
    if sys.displayhook is _display:
        sys.displayhook = _usual.pop("displayhook")


def _display(value: object) -> None:
    streams = _consoles.get(threading.get_ident())
    (streams.display if streams else _usual["displayhook"])(value)
