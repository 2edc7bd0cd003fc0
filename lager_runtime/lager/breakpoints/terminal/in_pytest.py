"""Pauses inside pytest: output bypasses its capture, and the timeouts of its tests do not count the pause."""

import contextlib
import faulthandler
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from lager.process.raised import by_a_handler, suppressed
from lager.wording.question import shown
from lager.wording.text import printable


class PytestSession(Protocol):
    """A session of `lager.pytest_plugin`, which describes each attribute."""

    config: Any
    timer: tuple[Any, Any, float] | None
    item_began: float | None

    def note_pause(self, seconds: float, **properties: str) -> None: ...


_Start = Callable[[float], None]  # restarts a clock that was stopped for so many seconds

_lifting = threading.RLock()
now: Callable[[], float] = sys._lager_start.monotonic  # type: ignore[attr-defined]  # even if the test stops its clock


@contextlib.contextmanager
def capture_lifted(sessions: list[PytestSession], begin_line: bool) -> Iterator[None]:
    """Lift pytest's capture of standard error, only for one write, so that other output is captured as before.
    `begin_line`: move to the beginning of a line first."""
    with _lifting, _streams_kept(), contextlib.ExitStack() as stack:
        for session in reversed(sessions):
            capture = session.config.pluginmanager.get_plugin("capturemanager")
            if capture is not None:
                stack.enter_context(capture.global_and_fixture_disabled())
        if begin_line:
            _begin_line(sessions[0].config)
        yield


@contextlib.contextmanager
def _streams_kept() -> Iterator[None]:
    """Restore the streams that the test itself has replaced: pytest restores only its own."""
    streams = sys.stdin, sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams


def _begin_line(config: Any) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if hasattr(config, "workerinput"):
        sys.stderr.write("\n")  # a worker of xdist can only guess what its terminal shows
    elif reporter is not None:
        reporter.ensure_newline()
        if config.get_terminal_writer().width_of_current_line:
            reporter.write_line("")
        reporter.flush()


def note(
    sessions: list[PytestSession], keys: Mapping[str, Any], reason: str, by: Mapping[str, Any], seconds: float
) -> None:
    """Write a pause that has ended, and its answer, into the properties of the test that runs."""
    with suppressed(Exception):  # the test may have replaced what this uses; it matters more
        who = f" by {printable(by['user'])}" if by.get("user") else ""
        label = keys["label"] or keys["id"]
        where = f"{keys['file']}:{keys['line']}"
        said = {"pause": f"{label} at {where}: {reason}{who} after {seconds:.1f} s"}
        if "answer" in by:
            said["answer"] = f"{label}: {shown(by['answer'])}"
        sessions[-1].note_pause(seconds, **said)


class _Clocks:
    """The clocks of the tests of this process. They run while no thread is paused."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._paused = 0
        self._since = 0.0
        self._starts: list[_Start] = []

    @contextlib.contextmanager
    def stopped(self, sessions: list[PytestSession]) -> Iterator[None]:
        with self._lock:
            self._paused += 1
            if self._paused == 1:
                self._since = now()
                stops = _stop_timer, _stop_session, _stop_faulthandler
                self._starts = [_stopped(stop, session) for session in reversed(sessions) for stop in stops]
        try:
            yield
        finally:
            with self._lock:
                self._paused -= 1
                for start in () if self._paused else self._starts:
                    start(now() - self._since)


@contextlib.contextmanager
def clocks_stopped(sessions: list[PytestSession], began: float) -> Iterator[None]:
    """Stop pytest-timeout and faulthandler_timeout while any thread is inside this context, and the deadline of
    Hypothesis for the calling thread, since `began`."""
    with _clocks.stopped(sessions):
        try:
            yield
        finally:
            with suppressed(Exception):
                _excuse_example(now() - began)


def _excuse_example(seconds: float) -> None:
    """Add `seconds` to what Hypothesis does not count when it compares an example with its deadline."""
    control = sys.modules.get("hypothesis.control")
    if control is not None and control.currently_in_test_context():
        control.current_build_context().data._stateful_run_times["paused"] += seconds


_clocks = _Clocks()


def _stopped(stop: Callable[[PytestSession], _Start], session: PytestSession) -> _Start:
    try:
        return stop(session)
    except Exception as error:  # the test has replaced what this clock uses; the pause matters more
        if by_a_handler(error):
            raise
        return _nothing


def _stop_timer(session: PytestSession) -> _Start:
    """Stop the clock that pytest-timeout has for the test."""
    timer = session.timer
    if timer is None:
        return _nothing
    item, settings, began = timer
    alarm = getattr(signal.getsignal(signal.SIGALRM), "__module__", "") == "pytest_timeout"
    if alarm:
        left = signal.setitimer(signal.ITIMER_REAL, 0)[0]  # which any thread may do
    else:
        left = settings.timeout - (now() - began)
        item.ihook.pytest_timeout_cancel_timer(item=item)
        session.timer = timer

    def start(_: float) -> None:
        if session.timer is not timer or left <= 0:  # the test has ended, or its time was over before
            return
        if alarm:
            signal.setitimer(signal.ITIMER_REAL, left)
        else:
            item.ihook.pytest_timeout_set_timer(item=item, settings=settings._replace(timeout=left))

    return start


def _stop_session(session: PytestSession) -> _Start:
    """Stop the clock that pytest-timeout has for the session, of which it stores only the end."""

    def start(seconds: float) -> None:
        expires = getattr(sys.modules.get("pytest_timeout"), "SESSION_EXPIRE_KEY", None)
        if expires is not None and session.config.stash.get(expires, 0):
            session.config.stash[expires] += seconds

    return start


def _stop_faulthandler(session: PytestSession) -> _Start:
    """Stop the clock of faulthandler_timeout, which dumps all threads and, if configured, ends the process."""
    began = session.item_began
    plugin: Any = session.config.pluginmanager.get_plugin("faulthandler")
    if began is None or plugin is None:
        return _nothing
    timeout = plugin.get_timeout_config_value(session.config)
    if timeout <= 0:
        return _nothing
    left = timeout - (now() - began)
    faulthandler.cancel_dump_traceback_later()

    def start(seconds: float) -> None:
        if session.item_began != began or left <= 0:
            return
        session.item_began = began + seconds
        file = session.config.stash[plugin.fault_handler_stderr_fd_key]
        exit = _exits(plugin, session.config)
        faulthandler.dump_traceback_later(left, file=file, exit=exit)

    return start


def _exits(plugin: Any, config: Any) -> bool:
    exits = getattr(plugin, "get_exit_on_timeout_config_value", None)  # since pytest 9
    return exits is not None and exits(config)


def _nothing(_: float) -> None:
    """Restart nothing: this process has no such clock."""
