"""A pause as the script sees it: what is said of it, the banner, the wait, and the line that says why it ended."""

import contextlib
import math
import os
import threading
import time
from queue import Empty
from typing import Any

import lager
from lager.breakpoints import banner, carrier, notices, script_threads, terminal_line
from lager.breakpoints.notices import say
from lager.breakpoints.on_timeout import outcome
from lager.breakpoints.state import Ended, Failed, Standing
from lager.contract import LONGEST, ON_TIMEOUT, PATH_LENGTH
from lager.inspection import display_paths
from lager.inspection.location import Place, file_of
from lager.text import LABEL_LENGTH, printable


def stand(
    place: Place,
    label: object,
    timeout: object,
    interactive: bool,
    on_timeout: object = "resume",
    about: str = "",
) -> BaseException | None:
    """Pause the calling thread, and say that it stands at `place`, and before that `about`. Raises LagerError where
    that cannot be; Ctrl-C passes through. What it returns is for the caller to raise: the script asked for it at its
    deadline."""
    if getattr(threading.current_thread(), "is_lager_console", False):
        notices.say_here("lager: a console cannot pause its script once more. Go on typing, or leave it with exit().\n")
        return None
    details = describe(place, label, _timeout(timeout), interactive)
    standing = Standing(details | {"on_timeout": _on_timeout(on_timeout)}, place)
    carried = carrier.of_this_process()
    if interactive:
        script_threads.prepare()
    try:
        with _clocks_stopped():
            carried.begin(standing)
            ended = _wait(standing, about)
    except BaseException:
        carried.interrupt(standing)
        terminal_line.await_row_gone()  # a traceback may follow
        raise
    finally:
        place.forget()  # whoever still knows of the pause keeps nothing of the script
    if isinstance(ended, Failed):
        try:
            raise ended.error.with_traceback(None)
        finally:
            del ended  # whose error would know this frame, and keep it and its callers'
    return outcome(standing.details) if ended.reason in ("timeout", "alone", "held up") else None


def describe(place: Place, label: object, timeout: float | None, interactive: bool) -> dict[str, Any]:
    """The keys of the contract that a script knows of itself; `timeout` in seconds, None for what lagerd says."""
    return {
        "id": os.urandom(4).hex(),
        "label": "" if label is None else printable(label, LABEL_LENGTH),
        "file": printable(display_paths.shown(file_of(place.frame)), PATH_LENGTH),
        "line": place.line,
        "function": printable(place.frame.f_code.co_qualname),
        "thread": printable(script_threads.name()),
        "run_id": printable(lager.at_start("LAGER_PROCESS_ID") or "", 64),
        "script": printable(lager.at_start("LAGER_RUNNABLE") or "", PATH_LENGTH),
        "timeout": timeout,
        "interactive": interactive,
        "banner": notices.place(),
    }


def _clocks_stopped() -> contextlib.AbstractContextManager[None]:
    """Those of the test that pauses, if there is one."""
    sessions = notices.pytest_sessions()
    if not sessions:
        return contextlib.nullcontext()
    from lager.breakpoints import in_pytest

    return in_pytest.clocks_stopped(sessions)


def _wait(standing: Standing, about: str) -> Ended | Failed:
    began = time.monotonic()
    while True:
        try:
            event = standing.events.get(timeout=standing.patience())
        except Empty:
            given_up = standing.given_up()
            if given_up is None:
                continue
            event = given_up
        if isinstance(event, Failed):
            return event
        if isinstance(event, Ended):
            terminal_line.await_row_gone()
            say(banner.resumed(standing.details, event.reason, event.by, time.monotonic() - began))
            return event
        enter = standing.dropped is not None
        text = banner.paused(standing.details, event.remaining, enter=enter, dropped=standing.dropped or 0)
        say(about + text, begin_line=True)


def _timeout(argument: object) -> float | None:
    """The argument, else the environment, else None for the default of the box; what is no number is passed over."""
    if argument is not None:
        seconds = _seconds(argument)
        if seconds is not None:
            return seconds
        say(f"lager: timeout={printable(_repr(argument), 40)} is no number of seconds; the default holds.\n")
    text = lager.setting("LAGER_BREAKPOINT_TIMEOUT").strip()
    if not text:
        return None
    with contextlib.suppress(ValueError):
        seconds = _seconds(float(text))
        if seconds is not None:
            return seconds
    say(f"lager: LAGER_BREAKPOINT_TIMEOUT={printable(text, 40)} is no number of seconds; the default holds.\n")
    return None


def _on_timeout(argument: object) -> str:
    if type(argument) is str and argument in ON_TIMEOUT:
        return argument
    shown, default = printable(_repr(argument), 40), ON_TIMEOUT[0]
    say(f"lager: on_timeout={shown} is none of {', '.join(ON_TIMEOUT)}; {default} holds.\n")
    return default


def _seconds(value: object) -> float | None:
    if isinstance(value, bool | str | bytes):
        return None
    try:
        seconds = float(value)  # type: ignore[arg-type]  # anything may come here, and what is no number raises
    except Exception:
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds <= LONGEST else None


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:
        return type(value).__name__
