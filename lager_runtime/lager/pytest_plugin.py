"""What pytest hears of lager: it imports this wherever lager is installed, and the rest when it is used."""

import os
import sys
import time
from typing import Any

import pytest

sessions: list["Session"] = []  # those that run in this process, each inside of the one before it


class Session:
    """What a pause needs to know of a session of pytest under lager python."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.timer: tuple[Any, Any, float] | None = None  # of pytest-timeout: item, settings, and since when
        self.item_began: float | None = None  # for faulthandler_timeout, by the monotonic clock

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> None:
        self.item_began = time.monotonic()

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self) -> None:
        self.item_began = None  # from here on faulthandler is silent

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item: Any, settings: Any) -> None:
        self.timer = item, settings, time.monotonic()

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_cancel_timer(self) -> None:
        self.timer = None


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "pause a failing test before its teardown, with a console; under lager python -m pytest"
    parser.getgroup("lager").addoption("--lager-pause", action="store_true", help=about)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    if "LAGER_PROCESS_ID" in os.environ:
        sessions.append(Session(early_config))
        early_config.pluginmanager.register(sessions[-1], "lager-session")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("lager_pause") or "lager.breakpoints.on_error" in sys.modules:
        from lager.breakpoints import on_test_failure

        on_test_failure.configure(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    sessions[:] = [session for session in sessions if session.config is not config]
