"""Recorder: records nets to a CSV file beside a script."""

import atexit
import os
import sys
import threading
from types import TracebackType
from typing import Self

from lager.errors import LagerError, RecordingError
from lager.instruments import looks
from lager.instruments.looks import Reading
from lager.nets import file as nets_file
from lager.nets.model import NetConfig, Nets
from lager.recording.rows import CsvFile, Row, Schedule, columns, interval, missed, readable, row

_END_SECONDS = 5.0  # for a reading under way


class Recorder:
    """Records what nets measure to a CSV file, while the script runs and while it is paused.

        with lager.Recorder("supply2", "adc1", csv="run.csv", every=0.5):
            ...

    A net that the script has open is read through its connection, any other by a look, which makes no claim fail. Each
    row is in the file as soon as it is complete, so at every pause the file has all rows. A reading that failed or was
    missed is a row whose cell is empty and whose column `problem` says why. It ends with `close`, with the `with`
    block, or with the process.
    """

    def __init__(
        self, *nets: str, csv: str | os.PathLike[str], every: float = 0.5, nets_file: Nets | None = None
    ) -> None:
        """Begin to record these nets, each `every` seconds. Raises InvalidArgument, NetsFileError, NoSuchNet, and
        RecordingError if the file exists or cannot be written. `nets_file` replaces that of this machine."""
        self._pid = os.getpid()
        self._nets = readable(nets_file or _load(), nets)
        every = interval(every)
        self._columns = columns(self._nets)
        self._file = CsvFile(csv, self._columns)
        looks.load(self._nets)
        self._schedule = Schedule(every)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="lager recorder", daemon=True)
        self.rows = 0
        """How many rows are in the file."""
        atexit.register(self.close)
        try:
            self._thread.start()
        except RuntimeError:
            atexit.unregister(self.close)
            self._file.discard()
            raise RecordingError(
                "Cannot start the thread for the recording.", "End some threads of the script."
            ) from None

    def close(self) -> None:
        """End the recording. Blocks until the reading under way is in the file. Safe to call more than once."""
        if os.getpid() != self._pid:
            return  # a forked child: the recording goes on in its parent
        atexit.unregister(self.close)
        self._ending.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(_END_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _work(self) -> None:
        try:
            while not self._ending.wait(self._schedule.wait()):
                readings = _readings(self._nets)
                now = row(self._nets, readings, self._schedule.began)
                self._add(now)
                if count := self._schedule.done():
                    self._add(missed(count, len(self._columns), self._schedule))
        except LagerError as problem:  # the disk is full
            if sys.stderr is not None:
                print(f"lager: the recording has ended. {problem}", file=sys.stderr)
        finally:
            self._file.close()

    def _add(self, one: Row) -> None:
        self._file.add(one)
        self.rows += 1


def _load() -> Nets:
    return nets_file.load()


def _readings(nets: list[NetConfig]) -> dict[str, Reading]:
    """Return a reading of each net, one instrument after the other."""
    found: dict[str, Reading] = {}
    by_instrument: dict[str, list[NetConfig]] = {}
    for net in nets:
        by_instrument.setdefault(net.instrument.key, []).append(net)
    for its in by_instrument.values():
        try:
            found |= looks.readings(its)
        except LagerError as error:
            found |= dict.fromkeys([net.name for net in its], Reading(error=error))
    return found
