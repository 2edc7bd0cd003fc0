"""What the tests of safe states share."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.bus.instruments.safe_bench import SafeBench
from tests.bus.instruments.safety.holding import HOLD
from tests.fixtures import ScriptWriter, Starter
from tests.processes import Process


@pytest.fixture
def holder(nets: SafeBench, start: Starter, script: ScriptWriter) -> Callable[..., Any]:
    """Start a script that holds supply2 with its output on."""

    def begin(text: str = HOLD, *before: str) -> Process:
        process = start(*before, sys.executable, script(text))
        process.out.expect("on\n")
        assert nets.is_on()
        return process

    return begin
