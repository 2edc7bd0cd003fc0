"""Whose code a frame runs: lager's, a library's or the script's. Light, for it is asked at every raise."""

import functools
import os
from types import FrameType, TracebackType

_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep
_STARTUP = os.path.join(os.path.dirname(os.path.dirname(_OURS)), "lager_startup.py")
_STANDARD = os.path.dirname(os.__file__) + os.sep
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_PYTHON, _LAGER, _PACKAGE, _SCRIPT = range(4)


def is_ours(frame: FrameType) -> bool:
    """Whether lager itself runs there."""
    return _owner(frame.f_code.co_filename) == _LAGER


def is_standard(frame: FrameType) -> bool:
    """Whether Python's standard library runs there."""
    return _owner(frame.f_code.co_filename) == _PYTHON


def is_library(frame: FrameType) -> bool:
    """Whether it is code that somebody installed: Python's own or a package's."""
    return _owner(frame.f_code.co_filename) in (_PYTHON, _PACKAGE)


def is_inside_ours(frame: FrameType) -> bool:
    """Whether lager runs there, or a library that lager has called."""
    here: FrameType | None = frame
    while here is not None and is_library(here):
        here = here.f_back
    return here is not None and is_ours(here)


def has_left_the_script(raised: TracebackType) -> bool:
    """Whether an error that has come to the first frame of `raised` has left frames of the script before it."""
    here = raised.tb_next
    entered = False  # code of lager's, in which a library is lager's business
    while here is not None:
        entered = entered or is_ours(here.tb_frame)
        if not (entered and (is_ours(here.tb_frame) or is_library(here.tb_frame))):
            return True
        here = here.tb_next
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
