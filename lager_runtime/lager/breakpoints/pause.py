"""The script's side of a pause: its description, the banner, the wait, and the line that says why it ended."""

import contextlib
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

import lager
from lager import variables
from lager.breakpoints import carrier, comparison
from lager.breakpoints.on_timeout import bench_changed, outcome
from lager.breakpoints.state import CannotPause, Ended, PauseState, Signalled, step_ended
from lager.breakpoints.terminal import banner, notices, terminal_line
from lager.breakpoints.terminal.notices import say
from lager.contract import LONGEST, ON_CHANGE, ON_TIMEOUT, PATH_LENGTH
from lager.errors import LagerError
from lager.inspection import display_paths
from lager.inspection.frames import script_threads
from lager.inspection.frames.location import Place, file_of
from lager.process import threads
from lager.process.raised import by_a_handler, suppressed
from lager.stepping import obstacle
from lager.wording import changes
from lager.wording.question import Question
from lager.wording.text import LABEL_LENGTH, number_of, printable

if TYPE_CHECKING:
    from lager.contract import Change


def pause_at(
    place: Place,
    label: object,
    timeout: object,
    interactive: object,
    on_timeout: object = "resume",
    about: str = "",
    *,
    on_change: object = ON_CHANGE[0],
    began: float | None = None,
    no_steps: str = "",
    quiet: bool = False,
) -> BaseException | None:
    """Pause the calling thread at `place`. Print `about` and the banner, and at the end why the pause ended. `began` is
    the monotonic time of the script's request; None: now. `no_steps` says why it cannot be stepped. If `quiet`, nothing
    is printed.

    Returns the exception that the caller must raise, as `on_timeout` or `on_change` wants it; else None. Raises
    LagerError if the script cannot be paused; Ctrl-C passes through.
    """
    if getattr(threading.current_thread(), "is_lager_console", False):
        notices.say_here("lager: pause() has no effect inside a console.\n")
        return None
    then = {"on_timeout": _one_of("on_timeout", on_timeout, ON_TIMEOUT)}
    details = describe(place, label, timeout_of(timeout), _is_true(interactive)) | then
    pause = PauseState(details, place, on_change=_one_of("on_change", on_change, ON_CHANGE))
    pause.no_steps = no_steps or obstacle.at(place.frame)
    pause.quiet = quiet
    return _until_resumed(pause, about, time.monotonic() if began is None else began)


def stopped_at(before: PauseState, frame: FrameType, value: tuple[object] | None, began: float) -> BaseException | None:
    """Pause the calling thread at `frame`, where the step from the pause `before` has stopped. If the frame returns,
    `value` contains the result. Returns what `pause_at` returns, and raises what it raises."""
    place = Place.here(frame, "step")
    if value is not None:
        place.more = {"__return__": value[0]}
    timeout: float = before.details["timeout"]
    left = 0.0 if before.deadline is None else max(before.deadline - time.monotonic(), timeout)
    details = describe(place, before.details["label"], timeout, True)
    details |= {"on_timeout": before.details["on_timeout"], "remaining": left}
    pause = PauseState(details, place, on_change=before.on_change, returning=value is not None)
    pause.no_steps = obstacle.at(frame)
    pause.follow(before)
    return _until_resumed(pause, "", began)


def _until_resumed(pause: PauseState, about: str, began: float) -> BaseException | None:
    """Report the pause to lagerd, wait for its end, and begin its step if it ends with one. Returns and raises as
    `pause_at` does."""
    ended = _until_ended(pause, about, began)
    if pause.is_step(ended):
        lager.load("lager.breakpoints.steps").begin(pause)
        return None
    timed_out = ended.reason in ("timeout", "alone", "held up")
    to_raise = outcome(pause.details, pause.changes) if timed_out else None
    if to_raise is None and pause.changes and pause.on_change == "raise" and ended.reason != "interrupted":
        return bench_changed(pause.details, pause.changes)
    return to_raise


def ask(place: Place, text: str, timeout: object, question: Question) -> Ended:
    """Pause the calling thread until the question is answered or times out.

    The answer, if there is one, is the key `answer` of `Ended.by`. Raises LagerError if lagerd cannot be reached.
    """
    if getattr(threading.current_thread(), "is_lager_console", False):
        raise LagerError("A console cannot ask a question.", "Answer it yourself.")
    details = describe(place, text, timeout_of(timeout), True) | {"on_timeout": ON_TIMEOUT[0]} | question.details()
    return _until_ended(PauseState(details, place, question=question), "", time.monotonic())


def _until_ended(pause: PauseState, about: str, began: float) -> Ended:
    """Report the pause to lagerd, and wait for its end. Raises LagerError if lagerd does not accept it.

    A step that runs in this thread ends here, and its consoles come to this pause."""
    if (before := step_ended()) is not None:
        lager.load("lager.stepping.engine").cancel_here()
        pause.follow(before)
    start = getattr(sys, "_lager_start", None)
    try:
        with contextlib.nullcontext() if start is None else start.descriptors():
            ended = _carried(pause, about, began)
    finally:
        for work in threads.at_resume:
            work()
    if isinstance(ended, CannotPause):
        try:
            raise ended.error.with_traceback(None)
        finally:
            del ended  # its traceback has this frame, and would keep it and its callers alive
    return ended


def _carried(pause: PauseState, about: str, began: float) -> Ended | CannotPause:
    place, interactive = pause.place, pause.interactive
    carried = carrier.of_this_process()
    was_paused = threading.get_ident() in threads.paused  # a signal handler may pause
    if interactive:
        script_threads.prepare()
    try:
        with _clocks_stopped(began), threads.counted_in(threads.paused):
            pause.comparison = comparison.of_this_process(pause.comparison)
            carried.begin(pause)
            if script_threads.is_main():
                carried.hear_signals(pause)
            ended = _wait(pause, about)
            carried.ignore_signals(pause)
            pause.frame = place.frame if pause.is_step(ended) else None
            return ended
    except BaseException:
        carried.interrupt(pause)
        carried.ignore_signals(pause)
        if not was_paused:
            threads.paused.discard(threading.get_ident())
        pause.end_requests()
        terminal_line.await_row_gone()  # a traceback may follow
        _take_back(pause)
        raise
    finally:
        place.forget()  # so that what refers to the pause keeps no frame of the script


def _take_back(pause: PauseState) -> None:
    """Get back the instruments that were lent at this pause; blocks while a borrower closes one."""
    # The script's own; it has opened no net without it.
    lend_here: Any = sys.modules.get("lager.instruments.while_paused.lend_here")
    if lend_here is not None:
        lend_here.take_back_all(pause.id)


def describe(place: Place, label: object, timeout: float | None, interactive: bool) -> dict[str, Any]:
    """Return the details of a pause that the script provides. `timeout` is in seconds; None: lagerd's default."""
    return {
        "id": os.urandom(4).hex(),
        "label": "" if label is None else printable(label, LABEL_LENGTH),
        "file": printable(display_paths.shown(file_of(place.frame)), PATH_LENGTH),
        "line": place.line,
        "function": printable(place.frame.f_code.co_qualname),
        "thread": printable(script_threads.name()),
        "run_id": printable(lager.at_start(variables.PROCESS_ID) or "", 64),
        "script": printable(lager.at_start(variables.RUNNABLE) or "", PATH_LENGTH),
        "timeout": timeout,
        "interactive": interactive,
        "banner": notices.place(),
    }


def _clocks_stopped(began: float) -> contextlib.AbstractContextManager[None]:
    """Stop the clocks of the test that pauses, if there is one."""
    sessions = notices.pytest_sessions()
    if not sessions and "hypothesis.control" not in sys.modules:
        return contextlib.nullcontext()
    from lager.breakpoints.terminal import in_pytest

    return in_pytest.clocks_stopped(sessions, began)


def _wait(pause: PauseState, about: str) -> Ended | CannotPause:
    began = time.monotonic()
    try:
        return _waited(pause, about, began)
    finally:
        if pause.comparison is not None:
            pause.comparison.end_first()


def _waited(pause: PauseState, about: str, began: float) -> Ended | CannotPause:
    while True:
        try:
            event = pause.events.get(timeout=pause.patience())
        except Empty as error:
            if by_a_handler(error):
                raise
            given_up = pause.given_up()
            if given_up is None:
                continue
            event = given_up
        if isinstance(event, Signalled):
            continue
        if isinstance(event, CannotPause):
            pause.end_requests()
            _take_back(pause)
            return event
        if isinstance(event, Ended):
            pause.end_requests()
            terminal_line.await_row_gone()
            seconds = time.monotonic() - began
            text = banner.resumed(pause.keys, event.reason, event.by, seconds, pause.question)
            if not pause.quiet:
                say(text + banner.changed(event.by))
            if sessions := notices.pytest_sessions():
                from lager.breakpoints.terminal import in_pytest

                in_pytest.note(sessions, pause.details, event.reason, event.by, seconds)
            if pause.is_step(event):
                if pause.comparison is not None:
                    pause.comparison.step()
                return event  # what was changed is told when it resumes for good
            pause.changes = list(event.by.get("changes", ()))
            _take_back(pause)  # before what it has is compared
            if pause.comparison is not None and event.reason != "interrupted":
                _compare(pause, pause.comparison)
            return event
        enter, dropped = pause.dropped is not None, pause.dropped or 0
        text = banner.paused(
            pause.keys, event.remaining, enter=enter, dropped=dropped, question=pause.question
        )  # fmt: skip
        if not pause.quiet:
            say(about + text, begin_line=True, heading=about.count("\n"))
        if pause.comparison is not None and pause.events.empty():
            pause.comparison.read()


def _compare(pause: PauseState, compared: comparison.Comparison) -> None:
    """Print what differs from the beginning of the pause and was not reported. Set it back, if the pause is to."""
    found = cast("list[Change]", compared.changes(pause.changes, pause.id))
    _say_lines([*compared.silent, *map(changes.line, found)])
    pause.changes += found
    if pause.on_change == "restore":
        _say_lines(map(_restored, compared.to_restore()))


def _restored(what: tuple[str, Callable[[], None]]) -> str:
    """Set back one setting; return the line that says so, or why not."""
    name, set_back = what
    try:
        set_back()
    except Exception as error:
        if by_a_handler(error):
            raise
        if isinstance(error, LagerError):
            return f"{name} was not set back: {error.what}"
        return f"{name} was not set back: {type(error).__name__}: {error}"
    return f"{name} was set back"


def _say_lines(lines: Iterable[str]) -> None:
    if text := "".join(f"  {line}\n" for line in lines):
        say(text)


def timeout_of(argument: object) -> float | None:
    """Return the argument, else that of the environment, else None: the default of the box. Reports invalid values."""
    if argument is not None:
        seconds = _seconds(argument)
        if seconds is not None:
            return seconds
        say(f"lager: timeout={printable(_repr(argument), 40)} is not a number of seconds; using the default.\n")
    text = lager.setting(variables.BREAKPOINT_TIMEOUT).strip()
    if not text:
        return None
    with suppressed(ValueError):
        seconds = _seconds(float(text))
        if seconds is not None:
            return seconds
    say(f"lager: LAGER_BREAKPOINT_TIMEOUT={printable(text, 40)} is not a number of seconds; using the default.\n")
    return None


def _one_of(name: str, argument: object, words: tuple[str, ...]) -> str:
    """Return the argument; the first of the words, after a line on standard error, if it is none of them."""
    if type(argument) is str and argument in words:
        return argument
    say(f"lager: {name}={printable(_repr(argument), 40)} is not one of {', '.join(words)}; using {words[0]}.\n")
    return words[0]


def _is_true(interactive: object) -> bool:
    """Return whether the argument is true; False, after a line on standard error, if it cannot say, as an array."""
    try:
        return bool(interactive)
    except Exception as error:
        if by_a_handler(error):
            raise
        say(f"lager: interactive={printable(_repr(interactive), 40)} is neither true nor false; using False.\n")
        return False


def _seconds(value: object) -> float | None:
    if isinstance(value, bool | bytes):
        return None
    try:
        # It may be anything; if it is not a number, this raises.
        seconds = number_of(value) if type(value) is str else float(value)  # type: ignore[arg-type]
    except Exception as error:
        if by_a_handler(error):
            raise
        return None
    return seconds if seconds is not None and math.isfinite(seconds) and 0 <= seconds <= LONGEST else None


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:
        if by_a_handler(error):
            raise
        return type(value).__name__
