"""`lager breakpoints show`: everything about one pause, without attaching."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client import NAME, PATH, Client
from tests.fixtures import Command, Starter, TerminalStarter
from tests.processes import LAGER

SCRIPT = """
import lager, os
class Evil:
    def __repr__(self): return "\\x1b[2J" * 100
def work(evil, readings):
    os.chdir("/")
    lager.pause("look \\x1b[2J", interactive=True, on_timeout="raise")  # here
work(Evil(), {"adc1": 1.25})
"""
HOLDS = """
from lager import Net, NetType, pause
adc1 = Net.get("adc1", type=NetType.ADC)
supply = Net.get("supply2", type=NetType.PowerSupply)
pause("holding", timeout=0)
"""


@pytest.fixture
def paused(run: Starter, client: Client) -> Iterator[dict[str, Any]]:
    run(SCRIPT)
    pause = client.paused()
    yield pause
    client.call("Continue", "s", pause["id"])


def test_show_prints_everything(paused: dict[str, Any], lager: Command, client: Client) -> None:
    shown = lager("breakpoints", "show", paused["id"][:4])
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\x1b" not in shown.stdout
    head, source, stack, variables = shown.stdout.split("\n\n")
    assert head.startswith(
        paused["id"] + r"  look \x1b[2J" + "\n  where     script.py:7 in work\n  script    script.py\n"
    )
    assert f"\n  process   {paused['pid']} of {paused['user']}, thread MainThread\n" in head
    assert "\n  time left 4m" in head or "\n  time left 5m00s" in head
    assert "s, then raise\n  holds     no instrument\n  consoles  none open" in head
    assert '\n-> 7      lager.pause("look' in source
    assert '\n   8  work(Evil(), {"adc1": 1.25})' in source
    assert stack.splitlines()[1:4:2] == ["  script.py:8 in <module>", "  script.py:7 in work"]
    assert stack.splitlines()[2] == '    work(Evil(), {"adc1": 1.25})'
    evil, readings = variables.splitlines()[1:]
    assert evil.startswith(r"  evil      Evil  \x1b[2J")
    assert readings == "  readings  dict  {'adc1': 1.25}"
    assert client.list()[0]["consoles"] == 0


def test_show_prints_json(paused: dict[str, Any], lager: Command) -> None:
    look = json.loads(lager("breakpoints", "show", paused["run_id"], "--json").stdout)
    assert paused.keys() - look.keys() == set()
    assert look["variables"][1] == {"name": "readings", "type": "dict", "value": "{'adc1': 1.25}", "kind": "variable"}
    assert [frame["function"] for frame in look["stack"]] == ["<module>", "work"]
    assert (look["on_timeout"], look["leases"], look["attached"]) == ("raise", [], [])


@pytest.mark.usefixtures("bench")
def test_the_instruments_and_their_nets(run: Starter, client: Client, lager: Command) -> None:
    run(HOLDS)
    pause = client.paused()
    shown = lager("breakpoints", "show", pause["id"]).stdout
    assert "\n  holds     daq1 (net adc1), psu1 (net supply2)\n" in shown
    assert "\n  time left no limit\n" in shown
    assert "consoles" not in shown.partition("Source")[0]
    assert "  modules, functions, classes: Net, NetType, pause\n" in shown
    nets = shown.split("\n\n")[1].splitlines()
    assert nets[0] == "Nets"
    assert nets[1].startswith("  adc1  0")
    assert nets[2:4] == ["  supply2 (channel 1)", "    output   off"]
    seen = json.loads(lager("breakpoints", "show", pause["id"], "--json").stdout)["nets"]
    assert [(one["net"], one["type"]) for one in seen] == [("adc1", "adc"), ("supply2", "supply")]
    assert seen[1]["state"]["enabled"] is False
    client.call("Continue", "s", pause["id"])


def test_show_names_the_attached_users(paused: dict[str, Any], lager: Command, start: Starter) -> None:
    console = start("/bin/sh", "-c", f"(echo 'print(42)'; sleep 600) | lager python --console {paused['id']}")
    console.out.expect("42\n")
    assert f"\n  consoles  {paused['user']}\n" in lager("breakpoints", "show", paused["id"]).stdout


def test_show_without_an_answer_of_the_script(client: Client, lager: Command) -> None:
    details = {"id": "0123abcd", "label": "by hand"}
    standing = client.start(client.bus.call(NAME, PATH, "Pause", "a{sv}", details, timeout=None))
    client.paused()
    shown = lager("breakpoints", "show", "0123")
    assert shown.returncode == 0
    assert shown.stdout.startswith("0123abcd  by hand\n")
    assert "Source" not in shown.stdout
    assert shown.stderr.startswith("lager: There is no object")
    assert json.loads(lager("breakpoints", "show", "0123", "--json").stdout)["label"] == "by hand"
    client.call("Continue", "s", "0123abcd")
    assert standing.result() == ["continued"]


def test_show_of_an_unknown_pause(lager: Command) -> None:
    shown = lager("breakpoints", "show", "ffff")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert "No paused script has the id 'ffff'" in shown.stderr


def test_show_fits_into_80_columns(paused: dict[str, Any], terminal: TerminalStarter) -> None:
    screen = terminal(LAGER, "breakpoints", "show", paused["id"])
    assert screen.wait() == 0
    assert max(len(line) for line in screen.screen.text.splitlines()) <= 80
