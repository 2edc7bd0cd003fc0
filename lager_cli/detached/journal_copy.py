"""Records the order in which the two outputs of a detached run grow, and copies both into the journal."""

import contextlib
import os
import select
import threading
from types import TracebackType

from lager.process.system import MODIFIED
from lager_cli.detached.output_log import ERR, OUT, LogWriter, OutputLog, Reader
from lager_cli.linux.inotify import Changes

_LAST_SECONDS = 30.0


class JournalCopy:
    """Runs in a thread of its own inside the `with`, and afterwards until the rest is copied.

    With `copy` the output also goes to our own standard streams, which a unit connects to the journal. This copy is for
    convenience: the script never waits for it, and readers of the run use the log.
    """

    def __init__(self, log: OutputLog, writer: LogWriter, *, copy: bool) -> None:
        self._log = log
        self._writer = writer
        self._copy = copy
        self._over = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._work, name="journal copy", daemon=True)

    def __enter__(self) -> "JournalCopy":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        os.eventfd_write(self._over, 1)
        self._thread.join(_LAST_SECONDS)
        if not self._thread.is_alive():
            os.close(self._over)

    def _work(self) -> None:
        with Changes() as changes, contextlib.closing(Reader(self._log)) as reader:
            changes.watch(self._log.file(ERR), MODIFIED)
            if self._copy:
                changes.watch(self._log.file(OUT), MODIFIED)
            poll = select.poll()
            for end in (changes.fileno(), self._over):
                poll.register(end, select.POLLIN)
            over = False
            while True:  # look before the first wait: the script may have written before the watch began
                changes.heard()
                self._writer.note_order()
                if self._copy:
                    self._copy = _copied(reader)
                if over:
                    break
                over = any(fd == self._over for fd, _ in poll.poll())


def _copied(reader: Reader) -> bool:
    """Copy the new output. Return False if the standard streams of this process are closed."""
    try:
        for stream, piece in reader.pieces():
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(1 + stream, rest) :]
    except OSError:
        return False
    return True
