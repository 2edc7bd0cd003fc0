"""The option `pytest --lager-pause`: pytest imports this wherever lager is installed, and the rest when it is used."""

import sys

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "pause a failing test before its teardown, with a console; under lager python -m pytest"
    parser.getgroup("lager").addoption("--lager-pause", action="store_true", help=about)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("lager_pause") or "lager.breakpoints.on_error" in sys.modules:
        from lager.breakpoints import on_test_failure

        on_test_failure.configure(config)
