"""`lager python --pause-on-error`: pauses the script where an error is raised that nothing will catch, or that fails a
test of unittest.

At each raise, while all frames still exist, lager decides whether anything will catch the error. If nothing will, the
script is paused before any `finally` or `with` cleans up the bench. If an error seemed to be caught and still ends the
thread, the script is paused then, and the label says so. Each error pauses once. Nothing here changes how the script
ends.
"""

import contextlib
import sys
import threading
from types import CodeType, FrameType, TracebackType
from typing import Any

import lager
from lager.inspection.frames.code_owner import has_left_the_script, is_inside_ours, is_standard, passes_the_script

_BEFORE = "before its finally blocks have run"
_BEFORE_TEARDOWN = "before the test's teardown"
_AFTER = "after its finally blocks have run"
_REMEMBERED = 10_000
_NO_STEPS = "This error ends the thread, so there is no next line."


class _Meanwhile(BaseException):
    """Carries what the script's own code has raised in its paused thread."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class _OfThread(threading.local):
    """`paused` is the last error that has paused; it is kept until Python shows it, so that it pauses once.

    `judged` has the id of the last error that something should catch, and the id of the frame that catches it: ids,
    which keep nothing of the script alive. `failed` has those of the last one that has paused and fails a test.
    """

    busy = False
    paused: BaseException | None = None
    judged = (0, 0)
    failed = (0, 0)


# Code positions and types of errors that their own frame catches, so that the errors of a loop are examined once.
_caught_at_once: set[tuple[int, int, int]] = set()
_mine = _OfThread()
_previous: Any = None


def install() -> None:
    """Watch this process from now on, all its threads, and the children that it forks."""
    global _previous
    if lager._is_off():
        return
    sys.addaudithook(_audit)
    _previous, threading.excepthook = threading.excepthook, _thread_ends
    if sys.version_info >= (3, 12):
        _monitor()
    else:
        threading.settrace(_trace_thread)
        sys.settrace(_trace)


def _monitor() -> None:
    if sys.version_info >= (3, 12):
        monitoring = sys.monitoring
        tool = next((id for id in (4, 3) if monitoring.get_tool(id) is None), None)
        if tool is not None:
            monitoring.use_tool_id(tool, "lager")
            monitoring.register_callback(tool, monitoring.events.RAISE, _raised)
            monitoring.set_events(tool, monitoring.events.RAISE)


# A full stack has no space for the decision: a RecursionError pauses when it has ended the thread.


def _raised(code: CodeType, offset: int, error: BaseException) -> None:
    if error.__traceback__ is not None and not isinstance(error, RecursionError):
        _consider(sys._getframe(1), error, error.__traceback__)


def _trace_thread(frame: FrameType, event: str, argument: Any) -> Any:
    """Trace a new thread from its first call, unless it works for a pause."""
    thread = threading.current_thread()
    if thread.name == "lager" or getattr(thread, "is_lager_console", False):
        sys.settrace(None)
        return None
    return _trace(frame, event, argument)


def _trace(frame: FrameType, event: str, argument: Any) -> Any:
    frame.f_trace_lines = False
    if event == "exception" and argument[2] is not None and not isinstance(argument[1], RecursionError):
        _consider(frame, argument[1], argument[2])
        if _mine.paused is argument[1]:
            sys.settrace(None)  # this thread ends
    return _trace


def _consider(frame: FrameType, error: BaseException, raised: TracebackType) -> None:
    """Pause if nothing will catch `error`, which is raised in `frame` or passes through it."""
    if _mine.busy or error is _mine.paused or is_inside_ours(frame):
        return  # an error of lager is examined when it reaches the script: then lager holds none of its locks
    _mine.busy = True
    try:
        if not (raised.tb_next and _is_on_its_way(frame, error)):
            _judge(frame, error, raised)
    except _Meanwhile as meanwhile:
        other = meanwhile.error
        other.__context__ = error.with_traceback(raised)  # so that both are shown
    except Exception:
        return  # a fault of lager must not change the script
    else:
        return
    finally:
        _mine.busy = False
    try:
        raise other
    finally:
        del other, error, raised  # whose tracebacks have this frame


def _judge(frame: FrameType, error: BaseException, raised: TracebackType) -> None:
    here = id(frame.f_code), frame.f_lasti, id(type(error))
    if here in _caught_at_once:
        return
    from lager.breakpoints.terminal.notices import pytest_sessions
    from lager.uncaught.catcher import catcher
    from lager.uncaught.tests import fails_test

    caught_in = catcher(type(error), frame)
    if caught_in is not None and fails_test(type(error), caught_in) and not pytest_sessions():
        _mine.failed = id(error), id(caught_in)
        _pause(error, raised, _AFTER if has_left_the_script(raised) else _BEFORE_TEARDOWN, keep=False)
        return
    _mine.judged = id(error), id(caught_in)
    if caught_in is frame:
        if len(_caught_at_once) >= _REMEMBERED:
            _caught_at_once.clear()
        _caught_at_once.add(here)
    elif caught_in is None:
        _pause(error, raised, _AFTER if has_left_the_script(raised) else _BEFORE)


def _is_on_its_way(frame: FrameType, error: BaseException) -> bool:
    """Return whether the error was already examined, and has not left the frame that may catch it."""
    catching = [caught_in for judged, caught_in in (_mine.judged, _mine.failed) if judged == id(error)]
    here: FrameType | None = frame
    while catching and here is not None:
        if id(here) in catching:
            return True
        here = here.f_back
    return False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Pause if Python is about to show an error that ends the main thread."""
    if event == "sys.excepthook":
        with contextlib.suppress(BaseException):
            try:
                _ended(arguments[2], arguments[3])
            except _Meanwhile as meanwhile:  # Ctrl-C, too, ends the pause, and then the error is shown
                if not isinstance(meanwhile.error, KeyboardInterrupt):
                    arguments[2].add_note(f"While it was paused, this was raised: {meanwhile.error!r}")


def _thread_ends(arguments: Any) -> None:
    try:
        with contextlib.suppress(Exception, _Meanwhile):
            _ended(arguments.exc_value, arguments.exc_traceback)
    finally:
        _previous(arguments)


def _ended(error: BaseException | None, raised: TracebackType | None) -> None:
    if isinstance(error, Exception) and raised is not None and error is not _mine.paused:
        _pause(error, raised, _AFTER)
    _mine.paused = None


def _pause(error: BaseException, raised: TracebackType, when: str, *, keep: bool = True) -> None:
    """Pause at the place of `error`. `keep` it until Python shows it, which it does not with one that is caught.

    Raises _Meanwhile for what the script's own code raises during the pause, as a signal handler may, or Ctrl-C."""
    if lager._is_off():
        return
    if keep:
        _mine.paused = error
    with lager.fork_lock.wait:
        from lager.breakpoints.pause import pause_at
        from lager.inspection.frames.location import Place
        from lager.process.raised import first_of_others, is_fault_of_ours
        from lager.wording.text import LABEL_LENGTH, printable

    try:
        first, raised, group, others = _first(error, raised)
        told = printable(first, LABEL_LENGTH - 100)
        label = f"{type(first).__name__}: {told}" if told else type(first).__name__
        if others:
            label += f" (and {others} more)"
        place = (Place.of_error(raised) if group is raised else Place.of_group(group)).for_error(first)
        pause_at(place, f"{label}, {when}", None, True, no_steps=_NO_STEPS)
    except BaseException as problem:
        if isinstance(problem, Exception) and is_fault_of_ours(problem):
            lager._complain(problem)
            return
        raise _Meanwhile(problem.with_traceback(first_of_others(problem.__traceback__))) from None


def _first(error: BaseException, raised: TracebackType) -> tuple[BaseException, TracebackType, TracebackType, int]:
    """Return the error that a person looks for, its traceback, that of the innermost group in which the script is, and
    how many others there are: of a group that Python made, as a TaskGroup does, the first one; else the error itself.
    """
    others = 0
    group = raised
    while type(error) in (ExceptionGroup, BaseExceptionGroup) and isinstance(error, BaseExceptionGroup):
        last = raised
        while last.tb_next is not None:
            last = last.tb_next
        first = error.exceptions[0]
        if not is_standard(last.tb_frame) or first.__traceback__ is None:
            break
        others += len(error.exceptions) - 1
        error, raised = first, first.__traceback__
        if passes_the_script(raised):
            group = raised
    return error, raised, group, others
