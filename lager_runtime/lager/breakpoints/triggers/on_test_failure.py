"""Pauses failing tests when pytest reports a failure, before it tears down the fixtures."""

import contextlib
import itertools
import os
import traceback
import unittest
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

import pytest

import lager
from lager.breakpoints import guarded
from lager.inspection.frames.code_owner import is_library, is_ours
from lager.inspection.frames.location import Place
from lager.wording.text import LABEL_LENGTH, first_line, printable

_NO_FAILURES = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception, unittest.SkipTest)
_UNITTEST_END = ("_callTearDown", "_callCleanup", "addUnexpectedSuccess")


def configure(config: pytest.Config) -> None:
    """Pause failing tests from now on, or print why they will not be paused."""
    if not config.getoption("lager_pause"):
        _say_at_start(config, "lager: pytest catches what a test raises; to pause there, add the option --lager-pause.")
    elif not lager.is_run():
        _say_at_start(config, "lager: --lager-pause works only under: lager python -m pytest --lager-pause ...")
    else:
        config.pluginmanager.register(Pauser(), "lager-pause")


def _say_at_start(config: pytest.Config, line: str) -> None:
    """Print a line once, on the terminal of the whole session."""

    class Notice:
        @pytest.hookimpl(trylast=True)
        def pytest_sessionstart(self) -> None:
            reporter = config.pluginmanager.get_plugin("terminalreporter")
            if reporter is not None:
                reporter.write_line(line)

    config.pluginmanager.register(Notice())


class Pauser:
    def __init__(self) -> None:
        self._errors: list[BaseException] = []
        self._raised: BaseException | None = None  # by the test's own code while it was paused

    def pytest_exception_interact(self, node: Any, call: "pytest.CallInfo[Any]") -> None:
        """Pause a test that failed, before its teardown. Skips and expected failures do not get here."""
        told = hasattr(node, "dtest") and call.when == "call"  # a doctest has paused where it failed
        if isinstance(node, pytest.Item) and call.when != "teardown" and call.excinfo is not None and not told:
            self._pause(node, call.excinfo.value)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: Any) -> Iterator[None]:
        """Pause tests that clean up before they report: a unittest.TestCase tears down, a doctest clears its names."""
        with contextlib.ExitStack() as stack:
            for name in ("addError", "addFailure") if hasattr(item, "addFailure") else ():
                stack.enter_context(_replaced(item, name, self._pausing(item, getattr(item, name))))
            for name in ("report_failure", "report_unexpected_exception") if hasattr(item, "dtest") else ():
                stack.enter_context(_replaced(item.runner, name, self._pausing_doctest(item, name)))
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Iterator[None]:
        """Raise what was raised during a pause once the test is torn down: it fails the test, and ends no session."""
        self._errors.clear()
        try:
            return (yield)
        finally:
            raised, self._raised = self._raised, None
            if raised is not None:
                raise raised

    def _pausing(self, item: pytest.Item, add: Callable[..., None]) -> Callable[..., None]:
        def added(testcase: Any, raised: Any) -> None:
            error = raised[1] if isinstance(raised, tuple) else None
            if error is not None and not item.get_closest_marker("xfail"):
                self._pause(item, error)
            add(testcase, raised)

        return added

    def _pausing_doctest(self, item: Any, name: str) -> Callable[..., None]:
        report = getattr(item.runner, name)

        def reported(out: Any, test: Any, example: Any, found: Any) -> None:
            error = found[1] if isinstance(found, tuple) else None
            if not isinstance(error, (*_NO_FAILURES, KeyboardInterrupt)):
                place = Place.of_doctest(test, example).for_error(error)
                self._pause_at(item, place, _failure(error) if error is not None else _difference(example.want, found))
            report(out, test, example, found)

        return reported

    def _pause(self, item: pytest.Item, error: BaseException) -> None:
        """Pause once for each error."""
        raised = error.__traceback__
        if raised is None or _is_no_failure(error, raised) or any(error is known for known in self._errors):
            return
        self._errors.append(error)
        self._pause_at(item, _place(item, raised).for_error(error), _failure(error))

    def _pause_at(self, item: pytest.Item, place: Place, failure: str) -> None:
        """Pause the test; Ctrl-C ends the session. What the test's own code raises meanwhile, as a signal handler may,
        is kept until its teardown."""
        if lager._is_off():
            return
        about = f"lager: {failure}\n"
        try:
            guarded.pause_here(lambda began: _paused(place, item.nodeid, about, began))
        except (KeyboardInterrupt, SystemExit, pytest.exit.Exception):
            raise
        except BaseException as raised:
            self._raised = raised


def _paused(place: Place, label: str, about: str, began: float) -> BaseException | None:
    from lager.breakpoints.pause import pause_at  # slow to import

    return pause_at(place, label, None, True, about=about, began=began)


@contextlib.contextmanager
def _replaced(owner: Any, name: str, by: Callable[..., None]) -> Iterator[None]:
    """Replace an attribute of this one object, which has it from its class."""
    setattr(owner, name, by)
    try:
        yield
    finally:
        delattr(owner, name)


def _failure(error: BaseException) -> str:
    """Return the exception of the test, in one line."""
    if isinstance(error, pytest.FixtureLookupError):
        return f"FixtureLookupError: there is no fixture {printable(error.argname, LABEL_LENGTH)}"
    told = first_line(error, LABEL_LENGTH)
    return f"{type(error).__name__}: {told}" if told else type(error).__name__


def _difference(want: str, got: str) -> str:
    """Return in one line what a doctest printed, from the first line that differs."""
    pairs = itertools.zip_longest(want.splitlines(), got.splitlines())
    differing = next(((one, other) for one, other in pairs if one != other), (want, got))
    return "expected {}, got {}".format(*map(_line, differing))


def _line(text: str | None) -> str:
    return "nothing" if text is None else first_line(text, LABEL_LENGTH // 2) or "an empty line"


def _is_no_failure(error: BaseException, raised: TracebackType) -> bool:
    """Return whether the exception is a skip or similar, or comes from unittest after the test has ended."""
    names = {frame.f_code.co_name for frame, _ in traceback.walk_tb(raised)}
    return isinstance(error, (*_NO_FAILURES, KeyboardInterrupt)) or not names.isdisjoint(_UNITTEST_END)


def _place(item: pytest.Item, raised: TracebackType) -> Place:
    """Return the innermost frame of the test's own code; if there is none, that of the error, or if pytest itself
    raised that, as for a fixture that does not exist, the first line of the test."""
    folders = tuple(f"{folder}{os.sep}" for folder in (item.config.rootpath, item.path.parent))
    stack = [*traceback.walk_tb(raised)]
    own = [at for at, (frame, _) in enumerate(stack) if _is_own(frame, folders)]
    if own:
        return Place(tuple(stack[own[0] : own[-1] + 1]))
    module = getattr(item, "module", None)
    if module is not None and all(_is_of_pytest(frame) for frame, _ in stack):
        path, line, name = item.reportinfo()
        return Place.of_definition(vars(module), str(path), (line or 0) + 1, name)
    return Place.of_error(raised)


def _is_of_pytest(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in ("_pytest", "pluggy", "pytest")


def _is_own(frame: FrameType, folders: tuple[str, ...]) -> bool:
    path = os.path.abspath(frame.f_code.co_filename)
    hidden = "__tracebackhide__" in frame.f_code.co_varnames
    return path.startswith(folders) and not is_library(frame) and not is_ours(frame) and not hidden
