"""Keeps lager's descriptors out of the programs that the script starts or executes.

They are not inheritable, but a script may make all of its descriptors inheritable. Python announces
each such start (sys.audit). One that C code makes, through ctypes for example, is not announced.
"""

import os
import sys
from collections.abc import Callable, Iterable

from lager.process.raised import suppressed

_STARTS = frozenset(("os.exec", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"))
_kept: list[Callable[[], Iterable[int]]] = []


def keep(descriptors: Callable[[], Iterable[int]]) -> None:
    """Let no program inherit the `descriptors` that are open when it starts."""
    if not _kept:
        sys.addaudithook(_audit)
    _kept.append(descriptors)


def _audit(event: str, _: object) -> None:
    if event in _STARTS:
        for descriptors in _kept:
            with suppressed(Exception):  # a fault of lager must not prevent the script from starting a program
                for descriptor in descriptors():
                    with suppressed(OSError):
                        os.set_inheritable(descriptor, False)
