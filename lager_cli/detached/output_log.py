"""The output of a detached run: the script itself writes it into two files, unchanged.

So nothing between the script and its output can lose, delay or split any of it. A third file records the order of the
two: each time that standard error has grown, it gets a line with the lengths of both.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lager_cli.runs import records

_PIECE = 1 << 20
OUT, ERR = 0, 1


@dataclass(frozen=True)
class OutputLog:
    id: str

    def file(self, stream: int) -> Path:
        return records.path(self.id, ("out", "err")[stream])

    @property
    def order(self) -> Path:
        return records.path(self.id, "order")

    @contextlib.contextmanager
    def writer(self) -> Iterator["LogWriter"]:
        """Yield new files for a script to write to."""
        with contextlib.ExitStack() as files:
            opened = []
            for file in (self.file(OUT), self.file(ERR), self.order):
                fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
                files.callback(os.close, fd)
                opened.append(fd)
            yield LogWriter(*opened)


@dataclass
class LogWriter:
    out: int
    err: int
    order: int
    _errors_seen: int = 0

    def note(self, text: str) -> None:
        """Write a line of lager's own into standard error, unless the disk is full."""
        with contextlib.suppress(OSError):
            os.write(self.err, f"lager: {text}\n".encode())

    def note_order(self) -> None:
        """Record the order, if standard error has grown. Call it from any thread.

        If the disk is full, the line is left for the next call: it is not part of the output.
        """
        errors = os.fstat(self.err).st_size
        if errors == self._errors_seen:
            return
        line = b"%d %d\n" % (os.fstat(self.out).st_size, errors)
        try:
            written = os.write(self.order, line)
        except OSError:
            return
        if written < len(line):
            os.ftruncate(self.order, os.fstat(self.order).st_size - written)
        else:
            self._errors_seen = errors


class Reader:
    """Reads the log in its order. Each call continues where the last one ended."""

    def __init__(self, log: OutputLog) -> None:
        with contextlib.ExitStack() as files:
            self._files = [files.enter_context(log.file(stream).open("rb", 0)).fileno() for stream in (OUT, ERR)]
            self._order = files.enter_context(log.order.open("rb"))
            self._at = [0, 0]
            self.close = files.pop_all().close

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Yield each piece with its stream, up to the current end."""
        for stream, end in self._sections():
            while self._at[stream] < end:
                piece = os.pread(self._files[stream], min(_PIECE, end - self._at[stream]), self._at[stream])
                if not piece:
                    break
                self._at[stream] += len(piece)
                yield stream, piece

    def skip_to_last(self, lines: int) -> None:
        """Skip to the last `lines` lines, counted over both streams."""
        spans, self._at = self._spans()
        last = 1  # the final line end does not begin another line
        for stream, start, end in reversed(spans):
            while lines and end > start:
                begin = max(start, end - _PIECE)
                piece = os.pread(self._files[stream], end - begin, begin)
                cut = len(piece) - (last and piece.endswith(b"\n"))
                last = 0
                while lines and (cut := piece.rfind(b"\n", 0, cut)) >= 0:
                    lines -= 1
                end = begin
                self._at[stream] = begin if lines else begin + cut + 1

    def _spans(self) -> tuple[list[tuple[int, int, int]], list[int]]:
        """Return stream, start and end of each span, in order; and where both streams end."""
        spans, ends = [], [0, 0]
        for stream, end in self._sections():
            if end > ends[stream]:
                spans.append((stream, ends[stream], end))
                ends[stream] = end
        self._order.seek(0)
        return spans, ends

    def _sections(self) -> Iterator[tuple[int, int]]:
        """Yield, in order, each stream and the position up to which to read it."""
        while (line := self._order.readline()).endswith(b"\n"):
            out, err = line.split()
            yield OUT, int(out)
            yield ERR, int(err)
        self._order.seek(-len(line), os.SEEK_CUR)
        for stream in (OUT, ERR):
            yield stream, os.fstat(self._files[stream]).st_size
