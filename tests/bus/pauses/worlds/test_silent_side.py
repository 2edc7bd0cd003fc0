"""An error names the side that did not answer: the script, which has ended or is blocked, or lagerd."""

import os
import re
import signal
from typing import Any

import pytest

from lager.errors import Failed
from tests.processes import LAGER, ended

SLOW = """
import ctypes, os, sys, threading
from lager import pause
import lager.inspection.snapshot as snapshot

async def look(*_, **__):
    print("asked", flush=True)
    {then}

snapshot.taken = look
pause("here, to be asked", timeout=600, interactive=True)
"""
ENDS = {
    "it goes on and ends": ("from lager.daemon import daemon_client; await daemon_client.asyncio.sleep(600)", True),
    "it is killed": ("os.kill(os.getpid(), 9)", False),
    "it leaves at once": ("os._exit(0)", False),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_script_that_ends_while_it_is_asked_is_said_to_have_ended(
    run: Any, client: Any, start: Any, how: Any
) -> None:
    then, resumed = ENDS[how]
    process = run(SLOW.format(then=then))
    id = client.paused()["id"]
    asking = start(LAGER, "breakpoints", "show", id)
    process.out.expect("asked")
    if resumed:
        client.call("Continue", "s", id)
    said = asking.err.rest()
    assert re.search(rf"The script( of {id})? ended before it answered\. See what ran: lager runs", said), said
    assert "lagerd" not in said


HOLDS_THE_LOCK = "ctypes.PyDLL(None).sleep(60)"
HELD_UP = """
import asyncio, ctypes
from lager import pause
from lager.breakpoints.carrier import Carrier
from lager.daemon.daemon_client import DaemonClient

hold = lambda: ctypes.PyDLL(None).usleep({blocked})  # with the interpreter's lock
{patch}
pause("here", timeout=0.1)
print("goes on", flush=True)
"""
BEFORE_LAGERD_HEARD = """
lagerd = DaemonClient.lagerd
async def held(client, patience):
    hold()
    await asyncio.sleep(0)
    await lagerd(client, patience)
DaemonClient.lagerd = held
"""
WHILE_IT_WAITS = """
paused = Carrier._paused
def held(carrier, standing, details):
    paused(carrier, standing, details)
    hold()
Carrier._paused = held
"""
# Longer than the timeout, and the time that a script gives to a lagerd which is silent then.
BLOCKED = 5_400_000  # microseconds


@pytest.fixture
def blocked(start: Any, script: Any) -> Any:
    """Scripts that block themselves at a moment of their pause."""
    before = HELD_UP.format(blocked=BLOCKED, patch=BEFORE_LAGERD_HEARD)
    until = HELD_UP.format(blocked=BLOCKED, patch=WHILE_IT_WAITS)
    raising = until.replace("timeout=0.1", "timeout=0.1, on_timeout='raise'")
    texts = {"before lagerd accepted the pause": before, "until the timeout": until, "with on_timeout": raising}
    return {
        when: start(LAGER, "python", script(text, f"blocked{number}.py"))
        for number, (when, text) in enumerate(texts.items())
    }


def test_a_script_that_is_silent_is_named_and_lagerd_is_not_blamed(
    blocked: Any, run: Any, client: Any, start: Any
) -> None:
    """All are silent at the same time, since each question and each pause gives up only after some seconds."""
    holding, stopped = (paused_here(run, client) for _ in range(2))
    os.kill(stopped[1]["pid"], signal.SIGSTOP)
    id = holding[1]["id"]
    asking = [start(LAGER, "breakpoints", "show", id)]
    holding[0].out.expect("asked")
    asking += [start(LAGER, *words, id) for words in (("breakpoints", "show"), ("python", "--console"))]
    id_, pid = stopped[1]["id"], stopped[1]["pid"]
    with pytest.raises(Failed, match=rf"The script of {id_} cannot be inspected: it did not .*: ps {pid}"):
        client.call("Inspect", "sa{sv}", id_, {})
    for process in asking:
        said = process.err.rest()
        assert re.search(rf"The script of {id} cannot .*: it did not answer within 5 s\. .* interpreter lock", said)
        assert "lagerd" not in said
    check_blocked({when: ended(process) for when, process in blocked.items()})


def paused_here(run: Any, client: Any) -> Any:
    """A script that will hold the interpreter when it is asked, and its pause."""
    process = run(SLOW.format(then=HOLDS_THE_LOCK))
    while (pause := client.paused())["label"] != "here, to be asked":
        pass
    return process, pause


def check_blocked(said: Any) -> None:
    code, out, err = said["before lagerd accepted the pause"]
    assert (code, out) == (0, "goes on\n")
    assert "cannot pause here" in err
    assert "The script was stopped, or a call in it held Python's interpreter lock" in err
    assert "lagerd does not answer" not in err
    code, out, err = said["until the timeout"]
    assert (code, out) == (0, "goes on\n")
    assert "timed out" in err
    assert "lagerd did not answer" not in err
    code, _, err = said["with on_timeout"]
    assert (code, "PauseTimeout" in err) == (1, True)
