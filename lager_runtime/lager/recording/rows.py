"""Rows of readings: their columns, their schedule, and their form as CSV."""

import contextlib
import csv
import datetime
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lager import evidence
from lager.errors import InvalidArgument, RecordingError
from lager.instruments.looks import QUANTITIES, Reading, can_look
from lager.nets.model import NetConfig, Nets
from lager.wording.text import printable
from lager.wording.values import number, shown

SHORTEST = 0.01  # seconds between two rows


@dataclass(frozen=True)
class Column:
    """The quantity of one column; `unit` is "" for a level."""

    net: str
    name: str
    unit: str

    @property
    def title(self) -> str:
        return f"{self.net} {self.name}" + (f" ({self.unit})" if self.unit else "")


@dataclass(frozen=True)
class Row:
    """One reading of all columns. `time` is in seconds since the epoch, `seconds` since the first row by the monotonic
    clock. A value that was not read is None, and `problem` says why."""

    time: float
    seconds: float
    values: tuple[float | None, ...]
    problem: str = ""


def readable(nets: Nets, names: Iterable[str]) -> list[NetConfig]:
    """Return the nets with these names, each once. Raises NoSuchNet, and InvalidArgument for one without a reading."""
    found = [nets.net(name) for name in dict.fromkeys(names)]
    for net in found:
        if not can_look(net):
            raise InvalidArgument(f"{net.name} is of type {net.type.value} and has no reading.", "Leave it out.")
    if not found:
        raise InvalidArgument("There is no net to record.", "Name one or more nets.")
    return found


def columns(nets: Sequence[NetConfig]) -> list[Column]:
    """Return a column for each quantity of each net."""
    return [Column(net.name, name, unit) for net in nets for name, unit in QUANTITIES[net.type]]


def row(nets: Sequence[NetConfig], readings: Mapping[str, Reading], began: float, why: Mapping[str, str] = {}) -> Row:
    """Return the current row. `began` is the time of the first row by the monotonic clock; `why` has the reason for
    each net that was not read at all."""
    values: list[float | None] = []
    problems: list[str] = []
    for net in nets:
        reading = readings.get(net.name)
        measured = (reading or Reading()).measured(net.type)
        values += [None if value is None else float(value) for value in measured.values()]
        if None in measured.values():
            said = why.get(net.name) or _reason(reading)
            problems.append(f"{net.name}: {said}")
    return Row(time.time(), time.monotonic() - began, tuple(values), printable("; ".join(problems), 1000))


def missed(count: int, width: int, schedule: "Schedule") -> Row:
    """Return the row that says that `count` readings of `width` columns were missed."""
    readings = "1 reading was" if count == 1 else f"{count} readings were"
    problem = f"{readings} missed: the previous one took {schedule.took:.{1 if schedule.took >= 1 else 2}f} s"
    return Row(time.time(), time.monotonic() - schedule.began, (None,) * width, problem)


def _reason(reading: Reading | None) -> str:
    if reading is None:
        return "it was not read"
    if reading.error is not None:
        return reading.error.what
    unread = getattr(reading.value, "unread", {})
    return next(iter(unread.values()), "the instrument does not report it")


class Schedule:
    """The schedule of rows: one every `every` seconds from the start. After a late row, the missed ones are left
    out."""

    def __init__(self, every: float, now: Callable[[], float] = time.monotonic) -> None:
        self.every = every
        self.began = now()
        self.took = 0.0  # seconds from when the latest row was due until it was done
        self._now = now
        self._due = 0

    @property
    def next(self) -> float:
        """Return when the next row is due, in seconds from the start."""
        return self._due * self.every

    def wait(self) -> float:
        """Return the seconds until the next row."""
        return max(self.began + self._due * self.every - self._now(), 0.0)

    def done(self) -> int:
        """Note that the due row is done; return how many rows have been missed meanwhile."""
        self.took = self._now() - self.began - self._due * self.every
        count = max(int(self.took / self.every) - 1, 0)
        self._due += 1 + count
        return count


def interval(given: object) -> float:
    """Return a valid number of seconds between rows. Raises InvalidArgument."""
    seconds = number(given)
    if seconds is None or seconds < SHORTEST:
        what = f"{shown(given)} is not a valid time between readings."
        raise InvalidArgument(what, f"Give {SHORTEST:g} seconds or more.")
    return seconds


class CsvFile:
    """A new CSV file. When `add` returns, the row is in the file, so that the file is complete however the process
    ends."""

    def __init__(self, path: str | os.PathLike[str], columns: Sequence[Column]) -> None:
        """Create the file. Raises RecordingError if it exists, or cannot be created."""
        self.path = os.fspath(path)
        try:
            self._file = open(self.path, "xb", buffering=0)  # noqa: SIM115
        except FileExistsError:
            raise RecordingError(f"{self.path} already exists.", "Move it away, or name another file.") from None
        except OSError as error:
            raise RecordingError(f"{self.path} cannot be created: {error.strerror}.", "Name another file.") from None
        self._size = 0
        try:
            self._writer = CsvLines(self, columns)
        except BaseException:
            self.close()
            raise
        evidence.note("readings", file=os.path.abspath(self.path))

    def add(self, row: Row) -> None:
        """Write a row. Raises RecordingError if the disk is full; no part of the row is in the file then."""
        self._writer.add(row)

    def write(self, line: str) -> None:
        """Write a whole line, or nothing of it and raise RecordingError."""
        left = line.encode()
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self._size)
            raise RecordingError(f"{self.path} cannot be written: {error.strerror}.", "It ends here.") from None
        self._size += len(line.encode())

    def close(self) -> None:
        self._file.close()

    def discard(self) -> None:
        """Close the file, and remove it."""
        self.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)


class CsvLines:
    """Writes rows as CSV to an open stream: time (ISO 8601), seconds, a cell for each column, problem."""

    def __init__(self, stream: Any, columns: Sequence[Column]) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._writer.writerow(["time", "seconds", *(column.title for column in columns), "problem"])

    def add(self, row: Row) -> None:
        self._writer.writerow(cells(row))


def cells(row: Row) -> list[str]:
    """Return the cells of a row; a value that was not read is empty."""
    return [stamp(row.time), f"{row.seconds:.3f}", *_numbers(row.values), row.problem]


def _numbers(values: Iterable[float | None]) -> Iterator[str]:
    return ("" if value is None else f"{value:.9g}" for value in values)


def stamp(seconds: float) -> str:
    """Return a time since the epoch as local time in ISO 8601, with milliseconds and the offset from UTC."""
    return datetime.datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")
