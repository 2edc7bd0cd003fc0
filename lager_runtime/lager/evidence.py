"""Notes for the report of a run: instruments and how they identify themselves, files of readings, versions.

Each note is a line of JSON, appended in one write to a file that `lager python` names. Noting never raises, and adds
nothing to a file that is too long.
"""

import contextlib
import json
import os
import stat

import lager
from lager import variables

_LONGEST = 1 << 20
_noted: set[str] = set()  # by this process


def note(kind: str, **what: object) -> None:
    """Append a note, unless this process does not belong to a run, or has noted the same before."""
    path = lager.at_start(variables.EVIDENCE)
    if path:
        note_in(path, kind, **what)


def note_in(path: str, kind: str, **what: object) -> None:
    """Append a note to the file at `path`."""
    line = json.dumps({"kind": kind, **what}, sort_keys=True)
    if line in _noted:
        return
    _noted.add(line)
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(path, flags, 0o600)
        try:
            found = os.fstat(fd)
            if stat.S_ISREG(found.st_mode) and found.st_size < _LONGEST:
                os.write(fd, line.encode() + b"\n")
        finally:
            os.close(fd)
