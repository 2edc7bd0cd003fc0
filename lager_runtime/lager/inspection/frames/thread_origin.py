"""Finds the origin of a thread without frames of the script, as in Thread(target=pause) or to_thread(pause)."""

import _thread
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from lager.inspection.frames.code_owner import is_standard
from lager.inspection.frames.frame_stack import Stack, stack_of
from lager.process.raised import suppressed

_WAITING = ("join", "result", "exception")  # of a thread, of a concurrent.futures.Future


def stacks() -> Iterator[Stack]:
    """Yield possible stacks, the best first: of the coroutine or the thread that waits for the calling thread, else of
    the main thread."""
    here = _thread.get_ident()
    future = _future(sys._getframe(1))
    with suppressed(Exception):  # these are internals of asyncio
        yield from _coroutines(future)
    tops = {ident: frame for ident, frame in sys._current_frames().items() if ident != here}
    threads = _of_the_script("threading")
    awaited = (threads.current_thread(), future)
    for top in tops.values():
        for frame, _ in stack_of(top):
            if frame.f_back is not None and _waits_for(frame, awaited):
                yield stack_of(frame.f_back)
    main = threads.main_thread().ident
    if main in tops:
        yield stack_of(tops[main])


def _of_the_script(name: str) -> Any:
    """Return the script's own module, the only one that knows its threads and tasks."""
    return sys.modules[name]


def _future(frame: FrameType) -> Any:
    """Return the future of the work that this thread of a pool does; None for other threads."""
    for outer, _ in stack_of(frame):
        work: Any = outer.f_locals.get("self") if is_standard(outer) and outer.f_code.co_name == "run" else None
        if type(work).__name__ == "_WorkItem":
            return work.future
    return None


def _waits_for(frame: FrameType, awaited: tuple[Any, ...]) -> bool:
    if not is_standard(frame) or frame.f_code.co_name not in _WAITING:
        return False
    waiting = frame.f_locals.get("self")
    return any(waiting is one for one in awaited if one is not None)


def _coroutines(future: Any) -> Iterator[Stack]:
    """Yield the stacks of the tasks that wait for `future` through the future that asyncio wraps around it."""
    asyncio = _of_the_script("asyncio")
    for callback in getattr(future, "_done_callbacks", ()):
        for cell in getattr(callback, "__closure__", None) or ():
            wrapped = cell.cell_contents
            if isinstance(wrapped, asyncio.Future):
                for task in asyncio.all_tasks(wrapped.get_loop()):
                    if getattr(task, "_fut_waiter", None) is wrapped:
                        yield tuple((frame, frame.f_lineno or 0) for frame in _awaiting(task.get_coro()))


def _awaiting(coroutine: Any) -> Iterator[FrameType]:
    while (frame := getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)) is not None:
        yield frame
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
