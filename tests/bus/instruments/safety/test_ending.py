"""Which ends of a script are crashes, after which its nets are made safe, and which leave the output as it is."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from lager.errors import InstrumentBusy
from tests.bus.instruments.safe_bench import SafeBench
from tests.bus.instruments.safety.holding import HOLD, claim, told
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, Process


class Ended:
    """Runs a script that switches supply2 on and then ends in this way; tells whether it stays on."""

    def __init__(self, nets: SafeBench, start: Callable[..., Process], script: Callable[[str], str], client: Client):
        self.said = ""
        self._nets, self._start, self._script, self._client = nets, start, script, client

    def __call__(self, end: str, *command: str, opened: str = "") -> bool:
        text = HOLD.replace('"supply")', f'"supply"{opened})').replace("signal.pause()", end)
        with contextlib.closing(self._start(*command, self._script(text))) as process:
            process.out.expect("on\n")
            process.wait()
            self.said = process.err.rest()
        key = self._nets.key()
        with contextlib.suppress(InstrumentBusy):
            os.close(claim(self._client, key, wait=60.0))
        self._client.expect("Released", lambda s: s.args[0] == key)
        return self._nets.is_on()


@pytest.fixture
def ended(nets: SafeBench, start: Starter, script: ScriptWriter, client: Client) -> Ended:
    return Ended(nets, start, script, client)


RUN = (LAGER, "python")
PLAIN = (sys.executable,)
NORMAL = ["supply.close(); supply = None; sys.exit(1)", "pass"]
MORE_NORMAL = [
    "sys.exit(0)", "try:\n    with supply:\n        raise ValueError\nexcept ValueError:\n    pass",
    "supply.close()", "with supply: pass", "del supply", "sys.exit()", "sys.last_value = ValueError()",
    "raise SystemExit(0)", "raise SystemExit",
]  # fmt: skip
CRASH = ["def main():\n    raise ValueError\nmain()", "sys.exit(3)"]
MORE_CRASH = [
    "import os; os._exit(0)", "def main(own):\n    global supply\n    supply = None\n    sys.exit(1)\nmain(supply)",
    "raise ValueError", "raise KeyboardInterrupt", "sys.exit('no')", "import os; os.kill(os.getpid(), signal.SIGTERM)",
    "import os; os.execv('/bin/true', ['true'])", "with supply:\n    raise ValueError",
    "try:\n    with supply:\n        raise ValueError\nexcept ValueError:\n    sys.exit(1)", "raise SystemExit(2)",
]  # fmt: skip
# Without `lager python` the script has to detect more on its own.
PLAIN_NORMAL = ["pass", "sys.exit(0)", "sys.last_value = ValueError(); sys.exit(0)"]
PLAIN_CRASH = ["raise ValueError", "raise KeyboardInterrupt", "sys.exit(3)", "raise SystemExit(2)", "sys.exit(0.0)"]


@pytest.mark.parametrize(
    ("command", "ends"), [(RUN, NORMAL), (PLAIN, PLAIN_NORMAL), (RUN, MORE_NORMAL)], ids=["run", "plain", "more"]
)
def test_a_script_that_ends_normally_leaves_the_output_as_it_is(ended: Ended, command: Any, ends: list[str]) -> None:
    assert [end for end in ends if not ended(end, *command)] == []


@pytest.mark.parametrize(
    ("command", "ends"), [(RUN, CRASH), (PLAIN, PLAIN_CRASH), (RUN, MORE_CRASH)], ids=["run", "plain", "more"]
)
def test_a_script_that_crashes_leaves_its_nets_safe(ended: Ended, command: Any, ends: list[str]) -> None:
    assert [end for end in ends if ended(end, *command)] == []


def test_a_script_whose_parent_is_killed_cannot_tell_how_it_ended(ended: Ended) -> None:
    assert not ended("import os; os.kill(os.getppid(), 9); sys.exit(0)", *RUN)


@pytest.mark.parametrize("ends", [("supply.close()",), ("pass", "sys.exit(0)", "with supply: pass")])
def test_safe_after_always_makes_each_close_of_a_script_safe(
    nets: SafeBench, ended: Ended, lager: Command, ends: tuple[str, ...]
) -> None:
    nets.add(supply2='safe = "off"\nsafe_after = "always"')
    assert [end for end in ends if ended(end, *PLAIN)] == []
    assert lager("supply", "supply2", "enable").returncode == 0
    assert nets.is_on()  # a command is no script


@pytest.mark.parametrize(
    "ends",
    [
        ("supply.close()", "Net.get('dac1', type='dac', off_on_exit=True)"),
        ("pass", "sys.exit(0)", "raise ValueError", "import os; os._exit(0)"),
    ],
)
def test_off_on_exit_needs_nothing_in_the_nets_file(nets: SafeBench, ended: Ended, ends: tuple[str, ...]) -> None:
    nets.add()
    for end in ends:
        assert not ended(end, *PLAIN, opened=", off_on_exit=True"), end
        assert ("dac1 has no safe state" in ended.said) == ("dac1" in end)


def test_a_safe_state_sets_its_values_in_their_order(nets: SafeBench, ended: Ended) -> None:
    nets.add(supply2='safe = {voltage = 0.5, output = "off"}')
    assert not ended("import os; os._exit(0)", *PLAIN)
    assert float(nets.ask("psu1", ":SOUR1:VOLT?")) == pytest.approx(0.5)


def test_what_close_cannot_make_safe_is_left_to_lagerd(
    nets: SafeBench, start: Starter, script: ScriptWriter, client: Client, bench: Process
) -> None:
    nets.add(supply2='safe = "off"\nsafe_after = "always"')
    process = start(
        *PLAIN, script(HOLD.replace("signal.pause()", "sys.stdin.readline(); supply.close()")), stdin=subprocess.PIPE
    )
    process.out.expect("on\n")
    bench.kill(signal.SIGSTOP)
    process.stdin.write(b"\n")
    process.stdin.flush()
    process.err.expect("supply2 could not be made safe")
    bench.kill(signal.SIGCONT)
    told(client, "MadeSafe", nets.key())
    assert not nets.is_on()
