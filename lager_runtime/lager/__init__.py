"""The API of bench scripts: `from lager import pause, Net, NetType`.

Importing this takes almost no time: the modules for pauses and instruments are imported when they are first used.

Contains PYTEST_DONT_REWRITE: pytest imports this module too early to rewrite it.
"""

from __future__ import annotations

import _imp
import os
import sys

from lager import variables
from lager.process import at_end as _at_end  # noqa: F401  # its exit handler is registered before those of the script
from lager.process import fork_lock, raised

if variables.PROCESS_ID in os.environ and not hasattr(sys, "_lager_start"):  # Python has not read lager_startup.pth
    import lager_startup  # noqa: F401

if hasattr(sys, "_lager_start"):  # the functions below get their builtins from here: a script may replace its own
    __builtins__ = sys._lager_start.builtins

TYPE_CHECKING = False  # type checkers take it for true; importing typing would cost more than all the rest
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import Any

    from lager.errors import BenchChanged, InvalidNetError, NoAnswer, PauseTimeout, SetupFunctionRequiredError
    from lager.instruments.net import Net, NetType
    from lager.recording.recorder import Recorder

__all__ = [
    "BenchChanged",
    "InvalidNetError",
    "Net",
    "NetType",
    "NoAnswer",
    "PauseTimeout",
    "Recorder",
    "SetupFunctionRequiredError",
    "ask",
    "breakpointhook",
    "pause",
]

_ROOM = 150  # calls: the most that a pause needs, with its banner and the import of its modules
_getframe = sys._getframe


def pause(
    label: object = None,
    *,
    timeout: float | None = None,
    interactive: bool = False,
    on_timeout: str = "resume",
    on_change: str = "warn",
) -> None:
    """Pause here until the script is resumed or `timeout` seconds have passed.

    `timeout` is in seconds: None for LAGER_BREAKPOINT_TIMEOUT, else 300; 0 waits until resumed. `interactive` allows
    the script's user to open a Python console in the paused process. `on_timeout` says what happens at the timeout:
    "resume" resumes the script; "raise" raises PauseTimeout here; "exit" ends the process with 124 through its
    `finally` blocks, those of the main thread too. `on_change` says what happens if the bench was changed meanwhile:
    "warn" prints a line for each change; "raise" also raises BenchChanged here; "restore" also sets back the nets that
    the script has open, but switches no output on. Blocks the calling thread only. Outside `lager python`, or with
    LAGER_BREAKPOINTS set to off, 0, false or no, it returns at once. Raises only what `on_timeout` and `on_change` ask
    for: it reports invalid arguments and errors of the bus in one line on standard error. (Ctrl-C is not caught.)
    """
    to_raise = _pause(_caller(), label, timeout, interactive, on_timeout, on_change)
    if to_raise is not None:
        try:
            raise to_raise
        finally:
            del to_raise  # its traceback has this frame, and would keep it and its callers alive


def breakpointhook(
    label: object = None,
    *,
    timeout: float | None = None,
    interactive: bool = True,
    on_timeout: str = "resume",
    on_change: str = "warn",
) -> None:
    """Pause with a console. `breakpoint()` calls this in a run of `lager python`."""
    to_raise = _pause(_caller(), label, timeout, interactive, on_timeout, on_change)
    if to_raise is not None:
        try:
            raise to_raise
        finally:
            del to_raise  # its traceback has this frame, and would keep it and its callers alive


def ask(
    question: object,
    *,
    kind: str = "yes-no",
    choices: Sequence[str] | None = None,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    default: bool | str | float | None = None,
    timeout: float | None = None,
    label: object = None,
) -> bool | str | float:
    """Pause here until `question` is answered, and return the answer.

    `kind` is "yes-no" (the answer is a bool), "text" (str), "number" (float, in `unit`, from `low` to `high` inclusive)
    or "choice" (one of `choices`). `timeout` is in seconds, as for `pause`. If it times out, or is resumed without
    an answer, it returns `default`; without a default it raises NoAnswer. Blocks the calling thread only. Outside
    `lager python`, or if lagerd cannot be reached, it asks on the terminal. Without a terminal, and with
    LAGER_BREAKPOINTS set to off, it times out at once. Raises InvalidArgument if the arguments do not fit each other.
    """
    handled = sys.exception()
    try:
        asked = load("lager.wording.question").question(question, kind, choices, unit, low, high, default)
        answer: bool | str | float = load("lager.breakpoints.ask").ask(_caller(), asked, timeout, label)
        return answer
    except BaseException as error:
        asked_for = in_brief(raised.behind(error, handled), handled)
    try:
        raise asked_for
    finally:
        del asked_for, handled  # which would know this frame, and keep it and its callers'


def _caller() -> FrameType:
    """Return the frame that called our function; the function's own if C called it, as atexit does."""
    ours = _getframe(1)
    return ours.f_back or ours


def _breakpoint(
    frame: FrameType,
    label: object = None,
    *,
    timeout: float | None = None,
    interactive: bool = True,
    on_timeout: str = "resume",
    on_change: str = "warn",
) -> BaseException | None:
    """Pause like `breakpointhook`, but return what to raise: the traceback then has one frame of lager, the caller."""
    return _pause(frame, label, timeout, interactive, on_timeout, on_change)


def is_run() -> bool:
    """Return whether this process is part of a run of `lager python`, as it was when Python started."""
    return at_start(variables.PROCESS_ID) is not None


def at_start(name: str) -> str | None:
    """Return a variable of the environment: in a run, as before the script began; outside a run, as it is now."""
    start = getattr(sys, "_lager_start", None)
    environ = os.environ if start is None else start.environ
    value = environ.get(name)
    return value if type(value) is str else None


def setting(name: str) -> str:
    """Return a variable that the script, too, may set to change how it pauses. If it is not set now, return it as at
    the start."""
    start = getattr(sys, "_lager_start", None)
    value = os.environ.get(name) if start is None else start.variable(name)
    return value if type(value) is str else at_start(name) or ""


def _is_off() -> bool:
    return not is_run() or is_switched_off()


def is_switched_off() -> bool:
    return setting(variables.BREAKPOINTS).strip().lower() in variables.OFF


def _pause(
    frame: FrameType,
    label: object,
    timeout: object,
    interactive: object,
    on_timeout: object,
    on_change: object = "warn",
) -> BaseException | None:
    """Pause, and return what the caller must raise, as `on_timeout` or `on_change` wants it or as Ctrl-C does; else
    None."""
    limit = None
    handled = sys.exception()
    try:
        if _is_off():
            return None
        began = _monotonic()
        limit = _make_room()
        if sys.is_finalizing():
            raise RuntimeError("Python is ending.")
        pausing = load("lager.breakpoints.pause")
        to_raise: BaseException | None = pausing.pause_at(
            pausing.Place.of_call(frame),
            label,
            timeout,
            interactive,
            on_timeout,
            on_change=on_change,
            began=began,
        )
        return to_raise
    except BaseException as error:
        if limit is None and isinstance(error, RecursionError):
            raise
        return _reported(error, handled)
    finally:
        del frame, handled
        if limit and sys.getrecursionlimit() == limit + _ROOM:
            sys.setrecursionlimit(limit)


def _monotonic() -> float:
    """Return the monotonic time in seconds, even if a test has stopped the clock."""
    start = getattr(sys, "_lager_start", None)
    if start is None:  # the process was made part of a run after it had started
        from time import monotonic

        return monotonic()
    seconds: float = start.monotonic()
    return seconds


def _make_room() -> int:
    """Raise the recursion limit if the script's stack is nearly full, as in a handler of RecursionError.

    Returns the previous limit; 0 if there was room. Raises RecursionError only if the script itself could call nothing.
    """
    try:
        _descend(_ROOM)
    except RecursionError as error:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + _ROOM)
        if raised.by_a_handler(error):
            sys.setrecursionlimit(limit)
            raise
        return limit
    return 0


def _descend(calls: int) -> None:
    if calls:
        _descend(calls - 1)


def _asked(frame: FrameType) -> None:
    """Pause as `lager python --pause` requests."""
    try:
        on_request = load("lager.breakpoints.triggers.on_request")
    except Exception as error:
        if not raised.is_fault_of_ours(error):
            raise
        _complain(error)
    else:
        on_request.pause(frame)


def load(name: str) -> Any:
    """Return a module of lager; in a run, from lager's own world, which the script cannot change."""
    start = getattr(sys, "_lager_start", None)
    if start is not None:
        return start.world().need(name)
    with fork_lock.wait:
        from importlib import import_module

        return import_module(name)


def _reported(error: BaseException, handled: BaseException | None) -> BaseException | None:
    """Return what the script gets for `error`, which has ended a pause; None for a fault of ours, which is reported."""
    error = raised.behind(error, handled)
    if isinstance(error, Exception) and raised.is_fault_of_ours(error):
        _complain(error)
        return None
    return in_brief(error, handled)


def in_brief(error: BaseException, handled: BaseException | None) -> BaseException:
    """Return `error` without the frames of lager that its traceback begins with; who raises it adds one. Raises it as
    it is if the user wants full tracebacks, or if it has a cause, other than `handled`, which could be lost."""
    is_chained = error.__context__ is not None and error.__context__ is not handled
    if is_debugging() or (is_chained and type(error).__module__ != "lager.errors"):
        raise error
    return error.with_traceback(raised.first_of_others(error.__traceback__))


def is_debugging() -> bool:
    """Return whether the user wants full tracebacks."""
    return sys.flags.dev_mode or setting(variables.DEBUG).strip().lower() not in {"", *variables.OFF}


def _complain(error: Exception) -> None:
    try:
        of_world = (RuntimeError, ModuleNotFoundError)  # those of lager/world.py
        is_sentence = type(error).__module__ == "lager.errors" or type(error) in of_world
        text = str(error) if is_sentence else repr(error)
        what = text[:500].encode("ascii", "backslashreplace").decode()
        try:
            what = load("lager.wording.text").printable(text, 500)
            say = load("lager.breakpoints.terminal.notices").say
        except Exception as problem:  # nothing can be imported
            if raised.by_a_handler(problem):
                raise
            print(f"lager: cannot pause here; continuing. {what}", file=sys.stderr, flush=True)
        else:
            say(f"lager: cannot pause here; continuing. {what}\n", begin_line=True)
    except Exception as problem:  # standard error is closed
        if raised.by_a_handler(problem):
            raise


def __getattr__(name: str) -> object:
    if name == "Recorder":
        with fork_lock.wait:
            from lager.recording.recorder import Recorder

        return Recorder
    if name in ("Net", "NetType"):
        with fork_lock.wait:
            from lager.instruments import net

        return getattr(net, name)
    if name in ("BenchChanged", "InvalidNetError", "NoAnswer", "PauseTimeout", "SetupFunctionRequiredError"):
        from lager import errors

        return getattr(errors, name)
    raise AttributeError(f"module 'lager' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


_files = __import__("_frozen_importlib_external")


class _Unchanged:
    """A finder that loads lager's modules unchanged, before the finders of the script. It has no annotations."""

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        spec = _files.PathFinder.find_spec(name, path) if name.startswith("lager.") else None
        if spec is not None and isinstance(spec.loader, _files.SourceFileLoader):
            spec.loader = _files.SourceFileLoader(name, spec.origin)
        return spec


def _search_first(finder):  # type: ignore[no-untyped-def]  # a hook may have changed it: see below
    """Put a finder before those of the script. While Python calls one of them, as where it pauses, the list stays as it
    is and gets a successor: else that finder would be called a second time."""
    if _imp.lock_held():
        sys.meta_path = [finder, *sys.meta_path]
    else:
        sys.meta_path.insert(0, finder)


# An import hook of the script, as that of typeguard or beartype, has changed our code: it checks annotations, also
# those with names for type checkers only. Outside a run, too, pause() must not raise what such a check raises.
if isinstance(__spec__.loader, _files.SourceFileLoader) and type(__spec__.loader) is not _files.SourceFileLoader:
    for _name in [name for name in sys.modules if name.startswith("lager.")]:
        del sys.modules[_name]
    _search_first(_Unchanged())  # type: ignore[no-untyped-call]
    __spec__.loader = _loader = _files.SourceFileLoader(__name__, __file__)
    exec(_loader.get_code(__name__), globals())
elif hasattr(sys, "_lager_start"):  # an import of a module of ours gets the copy that pauses
    _search_first(sys._lager_start.world())  # type: ignore[no-untyped-call]
