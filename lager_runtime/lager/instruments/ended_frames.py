"""Drops nets that only the traceback of an error keeps alive: the variables of a function that an error has left.

Such a net is no longer in use, and the `finally` that switches the output off must be able to open it again. The error
may still be on its way, or a program keeps it, as pytest and IPython keep the last one for a debugger.
"""

import gc
import sys
from collections.abc import Iterator
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, FunctionType, GeneratorType, ModuleType
from types import TracebackType as Traceback
from typing import Any

from lager.instruments.drivers.base.driver import Driver
from lager.instruments.sessions.session import Session

_NEAR = 4  # references from a variable to a net: an object, its attributes, a list in them
_MANY = 2000  # objects to look at in one frame
_FOREIGN = (FrameType, Traceback, CodeType, FunctionType, ModuleType, type, str, bytes, int, float)


def drop_nets(session: Session) -> None:
    """Clear the ended frames from which an open net of `session` can be reached; tracebacks keep them alive."""
    objects = gc.get_objects()
    nets = {id(one) for one in objects if issubclass(type(one), Driver) and _uses(one, session)}
    used = _in_use(objects)
    frames = {id(one.tb_frame): one.tb_frame for one in objects if type(one) is Traceback}
    del objects
    for frame in [frame for key, frame in frames.items() if key not in used and _reaches(frame, nets)]:
        frame.clear()
        _ = frame.f_locals  # Python 3.11 keeps what it has shown of them, until it shows them again
    frames.clear()
    gc.collect()


def _uses(net: Driver[Any], session: Session) -> bool:
    return vars(net).get("_own_session") is session and net.is_open()


def _in_use(objects: list[Any]) -> set[int]:
    """Return the ids of the frames that run or can run on: clear() would end a generator that waits in one."""
    running = {id(frame) for top in sys._current_frames().values() for frame in _outer(top)}
    for one in objects:
        if type(one) is GeneratorType:
            running.add(id(one.gi_frame))
        elif type(one) is CoroutineType:
            running.add(id(one.cr_frame))
        elif type(one) is AsyncGeneratorType:
            running.add(id(one.ag_frame))
    return running


def _outer(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _reaches(frame: FrameType, nets: set[int]) -> bool:
    """Return whether a variable of the frame leads to one of the nets; runs no code of the script."""
    seen = {id(frame.f_globals), id(frame.f_builtins)}
    level: list[Any] = [frame]
    for _ in range(_NEAR):
        level = [one for one in gc.get_referents(*level) if not issubclass(type(one), _FOREIGN) and id(one) not in seen]
        if any(id(one) in nets for one in level):
            return True
        seen.update(map(id, level))
        if not level or len(seen) > _MANY:
            return False
    return False
