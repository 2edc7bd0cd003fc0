"""Pauses of failing tests: pytest tells of a failure while the fixtures of the test still stand."""

import contextlib
import os
import sys
import time
import traceback
import unittest
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

import pytest

import lager
from lager.inspection.location import Place
from lager.text import LABEL_LENGTH, printable

_NO_FAILURES = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception, unittest.SkipTest)
_UNITTEST_TEARDOWN = ("_callTearDown", "_callCleanup")
_LIBRARIES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def configure(config: pytest.Config) -> None:
    """Let failing tests pause, or say why they will not."""
    if not config.getoption("lager_pause"):
        _say_at_start(config, "lager: pytest catches what a test raises; to pause there, add the option --lager-pause.")
    elif "LAGER_PROCESS_ID" not in os.environ:
        _say_at_start(config, "lager: --lager-pause works only under: lager python -m pytest --lager-pause ...")
    else:
        config.pluginmanager.register(Pauser(config), "lager-pause")


def _say_at_start(config: pytest.Config, line: str) -> None:
    """Once, on the terminal of the whole session."""

    class Notice:
        @pytest.hookimpl(trylast=True)
        def pytest_sessionstart(self) -> None:
            reporter = config.pluginmanager.get_plugin("terminalreporter")
            if reporter is not None:
                reporter.write_line(line)

    config.pluginmanager.register(Notice())


class Pauser:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._errors: list[BaseException] = []
        self._timer: tuple[Any, float] | None = None

    def pytest_exception_interact(self, node: Any, call: "pytest.CallInfo[Any]") -> None:
        """A test has failed, as no skip and no xfail does, and is not torn down yet."""
        if isinstance(node, pytest.Item) and call.when != "teardown" and call.excinfo is not None:
            self._pause(node, call.excinfo.value)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """A unittest.TestCase tears down before pytest hears of its failure; it is told of it in time."""
        told = ("addError", "addFailure") if hasattr(item, "addFailure") else ()
        for name in told:
            setattr(item, name, self._pausing(item, getattr(item, name)))
        try:
            return (yield)
        finally:
            for name in told:
                delattr(item, name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        self._errors.clear()

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, settings: Any) -> None:
        self._timer = settings, time.monotonic()

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_cancel_timer(self) -> None:
        self._timer = None

    def _pausing(self, item: pytest.Item, add: Callable[..., None]) -> Callable[..., None]:
        def added(testcase: Any, raised: Any) -> None:
            error = raised[1] if isinstance(raised, tuple) else None
            if isinstance(error, Exception | pytest.fail.Exception) and not item.get_closest_marker("xfail"):
                self._pause(item, error)
            add(testcase, raised)

        return added

    def _pause(self, item: pytest.Item, error: BaseException) -> None:
        """Pause once for each error; Ctrl-C ends the session."""
        raised = error.__traceback__
        if raised is None or _is_no_failure(error, raised) or any(error is known for known in self._errors):
            return
        self._errors.append(error)
        try:
            if lager._is_off():
                return
            with self._timer_stopped(item), self._terminal():
                from lager.breakpoints.pause import say, stand  # which takes a while

                say(f"lager: {_failure(error)}\n")
                stand(_place(item, raised), item.nodeid, None, True)
        except Exception as problem:
            lager._complain(problem)

    @contextlib.contextmanager
    def _terminal(self) -> Iterator[None]:
        """Standard error as it was before pytest captured it, at the beginning of a line."""
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        with capture.global_and_fixture_disabled() if capture is not None else contextlib.nullcontext():
            if hasattr(self._config, "workerinput"):
                sys.stderr.write("\n")  # a worker of xdist can only guess what its terminal shows
            elif reporter is not None:
                reporter.ensure_newline()
                if self._config.get_terminal_writer().width_of_current_line:
                    reporter.write_line("")
                reporter.flush()
            yield

    @contextlib.contextmanager
    def _timer_stopped(self, item: pytest.Item) -> Iterator[None]:
        """The pause does not count for pytest-timeout, neither for the test nor for the session."""
        began, timer = time.monotonic(), self._timer
        if timer is not None:
            item.ihook.pytest_timeout_cancel_timer(item=item)
        try:
            yield
        finally:
            if timer is not None and (left := timer[0].timeout - (began - timer[1])) > 0:
                item.ihook.pytest_timeout_set_timer(item=item, settings=timer[0]._replace(timeout=left))
            expires = getattr(sys.modules.get("pytest_timeout"), "SESSION_EXPIRE_KEY", None)
            if expires is not None and self._config.stash.get(expires, 0):
                self._config.stash[expires] += time.monotonic() - began


def _failure(error: BaseException) -> str:
    """What the test raised, in one line."""
    told = printable(error, LABEL_LENGTH).partition("\\n")[0]
    return f"{type(error).__name__}: {told}" if told else type(error).__name__


def _is_no_failure(error: BaseException, raised: TracebackType) -> bool:
    """Whether it is a skip or the like, or comes from what unittest calls to tear down."""
    names = {frame.f_code.co_name for frame, _ in traceback.walk_tb(raised)}
    return isinstance(error, _NO_FAILURES) or not names.isdisjoint(_UNITTEST_TEARDOWN)


def _place(item: pytest.Item, raised: TracebackType) -> Place:
    """The innermost frame of the test's own code, below the first one; where there is none, that of the error."""
    folders = tuple(f"{folder}{os.sep}" for folder in (item.config.rootpath, item.path.parent))
    stack = [*traceback.walk_tb(raised)]
    own = [at for at, (frame, _) in enumerate(stack) if _is_own(frame, folders)]
    return Place(tuple(stack[own[0] : own[-1] + 1])) if own else Place.of_error(raised)


def _is_own(frame: FrameType, folders: tuple[str, ...]) -> bool:
    path = os.path.abspath(frame.f_code.co_filename)
    hidden = "__tracebackhide__" in frame.f_code.co_varnames
    return path.startswith(folders) and not any(library in path for library in _LIBRARIES) and not hidden
