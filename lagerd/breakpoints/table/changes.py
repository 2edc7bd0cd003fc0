"""The changes of the bench while scripts are paused. This module does not use the bus.

All pauses share one list: the changes during a pause are those since it began.
"""

import json
import logging
import math
import os
import time
from collections import deque
from pathlib import Path
from typing import Any

from lager.errors import InvalidArgument
from lager.wording.text import printable

MOST = 100
"""The changes that are listed with a pause; of the others, only their number."""
_MOST_OF_ALL = 1000  # the changes in the answer to one List, of all pauses together
_LONGEST = 60
_NAME_LENGTH = 100
_UNIT_LENGTH = 8

_log = logging.getLogger("lagerd")

Change = dict[str, Any]


class Changes:
    """The last changes, and their total number. `file` keeps them for the next lagerd."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._last: deque[tuple[float, Change]] = deque(maxlen=MOST)  # with the time by the monotonic clock
        self.total = 0
        if file is not None:
            self._load(file)

    def add(self, change: Change) -> None:
        """Add a change, which was made now."""
        self._last.append((time.monotonic(), change))
        self.total += 1
        self._keep()

    def leave_out(self) -> None:
        """Count a change that is not listed."""
        self.total += 1

    def since(self, mark: int, pauses: int) -> tuple[list[Change], int]:
        """Return the changes after `mark`, and the number of others. With many `pauses`, each lists fewer changes."""
        made = self.total - mark
        listed = min(made, len(self._last), _MOST_OF_ALL // max(pauses, 1))
        return [change for _, change in list(self._last)[len(self._last) - listed :]], made - listed

    def mark_at(self, began: float) -> int:
        """Return the mark of a pause that began at this time, by the monotonic clock."""
        return self.total - sum(made > began for made, _ in self._last)

    def forget(self) -> None:
        """Drop all changes. Called when no script is paused."""
        if self._last:
            self._last.clear()
            if self._file is not None:
                self._file.unlink(missing_ok=True)

    def _keep(self) -> None:
        if self._file is None:
            return
        new = self._file.with_name(f"{self._file.name}.new")
        try:
            new.write_text(json.dumps([self.total, list(self._last)]))
            os.replace(new, self._file)
        except OSError as error:
            _log.warning("Cannot keep the changes of the bench for the next lagerd: %s.", error.strerror)

    def _load(self, file: Path) -> None:
        try:
            total, last = json.loads(file.read_text())
            self._last.extend((float(made), dict(change)) for made, change in last)
            self.total = int(total)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError):
            _log.warning("Cannot read the changes of the bench that the last lagerd kept.")


def from_details(details: dict[str, Any]) -> Change:
    """Return the keys of a change that the holder may send. Raises InvalidArgument."""
    change: Change = {
        "net": _text(details, "net", _NAME_LENGTH),
        "what": _text(details, "what", _LONGEST),
        "unit": _text(details, "unit", _UNIT_LENGTH),
        "how": _text(details, "how", _LONGEST),
        "at": time.time(),
    }
    for key in ("net", "what"):
        if not change[key]:
            raise InvalidArgument(f"The key {key} of a change is missing.", "Name the net and its setting.")
    return change | {key: _value(details, key) for key in ("old", "new") if key in details}


def _text(details: dict[str, Any], key: str, limit: int) -> str:
    value = details.get(key, "")
    if type(value) is not str:
        raise InvalidArgument(f"The key {key} of a change is of type {type(value).__name__}, not str.")
    return printable(value, limit)


def _value(details: dict[str, Any], key: str) -> float | str | bool:
    value = details[key]
    if isinstance(value, str):
        return printable(value, _LONGEST)
    if type(value) is bool:
        return value
    if type(value) in (int, float) and math.isfinite(value):
        return float(value)
    raise InvalidArgument(f"The key {key} of a change is not a value.", "Give a finite number, a text or a boolean.")
