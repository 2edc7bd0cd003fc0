"""Suites of tests in a run."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.bus.pauses.in_tests.pytest_words import PYTEST
from tests.fixtures import ScriptWriter, Starter
from tests.processes import LAGER, Process


@pytest.fixture
def suite(start: Starter, script: ScriptWriter) -> Callable[..., Any]:
    """Run the text of a test file under `lager python -m pytest`."""

    def run(text: str, *options: str, name: str = "test_it.py", **env: str) -> Process:
        return start(LAGER, "python", *PYTEST, *options, script(text, name), **env)

    return run
