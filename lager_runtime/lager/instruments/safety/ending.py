"""Closes the nets with a safe state at the end of the interpreter, and tells a crash from a normal end.

The interpreter crashed if an uncaught exception ended it, KeyboardInterrupt included, or SystemExit with another code
than 0. A handler of atexit learns none of this, so it is found out here:

- The outermost frame of the main thread is kept from the first such net on. If its last instruction is a return, the
  script ended normally. Else an exception left it.
- Whether that was an error or SystemExit, and with which code, the parent learns. `lager python` writes the exit code
  into a pipe, whose other end lagerd gets from here: LAGER_EXIT is its path. If it closes without a code, that is a
  crash.
- Without `lager python`, an exception that Python has printed is in sys.last_value. For SystemExit, what was passed to
  sys.exit is recorded; one that was raised in another way counts as a crash.

A net that an exception closed, by leaving a `with` block or the function that had it, counts as open if the interpreter
crashes after that, unless the script has opened it again: its instrument is claimed once more, and left to lagerd.

All this happens after the exit handlers of the script, which may still close a net or switch it off.
"""

import os
import sys
import threading
import weakref
from types import FrameType
from typing import Any, NoReturn

import lager
from lager import variables
from lager.errors import LagerError
from lager.instruments.claims import Claim
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.holdings import Holding, crash
from lager.process import at_end

_RETURNS = ("RETURN_VALUE", "RETURN_CONST")
_opened: "dict[str, OpenedNet]" = {}  # by name, the latest of each
_outermost: FrameType | None = None
_last: object = None  # what Python had printed when the first net was opened
_exits: list[tuple[object, object]] = []  # what was passed to sys.exit, and what Python had printed then


class OpenedNet:
    """A net with a safe state that the script has opened."""

    def __init__(self, net: Driver[Any], holding: Holding, claim: Claim) -> None:
        self.net = weakref.ref(net)
        self.closing = net.closing
        self.config = net.config
        self.holding = holding
        self.claim = claim
        self.pid = os.getpid()

    def crash(self, exit_code: str) -> None:
        """Leave the net to lagerd, which makes it safe; if `exit_code` is a path, only after another code than 0."""
        net = self.net()
        if net is not None and net.is_open():
            self.holding.crash(exit_code)
        elif self.closing.by_error or not self.closing.asked:
            instrument = self.config.instrument
            try:
                lease = self.claim(instrument.key, net=self.config.name, name=instrument.name)
            except LagerError:  # another process holds it now, and is responsible for it
                return
            crash(lease, exit_code)


def watch(net: Driver[Any], holding: Holding, claim: Claim) -> None:
    """Close this net at the end of the interpreter; after a crash, leave it to lagerd to make it safe."""
    global _outermost, _last
    _opened[net.name] = OpenedNet(net, holding, claim)
    if _outermost is None:
        _outermost, _last = _main_frame(), getattr(sys, "last_value", None)
        if not _parent_tells():
            _record_exits()
    at_end.call(_end)


def _end() -> None:
    crashed = _outermost is not None and _is_unwound(_outermost) and not _is_clean_exit()
    for opened in list(_opened.values()):
        if opened.pid != os.getpid() or opened.holding.given_up():
            continue
        if crashed:
            opened.crash(_parent_tells())
        elif net := opened.net():
            net.close_for_all()


def _main_frame() -> FrameType | None:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _is_unwound(frame: FrameType) -> bool:
    """Return whether an exception left the frame. False while it runs, as in a forked child."""
    here: FrameType | None = sys._getframe()
    while here is not None:
        if here is frame:
            return False
        here = here.f_back
    import opcode

    code = frame.f_code.co_code
    return not 0 <= frame.f_lasti < len(code) or opcode.opname[code[frame.f_lasti]] not in _RETURNS


def _parent_tells() -> str:
    """Return the path of the pipe into which `lager python` writes the exit code of this process; empty without it."""
    path = lager.at_start(variables.EXIT) or ""
    return path if path.startswith(f"/proc/{os.getppid()}/") else ""


def _is_clean_exit() -> bool:
    """Return whether it is known that sys.exit ended the script with 0."""
    if _parent_tells() or not _exits:
        return False
    status, printed = _exits[-1]
    # Only a whole number is the exit code: Python prints anything else, such as 0.0, and exits with 1.
    is_0 = status is None or (isinstance(status, int) and status == 0)
    return is_0 and getattr(sys, "last_value", None) is printed


def _after_fork() -> None:
    """Forget the parent's end: a child has another one, and perhaps another main thread."""
    global _outermost
    _outermost = None
    _opened.clear()
    _exits.clear()


def _record_exits() -> None:
    leave = sys.exit

    def exit(status: Any = None, /) -> NoReturn:
        _exits.append((status, getattr(sys, "last_value", None)))
        leave(status)

    exit.__doc__ = leave.__doc__
    sys.exit = exit


os.register_at_fork(after_in_child=_after_fork)
