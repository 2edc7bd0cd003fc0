"""Every command of the README does what the README says."""

import os
import re
from pathlib import Path

import pytest

from tests.client import Client
from tests.fixtures import Command, Starter, TerminalStarter
from tests.processes import LAGER, Process
from tests.station import Station

ROOT = Path(__file__).parents[4]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^\$ (.*?)(?:\s+#.*)?$", README, re.MULTILINE)
# What is run elsewhere: the set-up by whoever runs these tests, the box and the way to it by their own tests.
ELSEWHERE = {
    "make demo",
    "make test",
    ". .venv/bin/activate",
    "sudo python3 -m venv /opt/lager && sudo /opt/lager/bin/pip install .",
    "sudo /opt/lager/bin/lagerd install && sudo systemctl start lagerd",
    "sudo adduser anna lager",
    "lager boxes add bench3 anna@bench3.example.com",
    "lager boxes check",
    "lager python examples/inspect_bench.py --box bench3",
    "lager breakpoints --box bench3,bench4",
}


@pytest.mark.usefixtures("bench")
def test_the_story_from_pause_to_end(
    station: Station,
    client: Client,
    start: Starter,
    terminal: TerminalStarter,
    lager: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    os.symlink(ROOT / "examples", tmp_path / "examples")
    told = [command for command in COMMANDS if command not in ELSEWHERE]
    first = told.pop(0).split()
    assert first[0] == "lager"
    screen = terminal(LAGER, *first[1:])
    screen.expect("before the pause: {'adc1': 0.0, 'adc2': 0.0, 'adc3': 0.0}")
    pause = client.paused()
    screen.expect("paused at ")
    shown = screen.expect("resumes in 5m00s")
    for line in ("before the load test", f"press Enter, or: lager python --continue {pause['id']}"):
        assert line in shown
    printed = {}
    for command in told:
        words, stdin = _parsed(command.replace("7f3a19e2", pause["id"]))
        done = lager(*words, stdin=stdin)
        printed[command.split("7f3a")[0].strip()] = (done.returncode, done.stdout, done.stderr)
    assert pause["id"] in printed["lager breakpoints"][1]
    assert printed["lager adc adc4"][0] == 0
    code, _, refused = printed["lager adc adc1"]
    assert code == 75
    assert refused.endswith(f"with --through, or use its console: lager python --console {pause['id']}\n")
    assert printed["lager adc adc1 --through"][1] == f"3.29998 V, through {pause['id']}\n"
    assert printed["echo 'read_adcs()' | lager python --console"][1] == "{'adc1': 3.3, 'adc2': 0.0, 'adc3': 3.1}\n"
    assert printed["lager python --continue"][1] == f"Resumed {pause['id']}.\n"
    screen.expect("with lager python --continue")
    screen.expect("after the pause:  {'adc1': 3.3, 'adc2': 0.0, 'adc3': 3.1}")
    assert screen.wait() == 0


def _parsed(command: str) -> tuple[list[str], str]:
    """The arguments of the lager in `command`, and what is echoed into it."""
    echoed = re.fullmatch(r"echo '(.*)' \| lager (.*)", command)
    if echoed:
        return echoed[2].split(), echoed[1] + "\n"
    assert command.startswith("lager "), f"not run by any test: {command}"
    return command.split()[1:], ""


def test_the_program_in_the_readme_runs(run: Starter, client: Client, bench: Process) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    process = run(program)
    client.call("Continue", "s", client.paused()["id"])
    assert process.wait() == 0
    assert len(process.out.rest().splitlines()) == 2
