"""The pytest plugin. pytest imports it wherever lager is installed; it imports the rest on demand."""

import sys
from typing import Any

import pytest

_PAUSED_SECONDS = "lager.paused_seconds"

sessions: list["PytestSession"] = []  # of this process, each inside the one before it


class PytestSession:
    """The clocks of a pytest session under `lager python`, for its pauses."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.timer: tuple[Any, Any, float] | None = None  # of pytest-timeout: item, settings, and since when
        self.item_began: float | None = None  # for faulthandler_timeout, by the monotonic clock
        self.item: Any = None  # the test that runs
        self._paused = 0.0  # seconds of this phase of the test (setup, call or teardown)
        self._paused_before = 0.0  # seconds of its earlier phases

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> None:
        self.item_began = now()
        self.item = item
        self._paused = self._paused_before = 0.0

    def note_pause(self, seconds: float, **properties: str) -> None:
        """Add a pause to the properties of the test, which JUnit and other reports show. Call it from any thread."""
        if self.item is not None:
            self._paused += seconds
            kept = [one for one in self.item.user_properties if one[0] != _PAUSED_SECONDS]
            total = f"{self._paused_before + self._paused:.3f}"
            kept += [(f"lager.{name}", value) for name, value in properties.items()]
            self.item.user_properties[:] = [*kept, (_PAUSED_SECONDS, total)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Any:
        """Leave the pauses out of the duration of a test."""
        report = yield
        report.duration = max(report.duration - self._paused, 0.0)
        self._paused_before, self._paused = self._paused_before + self._paused, 0.0
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self) -> None:
        self.item_began = None  # from now on faulthandler is silent

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item: Any, settings: Any) -> None:
        self.timer = item, settings, now()

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_cancel_timer(self) -> None:
        self.timer = None


def now() -> float:
    """Return the monotonic time in seconds, even if a test has stopped or replaced its clock."""
    seconds: float = sys._lager_start.monotonic()  # type: ignore[attr-defined]
    return seconds


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "pause a failing test before its teardown, with a console; under lager python -m pytest"
    parser.getgroup("lager").addoption("--lager-pause", action="store_true", help=about)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    if hasattr(sys, "_lager_start"):
        sessions.append(PytestSession(early_config))
        early_config.pluginmanager.register(sessions[-1], "lager-session")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("lager_pause") or "lager.breakpoints.triggers.on_error" in sys.modules:
        from lager.breakpoints.triggers import on_test_failure

        on_test_failure.configure(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    sessions[:] = [session for session in sessions if session.config is not config]
