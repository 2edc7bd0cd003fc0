"""What a bench script imports: `from lager import pause, Net, NetType`.

Importing this costs next to nothing: what a pause or an instrument needs is imported when it is first used.

PYTEST_DONT_REWRITE, which would come too late: pytest warns of that.
"""

from __future__ import annotations

import os
import sys

from lager import fork_lock

if "LAGER_PROCESS_ID" in os.environ and not hasattr(sys, "_lager_start"):  # Python has read no lager_startup.pth
    import lager_startup  # noqa: F401

TYPE_CHECKING = False  # what type checkers take for true; importing typing would cost more than all the rest
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from lager.errors import PauseTimeout
    from lager.instruments.net import Net, NetType

__all__ = ["Net", "NetType", "PauseTimeout", "breakpointhook", "pause"]

_ROOM = 150  # calls: what a pause needs at most, its banner and the import of its modules included
_OFF = frozenset(("off", "0", "false", "no"))


def pause(
    label: object = None, *, timeout: float | None = None, interactive: bool = False, on_timeout: str = "resume"
) -> None:
    """Stand still here until somebody resumes the script or `timeout` seconds are over.

    `timeout` is in seconds: None for LAGER_BREAKPOINT_TIMEOUT, else 300; 0 waits until resumed. `interactive` opens a
    Python console into the paused process to the script's user. `on_timeout` is what happens when nobody came in time:
    "resume" goes on; "raise" raises PauseTimeout here; "exit" ends the process with 124 through its `finally` blocks,
    the main thread's too. Blocks the calling thread only. Outside `lager python`, or with LAGER_BREAKPOINTS set to off,
    0, false or no, it returns at once. Never raises anything that was not asked for; what is wrong with the arguments
    or the bus is said in one line on standard error. (Ctrl-C is not caught.)
    """
    asked_for = _pause(_caller(), label, timeout, interactive, on_timeout)
    if asked_for is not None:
        try:
            raise asked_for
        finally:
            del asked_for  # which would know this frame, and keep it and its callers'


def breakpointhook(
    label: object = None, *, timeout: float | None = None, interactive: bool = True, on_timeout: str = "resume"
) -> None:
    """What `breakpoint()` calls in a run of `lager python`: a pause with a console."""
    asked_for = _pause(_caller(), label, timeout, interactive, on_timeout)
    if asked_for is not None:
        try:
            raise asked_for
        finally:
            del asked_for  # which would know this frame, and keep it and its callers'


def _caller() -> FrameType:
    """Whose call of a function of ours this is; the function itself where C calls it, as atexit does."""
    try:
        return sys._getframe(2)
    except ValueError:
        return sys._getframe(1)


def _breakpoint(
    frame: FrameType,
    label: object = None,
    *,
    timeout: float | None = None,
    interactive: bool = True,
    on_timeout: str = "resume",
) -> BaseException | None:
    """The same, for whoever raises what is asked for in the one frame of ours that a traceback is to show."""
    return _pause(frame, label, timeout, interactive, on_timeout)


def is_run() -> bool:
    """Whether this process is part of a run of `lager python`, as it was when Python started."""
    return at_start("LAGER_PROCESS_ID") is not None


def at_start(name: str) -> str | None:
    """A variable of the environment as it was before the script of a run began; elsewhere as it is."""
    start = getattr(sys, "_lager_start", None)
    environ = os.environ if start is None else start.environ
    value = environ.get(name)
    return value if type(value) is str else None


def setting(name: str) -> str:
    """A variable by which also the script itself may set how it pauses; one that it has lost counts as at the start."""
    value = os.environ.get(name)
    return value if type(value) is str else at_start(name) or ""


def _is_off() -> bool:
    return not is_run() or setting("LAGER_BREAKPOINTS").strip().lower() in _OFF


def _pause(
    frame: FrameType, label: object, timeout: object, interactive: object, on_timeout: object
) -> BaseException | None:
    """What the caller is to raise, because the script asked for it at the deadline of the pause."""
    limit = None
    try:
        if _is_off():
            return None
        limit = _make_room()
        if sys.is_finalizing():
            raise RuntimeError("Python is ending")
        pausing = load("lager.breakpoints.pause")
        asked_for: BaseException | None = pausing.stand(
            pausing.Place.of_call(frame), label, timeout, bool(interactive), on_timeout
        )
        return asked_for
    except Exception as error:
        if not _is_ours(error) or (limit is None and isinstance(error, RecursionError)):
            raise
        _complain(error)
        return None
    finally:
        del frame
        if limit and sys.getrecursionlimit() == limit + _ROOM:
            sys.setrecursionlimit(limit)


def _make_room() -> int:
    """Let a pause go deeper where the script's stack is nearly full, as where it handles its RecursionError. The limit
    that held before; 0 where there is room. Raises RecursionError only where the script could call nothing else."""
    try:
        _descend(_ROOM)
    except RecursionError:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + _ROOM)
        return limit
    return 0


def _descend(calls: int) -> None:
    if calls:
        _descend(calls - 1)


def _asked(frame: FrameType) -> None:
    """Somebody asks for a pause, with `lager python --pause`."""
    try:
        on_request = load("lager.breakpoints.on_request")
    except Exception as error:
        _complain(error)
    else:
        on_request.pause(frame)


def load(name: str) -> Any:
    """A module of ours, in a run one that nothing the script does can reach."""
    start = getattr(sys, "_lager_start", None)
    if start is not None:
        return start.world().need(name)
    with fork_lock.wait:
        from importlib import import_module

        return import_module(name)


def _is_ours(error: Exception) -> bool:
    """Whether `error` is a fault of lager's side, which says it and goes on. What something else raises meanwhile in
    this thread, as the handler of a signal does, is the script's."""
    if type(error).__module__ == "lager.errors" or isinstance(error, RecursionError):
        return True
    if type(error).__module__ != "builtins":
        return False
    raised = error.__traceback__
    while raised is not None:
        names = raised.tb_frame.f_globals
        if str(names.get("__name__")).partition(".")[0] != "lager" and not _is_of_our_world(names):
            return False
        raised = raised.tb_next
    return True


def _is_of_our_world(names: dict[str, Any]) -> bool:
    start = getattr(sys, "_lager_start", None)
    return start is not None and names.get("__builtins__") is start.world().builtins


def _complain(error: Exception) -> None:
    try:
        text = str(error) if type(error).__module__ == "lager.errors" else repr(error)
        try:
            what = load("lager.text").printable(text, 500)
        except Exception:
            # Not even that can be imported, as without descriptors.
            what = text[:500].encode("ascii", "backslashreplace").decode()
        print(f"lager: cannot pause here, going on. {what}", file=sys.stderr, flush=True)
    except Exception:
        return  # standard error is closed: there is nobody to tell


def __getattr__(name: str) -> object:
    if name in ("Net", "NetType"):
        with fork_lock.wait:
            from lager.instruments import net

        return getattr(net, name)
    if name == "PauseTimeout":
        from lager import errors

        return errors.PauseTimeout
    raise AttributeError(f"module 'lager' has no attribute {name!r}")


if hasattr(sys, "_lager_start"):  # whoever imports a module of ours gets the one that pauses
    sys.meta_path.insert(0, sys._lager_start.world())
