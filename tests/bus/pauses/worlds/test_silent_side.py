"""An error names the side that did not answer: the script, which has ended or is blocked, or lagerd."""

import os
import re
import signal

import pytest

from lager.errors import Failed

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
    asking = start("lager", "breakpoints", "show", id)
    process.out.expect("asked")
    if resumed:
        client.call("Continue", "s", id)
    said = asking.err.rest()
    assert re.search(rf"The script( of {id})? ended before it answered\. See what ran: lager runs", said), said
    assert "lagerd" not in said


HOLDS_THE_LOCK = "ctypes.PyDLL(None).sleep(8)"


@pytest.mark.parametrize("command", [("breakpoints", "show"), ("python", "--console")])
def test_a_script_that_holds_the_interpreter_is_said_to_be_silent(run, client, start, command):
    process = run(SLOW.format(then=HOLDS_THE_LOCK))
    id = client.paused()["id"]
    first = start("lager", "breakpoints", "show", id)
    process.out.expect("asked")
    said = start("lager", *command, id).err.rest()
    assert re.search(rf"The script of {id} cannot .*: it did not answer within 5 s\. .* interpreter lock", said), said
    assert "lagerd" not in said
    first.wait()


def test_a_script_that_is_stopped_is_said_to_be_silent(run, client, lager):
    run(SLOW.format(then=HOLDS_THE_LOCK))
    pause = client.paused()
    os.kill(pause["pid"], signal.SIGSTOP)
    with pytest.raises(
        Failed, match=rf"The script of {pause['id']} cannot be inspected: it did not .*: ps {pause['pid']}"
    ):
        client.call("Inspect", "sa{sv}", pause["id"], {})


HELD_UP = """
import asyncio, ctypes
from lager import pause
from lager.breakpoints.carrier import Carrier
from lager.daemon.daemon_client import DaemonClient

hold = lambda: ctypes.PyDLL(None).sleep({seconds})  # with the interpreter's lock
{patch}
pause("here", timeout=1)
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


def test_a_script_that_blocked_itself_before_its_pause_was_accepted_says_so(run):
    process = run(HELD_UP.format(seconds=6, patch=BEFORE_LAGERD_HEARD))
    process.out.expect("goes on")
    said = process.err.rest()
    assert "cannot pause here" in said
    assert "The script was stopped, or a call in it held Python's interpreter lock" in said
    assert "lagerd does not answer" not in said


def test_a_script_that_blocked_itself_until_the_timeout_reads_what_lagerd_said(run):
    process = run(HELD_UP.format(seconds=6, patch=WHILE_IT_WAITS))
    process.out.expect("goes on")
    said = process.err.rest()
    assert "timed out" in said
    assert "lagerd did not answer" not in said


def test_a_script_that_blocked_itself_still_gets_the_exception_of_on_timeout(run):
    text = HELD_UP.format(seconds=6, patch=WHILE_IT_WAITS).replace("timeout=1", "timeout=1, on_timeout='raise'")
    process = run(text)
    assert process.wait() == 1
    assert "PauseTimeout" in process.err.rest()
