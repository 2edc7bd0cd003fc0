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


_INTERRUPTED_AFTER = 0.2  # seconds, at most


def _end_by_the_ladder() -> None:
    """Let what ends the whole job, as timeout(1) or a closed terminal does, leave the script time to tidy up.

    That is for `lager python` to see to, which interrupts it. In children everything is as plain Python has it.
    """
    from _thread import get_ident
    from time import sleep

    parent = int(os.environ.pop("LAGER_PYTHON_PID"))
    if os.getppid() != parent:
        return

    def told(number: int, _: "FrameType | None") -> None:
        _signal.signal(number, _signal.SIG_DFL)  # a second one ends it at once
        if os.getppid() == parent:
            os.kill(parent, number)
            sleep(_INTERRUPTED_AFTER)  # so that the script does not go on as after a signal that it handles itself
            if _signal.getsignal(_signal.SIGINT) == _signal.SIG_IGN:
                raise KeyboardInterrupt
        elif number == _signal.SIGTERM:  # `lager python` is dead, and its keeper has interrupted us before
            _signal.raise_signal(number)

    masks: dict[int, Any] = {}

    def hold() -> None:
        # A signal to a child that still has our handler would be lost: Python forgets in a child what came before.
        masks[get_ident()] = _signal.pthread_sigmask(_signal.SIG_BLOCK, taken)

    def go_on() -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, masks.pop(get_ident()))

    def forget() -> None:
        for number in taken:
            if _signal.getsignal(number) is told:
                _signal.signal(number, _signal.SIG_DFL)
        go_on()

    taken = [n for n in (_signal.SIGTERM, _signal.SIGHUP) if _signal.getsignal(n) == _signal.SIG_DFL]
    for number in taken:
        _signal.signal(number, told)
    os.register_at_fork(before=hold, after_in_parent=go_on, after_in_child=forget)


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
    "LAGER_PYTHON_PID": _end_by_the_ladder,
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
