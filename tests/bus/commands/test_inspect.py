"""Inspecting a paused script over the bus, without attaching."""

import json
import os
import signal
from typing import Any

import pytest

from lager.errors import AmbiguousId, Failed, InvalidArgument, NoSuchBreakpoint
from tests.client import Client
from tests.fixtures import Starter

SCRIPT = """
import lager, os, threading
class Hangs:
    def __repr__(self):
        threading.Event().wait()
def work(hangs, readings):
    os.chdir("/")
    lager.pause("look")  # here
work(Hangs(), {"adc1": 1.25})
print("went on")
"""


@pytest.fixture
def paused(run: Starter, client: Client) -> Any:
    process: Any = run(SCRIPT)
    process.details = client.paused()
    return process


def inspect(client: Client, id: str, **options: Any) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(client.call("Inspect", "sa{sv}", id, options))
    return shown


def test_a_look_at_a_pause_without_a_console(paused: Any, client: Client) -> None:
    id = paused.details["id"]
    look = inspect(client, id[:6], context=1)
    assert [(line["line"], line["text"], line["here"]) for line in look["source"]] == [
        (7, '    os.chdir("/")', False),
        (8, '    lager.pause("look")  # here', True),
        (9, 'work(Hangs(), {"adc1": 1.25})', False),
    ]
    assert [(frame["function"], frame["line"]) for frame in look["stack"]] == [("<module>", 9), ("work", 8)]
    assert look["variables"] == [
        {"name": "hangs", "type": "Hangs", "value": "<Hangs whose repr hangs>", "kind": "variable"},
        {"name": "readings", "type": "dict", "value": "{'adc1': 1.25}", "kind": "variable"},
    ]
    assert look["frames_left_out"] == look["variables_left_out"] == 0
    client.call("Continue", "s", id)
    assert paused.out.rest() == "went on\n"


def test_options_limit_how_much_is_shown(paused: Any, client: Client) -> None:
    id = paused.details["id"]
    assert [line["here"] for line in inspect(client, id, context=0)["source"]] == [True]
    assert len(inspect(client, id, context=1 << 31)["source"]) == 10
    assert inspect(client, id, context="all", width=4)["variables"][1]["value"] == "{'a…"
    client.call("Continue", "s", id)


def test_which_pause_is_meant(run: Starter, client: Client) -> None:
    run("import lager, threading\nfor _ in '12': threading.Thread(target=lager.pause).start()\n")
    run_id = {client.paused()["run_id"], client.paused()["run_id"]}.pop()
    with pytest.raises(AmbiguousId, match="That run has 2 pauses"):
        inspect(client, run_id)
    with pytest.raises(NoSuchBreakpoint):
        inspect(client, "ffff")
    with pytest.raises(InvalidArgument):
        client.call("Inspect", "s", run_id)
    client.call("Continue", "s", run_id)


@pytest.mark.variant
def test_a_script_that_is_stopped_gives_a_refusal(paused: Any, client: Client) -> None:
    id, pid = paused.details["id"], paused.details["pid"]
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(Failed, match=f"The script of {id} cannot be inspected: it did not answer within"):
        inspect(client, id)
    os.kill(pid, signal.SIGCONT)
    client.call("Continue", "s", id)
    assert paused.wait() == 0
