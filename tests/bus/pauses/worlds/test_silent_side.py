"""An error names the side that did not answer: the script, which has ended or is blocked, or lagerd."""

import os
import re
import signal

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
pause("here", timeout=600, interactive=True)
"""
ENDS = {
    "it goes on and ends": ("from lager.daemon import daemon_client; await daemon_client.asyncio.sleep(600)", True),
    "it is killed": ("os.kill(os.getpid(), 9)", False),
    "it leaves at once": ("os._exit(0)", False),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_script_that_ends_while_it_is_asked_is_said_to_have_ended(run, client, start, how):
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


def test_a_script_that_holds_the_interpreter_or_is_stopped_is_said_to_be_silent(run, client, start):
    """All are asked at the same time, since lagerd gives each five seconds."""
    holding = run(SLOW.format(then=HOLDS_THE_LOCK))
    id = client.paused()["id"]
    run(SLOW.format(then=HOLDS_THE_LOCK))
    stopped = client.paused()
    os.kill(stopped["pid"], signal.SIGSTOP)
    asking = [start(LAGER, "breakpoints", "show", id)]
    holding.out.expect("asked")
    asking += [start(LAGER, *words, id) for words in (("breakpoints", "show"), ("python", "--console"))]
    with pytest.raises(
        Failed, match=rf"The script of {stopped['id']} cannot be inspected: it did not .*: ps {stopped['pid']}"
    ):
        client.call("Inspect", "sa{sv}", stopped["id"], {})
    for process in asking:
        said = process.err.rest()
        assert re.search(rf"The script of {id} cannot .*: it did not answer within 5 s\. .* interpreter lock", said)
        assert "lagerd" not in said


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


def test_a_script_that_blocked_itself_does_not_blame_lagerd(start, script):
    """All are blocked at the same time."""
    before = HELD_UP.format(blocked=BLOCKED, patch=BEFORE_LAGERD_HEARD)
    until = HELD_UP.format(blocked=BLOCKED, patch=WHILE_IT_WAITS)
    raising = until.replace("timeout=0.1", "timeout=0.1, on_timeout='raise'")
    texts = {"before lagerd accepted the pause": before, "until the timeout": until, "with on_timeout": raising}
    runs = {
        when: start(LAGER, "python", script(text, f"script{number}.py"))
        for number, (when, text) in enumerate(texts.items())
    }
    said = {when: ended(process) for when, process in runs.items()}
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
