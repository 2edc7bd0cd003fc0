"""What a Python process of a run does before its script begins: lager_startup.pth has it imported.

It is outside of the package, and imports nothing that Python has not imported itself, so that a script finds everything
as plain Python would have it. Each variable that asks for something has a function here, which imports its own module.

PYTEST_DONT_REWRITE, which would come too late: pytest warns of that.
"""

import _signal  # type: ignore[import-not-found]  # without the enumerations of signal, which cost more than all of this
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any


def _listen() -> None:
    """Let SIGURG, which does nothing to a process that does not listen, pause the script where it is."""
    if _signal.getsignal(_signal.SIGURG) == _signal.SIG_DFL:
        _signal.signal(_signal.SIGURG, _asked)


def _asked(_: int, frame: "FrameType") -> None:
    importer = _importer(frame)
    if importer is None:
        _stand(frame)
    else:
        _stand_once_back_in(importer)


def _importer(frame: "FrameType") -> "FrameType | None":
    """Who imports what is being imported at `frame`, if a pause may need just that: it is let come to its end."""
    needed = {"lager", "dbus_fast", "dbus_next", *sys.stdlib_module_names}
    importer, imported, here = None, "", frame.f_back
    while here is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib."):
            if not imported or imported.partition(".")[0] in needed:
                importer = here
        else:
            imported = frame.f_globals.get("__name__", "")
        frame, here = here, here.f_back
    return importer


_is_to_stand = False


def _stand_once_back_in(importer: "FrameType") -> None:
    global _is_to_stand
    if _is_to_stand:
        return
    _is_to_stand = True
    trace, local_trace = sys.gettrace(), importer.f_trace

    def back(frame: "FrameType", _: str, __: "Any") -> "Any":
        global _is_to_stand
        _is_to_stand = False
        sys.settrace(trace)
        frame.f_trace = local_trace
        _stand(frame)
        return local_trace

    importer.f_trace = back
    sys.settrace(lambda *_: None)


def _stand(frame: "FrameType") -> None:
    try:
        from lager.breakpoints import on_request

        on_request.pause(frame)
    except Exception as error:
        print(f"lager: cannot pause here, going on. {error!r}", file=sys.stderr, flush=True)


def _write_lines() -> None:
    """Who follows a detached run sees each line when it is printed, as on a terminal."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _show_typed_names() -> None:
    from lager.inspection.tracebacks import show_typed_names

    show_typed_names()


def _pause_on_error() -> None:
    """In this process and what it forks; what it starts is plain Python."""
    del os.environ["LAGER_PAUSE_ON_ERROR"]
    from lager.breakpoints import on_error

    on_error.install()


_HOOKS = {
    "LAGER_PROCESS_ID": _listen,
    "LAGER_DETACHED": _write_lines,
    "LAGER_RUN_FOLDER": _show_typed_names,
    "LAGER_PAUSE_ON_ERROR": _pause_on_error,
}


def _begin(hook: "Callable[[], None]") -> None:
    try:
        hook()
    except Exception:  # a second interpreter of the process takes no signals, for one
        return  # the script runs all the same


for _name, _hook in _HOOKS.items():
    if os.environ.get(_name):
        _begin(_hook)
