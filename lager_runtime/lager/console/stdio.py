"""The standard streams and sys.displayhook by thread: a console's thread has its own, all others keep theirs.

They replace the script's own only while a console is attached.
"""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

_FRAME_BYTES = 1 << 15


class Output(io.TextIOWrapper):
    """A text stream that passes each line, or what is flushed, to `send`."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        super().__init__(_Sending(send), encoding="utf-8", errors="backslashreplace", newline="", line_buffering=True)

    def close(self) -> None:
        """Only flush: the console itself closes the stream, because output after a close() would be lost."""
        with contextlib.suppress(OSError):
            self.flush()


class _Sending(io.BufferedIOBase):
    """Sends at once: with a buffer, an interrupt could make it send the same bytes twice."""

    name = "<console>"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        whole = memoryview(data).cast("B")
        for start in range(0, len(whole), _FRAME_BYTES):
            self._send(bytes(whole[start : start + _FRAME_BYTES]))
        return len(whole)

    def close(self) -> None:
        pass


class NoInput:
    """The standard input of a console's code: it is empty, because the keys of the terminal belong to the script."""

    closed = False
    encoding = "utf-8"
    errors = "strict"

    def readline(self, _size: int = -1) -> str:
        raise EOFError(
            "A console has no standard input: the keys belong to the script. Assign the value to a name instead."
        )

    read = readlines = __next__ = readline

    def __iter__(self) -> "NoInput":
        return self

    def close(self) -> None:
        """Do nothing: exit() of the site module closes sys.stdin, and that must not close the script's."""

    def fileno(self) -> int:
        raise io.UnsupportedOperation("A console has no standard input.")

    def isatty(self) -> bool:
        return False

    def readable(self) -> bool:
        return False


@dataclass(frozen=True)
class Streams:
    stdout: TextIO
    stderr: TextIO
    display: Callable[[object], None]
    stdin: NoInput = field(default_factory=NoInput)


class _Here(threading.local):
    """The streams of one thread. Unlike a thread's number, this is never reused for another thread."""

    streams: Streams | None = None


class _Closed:
    """Replaces a stream that is None because the process began without it: print() ignores None."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


class _ByThread:
    """Replaces one of the streams: forwards everything to the stream of the calling thread."""

    def __init__(self, name: str, usual: Any) -> None:
        self._name = name
        self._usual = usual

    def _mine(self) -> Any:
        streams = _here.streams
        if streams is not None:
            return getattr(streams, self._name)
        return _Closed() if self._usual is None else self._usual

    def write(self, text: str) -> Any:
        return self._mine().write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mine(), name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._mine())

    def __next__(self) -> Any:
        return next(self._mine())

    def __enter__(self) -> Any:
        return self._mine().__enter__()

    def __exit__(self, *error: object) -> Any:
        return self._mine().__exit__(*error)


_NAMES = ("stdout", "stderr", "stdin")
_here = _Here()
_count = 0
_usual: dict[str, Any] = {}
_made: list[_ByThread] = []
_lock = threading.Lock()


def route(streams: Streams) -> None:
    """Make the calling thread write to `streams`, even if the script has replaced its own streams."""
    global _count
    with _lock:
        _count += _here.streams is None
        _here.streams = streams
        _install()


def unroute() -> None:
    """Give the calling thread the script's streams again; the last one restores everything."""
    global _count
    with _lock:
        if _here.streams is not None:
            _here.streams = None
            _count -= 1
            if not _count:
                _restore()


def _install() -> None:
    for name in _NAMES:
        if not isinstance(getattr(sys, name, None), _ByThread):
            _usual[name] = _stand_in(name, getattr(sys, name, None))
            setattr(sys, name, _usual[name])
    hook = getattr(sys, "displayhook", None)
    if hook is not _display:
        _usual["displayhook"] = hook if callable(hook) else sys.__displayhook__
        sys.displayhook = _display


def _stand_in(name: str, usual: Any) -> _ByThread:
    """Return the replacement of this stream. We keep it forever: a print() in another thread holds no reference to its
    stream (CPython before 3.14), and would continue in freed memory."""
    for made in _made:
        if made._name == name and made._usual is usual:
            return made
    _made.append(_ByThread(name, usual))
    return _made[-1]


def _restore() -> None:
    for name in _NAMES:
        # A stream that the script has set meanwhile stays.
        if getattr(sys, name, None) is _usual.get(name, _usual):
            setattr(sys, name, _usual.pop(name)._usual)
    if getattr(sys, "displayhook", None) is _display:
        sys.displayhook = _usual.pop("displayhook")


def _display(value: object) -> None:
    streams = _here.streams
    (streams.display if streams else _usual.get("displayhook", sys.__displayhook__))(value)


def _after_fork() -> None:
    """Restore the script's streams in a child, unless its one thread is a console's."""
    global _lock, _count
    _lock = threading.Lock()
    _count = int(_here.streams is not None)
    if not _count and _usual:
        _restore()


os.register_at_fork(after_in_child=_after_fork)
