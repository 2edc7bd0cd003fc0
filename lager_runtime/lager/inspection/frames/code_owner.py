"""Decides whose code a frame runs: lager's, a library's or the script's. It is fast, because every raise calls it."""

import functools
import os
from types import FrameType, TracebackType

_OURS = os.path.dirname(os.path.dirname(os.path.dirname(__file__))) + os.sep
_STARTUP = os.path.join(os.path.dirname(os.path.dirname(_OURS)), "lager_startup.py")
_STANDARD = os.path.dirname(os.__file__) + os.sep
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_PYTHON, _LAGER, _PACKAGE, _SCRIPT = range(4)


def is_ours(frame: FrameType) -> bool:
    """Return whether the frame runs code of lager."""
    return _owner(frame.f_code.co_filename) == _LAGER


def is_standard(frame: FrameType) -> bool:
    """Return whether the frame runs code of the standard library."""
    return _owner(frame.f_code.co_filename) == _PYTHON


def is_library(frame: FrameType) -> bool:
    """Return whether the frame runs installed code: of Python itself or a package."""
    return _owner(frame.f_code.co_filename) in (_PYTHON, _PACKAGE)


def is_inside_ours(frame: FrameType) -> bool:
    """Return whether the frame runs code of lager, or of a library that lager has called."""
    here: FrameType | None = frame
    while here is not None and is_library(here):
        here = here.f_back
    return here is not None and is_ours(here)


def has_left_the_script(raised: TracebackType) -> bool:
    """Return whether an error that has reached the first frame of `raised` has left frames of the script already."""
    here = raised.tb_next
    entered = False  # into code of lager; libraries that it calls count as lager
    while here is not None:
        entered = entered or is_ours(here.tb_frame)
        if not (entered and (is_ours(here.tb_frame) or is_library(here.tb_frame))):
            return True
        here = here.tb_next
    return False


def passes_the_script(raised: TracebackType | None) -> bool:
    """Return whether code of the script is in a traceback."""
    while raised is not None:
        if _owner(raised.tb_frame.f_code.co_filename) == _SCRIPT:
            return True
        raised = raised.tb_next
    return False


@functools.lru_cache(4096)
def _owner(file: str) -> int:
    if file.startswith("<frozen "):
        return _PYTHON
    if file.startswith(_OURS) or file == _STARTUP:
        return _LAGER
    if any(folder in file for folder in _PACKAGES):
        return _PACKAGE
    return _PYTHON if file.startswith(_STANDARD) else _SCRIPT
