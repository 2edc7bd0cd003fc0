"""Leases through a real lagerd: one holder, an ordered queue, and the kernel that decides when a lease ends."""

import asyncio
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from lager.bus.facade import Bus
from lager.bus.received import Call, Signal
from lager.errors import AccessDenied, InstrumentBusy, InvalidArgument, NoSuchInstrument
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import PATIENCE, Process
from tests.station import Station

INSTRUMENTS = "com.lager.Instruments"
PATH = "/com/lager/Instruments"
HOLD = """
import os, sys
from lager.instruments.lease import claim
lease = claim("KEY", net="net1", name="psu", wait=float(os.environ.get("WAIT", "0")))
print("holding", flush=True)
sys.stdin.readline()
lease.release()
print("released", flush=True)
sys.stdin.readline()
"""
# Each of many processes: wait, write its own number, read it back, let go.
TURNS = """
import os, sys
from lager.instruments.lease import claim
shared = sys.argv[1]
def turn():
    lease = claim("KEY", net="", wait=100)
    number = str(os.getpid())
    with open(shared, "w") as file:
        file.write(number)
    with open(shared) as file:
        assert file.read() == number
    with open(shared + ".order", "a") as file:
        file.write(number + "\\n")
    lease.release()
for n in range(200):
    if os.fork() == 0:
        turn()
        sys.exit(0)
sys.exit(any(os.wait()[1] for n in range(200)))
"""


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return "k" + str(abs(hash(request.node.nodeid)))


@pytest.fixture
def hold(start: Starter, script: ScriptWriter, key: str) -> Callable[..., Any]:
    """Start a process that holds the instrument."""

    def holder(text: Any = HOLD, **env: Any) -> Process:
        name = script(text.replace("KEY", key), f"hold{len(os.listdir())}.py")
        return start(sys.executable, name, stdin=subprocess.PIPE, **env)

    return holder


def leases(client: Client) -> dict[str, dict[str, Any]]:
    return {lease["instrument"]: lease for lease in client.call("List", name=INSTRUMENTS)}


def claim(client: Client, key: str, **details: Any) -> int:
    lock: int = client.call("Claim", "sa{sv}", key, details, name=INSTRUMENTS)
    return lock


def released(client: Client, key: str) -> str:
    return str(client.expect("Released", lambda s: s.args[0] == key).args[1])


def queued(client: Client, key: str) -> int:
    """Return the pid of the next waiter."""
    return int(client.expect("Queued", lambda s: s.args[0] == key).args[1]["pid"])


def say(process: Any, line: Any = "\n") -> None:
    process.stdin.write(line.encode())
    process.stdin.flush()


def test_one_holder_until_it_releases(hold: Callable[..., Any], client: Client, key: str) -> None:
    process = hold()
    process.out.expect("holding")
    lease = leases(client)[key]
    assert (lease["name"], lease["net"], lease["uid"], lease["pid"]) == ("psu", "net1", os.getuid(), process.pid)
    with pytest.raises(InstrumentBusy, match=r"psu is held by .*net net1.*--wait"):
        claim(client, key)
    say(process)
    process.out.expect("released")
    assert released(client, key) == "released"
    os.close(claim(client, key))
    assert released(client, key) == "gone"


def test_a_lease_that_its_holder_has_unlocked_is_not_listed(client: Client, key: str) -> None:
    """This is the state just before lagerd is told of a release."""
    lease = claim(client, key)
    assert key in leases(client)
    fcntl.flock(lease, fcntl.LOCK_UN)
    assert key not in leases(client)
    os.close(lease)
    assert released(client, key) == "gone"


def test_kill_9_of_the_holder_frees_it_within_100_ms_and_leaves_no_file(
    hold: Callable[..., Any], own_station: Station, client: Client, key: str
) -> None:
    process = hold()
    process.out.expect("holding")
    began = time.monotonic()
    process.kill()
    assert released(client, key) == "gone"
    assert time.monotonic() - began < 0.5  # five times the aim, for a machine that does other things besides
    assert key not in leases(client)
    assert os.listdir(own_station.folder / "lager" / "leases") == []


def test_ctrl_c_during_a_grant_leaves_the_instrument_to_the_next(
    start: Starter, script: ScriptWriter, key: str
) -> None:
    text = """
        import signal
        from lager.instruments.lease import claim
        from lager.daemon.daemon_client import DaemonClient
        run = DaemonClient.run
        def interrupted(client, work):
            run(client, work)
            signal.raise_signal(signal.SIGINT)
        DaemonClient.run = interrupted
        try:
            claim("KEY", net="net1")
        except KeyboardInterrupt:
            print("interrupted")
        DaemonClient.run = run
        claim("KEY", net="net1", wait=10)
        print("holding")
    """
    process = start(sys.executable, script(dedent(text).replace("KEY", key)))
    assert process.out.rest() == "interrupted\nholding\n"


def test_a_grant_at_the_end_of_the_wait_leaks_no_descriptor(station: Station) -> None:
    reader, writer = os.pipe()

    async def call() -> None:
        giver, taker = [await Bus.connect(station.address) for _ in range(2)]

        class Gives:
            def dispatch(self, call: Call) -> None:
                with giver.together():
                    call.reply("h", 0, fds=[writer])
                    giver.emit("/com/lager", "com.lager.Test", "Enough", "", to=call.sender)

        giver.serve(Gives())
        calling = asyncio.ensure_future(taker.call(giver.name, "/com/lager", "Give", interface="com.lager.Test"))

        def stop(_: Signal) -> None:
            calling.cancel()

        taker.listen("Enough", stop, of=giver.name)
        done, _ = await asyncio.wait([calling], timeout=PATIENCE)
        if not done.pop().cancelled():  # the two came apart
            os.close(calling.result()[0])
        taker.close()
        giver.close()

    asyncio.run(call())
    os.set_blocking(reader, False)
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_forked_child_holds_nothing(hold: Callable[..., Any], client: Client, key: str) -> None:
    """Neither after its parent has released nor after its parent was killed."""
    text = HOLD.replace('print("holding"', "child = os.fork()\nif child == 0:\n    signal.pause()\nprint('holding'")
    process = hold("import signal" + text)
    process.out.expect("holding")
    say(process)
    process.out.expect("released")
    assert released(client, key) == "released"
    other = hold("import signal" + text)
    other.out.expect("holding")
    other.kill()
    assert released(client, key) == "gone"
    os.close(claim(client, key))


@pytest.mark.variant
def test_a_child_with_a_copy_of_the_descriptor_holds_nothing_when_its_parent_dies(
    hold: Callable[..., Any], client: Client, key: str
) -> None:
    text = HOLD.replace("lease = claim(", "lease = _claim(").replace(
        "from lager.instruments.lease import claim",
        "import signal\nfrom lager.instruments.lease import claim\n"
        "def _claim(*a, **k):\n"
        "    lease = claim(*a, **k)\n"
        "    copy = os.dup(lease._fd)\n"
        "    if os.fork() == 0:\n"
        "        signal.pause()\n"
        "    return lease\n",
    )
    process = hold(text)
    process.out.expect("holding")
    process.kill()
    process.wait()
    assert released(client, key) == "gone"
    os.close(claim(client, key))


def test_a_script_that_executes_another_program_releases_its_instruments(
    hold: Callable[..., Any], client: Client, key: str
) -> None:
    process = hold(HOLD.replace("lease.release()", "os.execvp('sleep', ['sleep', '600'])"))
    process.out.expect("holding")
    say(process)
    assert released(client, key) == "gone"
    assert process.popen.poll() is None
    os.close(claim(client, key))


@pytest.mark.parametrize("times", [1, 3])
def test_a_script_that_executes_itself_again_is_not_refused_by_its_own_lease(
    hold: Callable[..., Any], times: int
) -> None:
    process = hold(HOLD.replace("lease.release()", "os.execv(sys.executable, [sys.executable, *sys.argv])"))
    for _ in range(times):
        process.out.expect("holding")
        say(process)
    process.out.expect("holding")


ALL_INHERITABLE = (
    "[os.set_inheritable(int(fd), True) for fd in os.listdir('/dev/fd') if os.path.exists('/dev/fd/' + fd)]"
)


@pytest.mark.variant
def test_a_script_with_inheritable_descriptors_keeps_no_lease_as_another_program(
    hold: Callable[..., Any], client: Client, key: str
) -> None:
    becomes = f"{ALL_INHERITABLE}; os.execvp('sleep', ['sleep', '600'])"
    process = hold(HOLD.replace("lease.release()", becomes))
    process.out.expect("holding")
    say(process)
    assert released(client, key) == "gone"
    assert process.popen.poll() is None
    os.close(claim(client, key))


@pytest.mark.parametrize(
    "child",
    [
        f"{ALL_INHERITABLE}; subprocess.run(LOOK, close_fds=False)",
        f"{ALL_INHERITABLE}; os.waitpid(os.posix_spawn(LOOK[0], LOOK, os.environ), 0)",
        f"{ALL_INHERITABLE}; os.system(shlex.join(LOOK))",
        "subprocess.run(LOOK, close_fds=False)",
        "os.waitpid(os.posix_spawn(LOOK[0], LOOK, os.environ), 0)",
        "subprocess.run(LOOK, pass_fds=[1])",
        "os.system(shlex.join(LOOK))",
        "subprocess.run(LOOK, close_fds=False, preexec_fn=lambda: None)",
    ],
)
def test_no_program_that_a_script_starts_gets_a_copy_of_a_lease(hold: Callable[..., Any], child: str) -> None:
    text = HOLD.replace("lease.release()", child + "\nlease.release()")
    process = hold("import shlex, subprocess\nLOOK = ['/bin/ls', '-l', '/proc/self/fd']\n" + text)
    process.out.expect("holding")
    say(process)
    said = process.out.expect("released")
    assert "/proc/" in said
    assert "/leases/" not in said


def test_a_restart_of_lagerd_keeps_leases_and_notices_their_end(
    hold: Callable[..., Any], own_station: Station, client: Client, key: str
) -> None:
    process = hold()
    process.out.expect("holding")
    own_station.kill_lagerd()
    own_station.start_lagerd()
    lease = leases(client)[key]
    assert (lease["name"], lease["net"], lease["pid"]) == ("psu", "net1", process.pid)
    with pytest.raises(InstrumentBusy):
        claim(client, key)
    process.kill()
    assert released(client, key) == "gone"


@pytest.mark.variant
def test_an_instrument_whose_holder_died_while_lagerd_was_down_is_free(
    hold: Callable[..., Any], own_station: Station, client: Client, key: str
) -> None:
    process = hold()
    process.out.expect("holding")
    own_station.kill_lagerd()
    process.kill()
    process.wait()
    own_station.start_lagerd()
    assert leases(client) == {}
    os.close(claim(client, key))


def test_the_queue_survives_lagerd(hold: Callable[..., Any], own_station: Station, client: Client, key: str) -> None:
    first = hold()
    first.out.expect("holding")
    second = hold(WAIT="60")
    assert queued(client, key) == second.pid
    assert leases(client)[key]["waiting"] == 1
    own_station.kill_lagerd()
    own_station.start_lagerd()
    say(first)
    second.out.expect("holding")


def test_a_wait_that_times_out_says_who_holds_the_instrument(client: Client, key: str) -> None:
    fd = claim(client, key, name="psu")
    began = time.monotonic()
    with pytest.raises(InstrumentBusy, match="psu is held by"):
        claim(client, key, wait=0.2)
    assert time.monotonic() - began >= 0.2
    os.close(fd)


def test_a_dead_waiter_is_skipped(hold: Callable[..., Any], client: Client, station: Station, key: str) -> None:
    first = hold()
    first.out.expect("holding")
    second = hold(WAIT="60")
    third = Client(station.address)
    waiting = third.start(
        third.bus.call(INSTRUMENTS, "/com/lager/Instruments", "Claim", "sa{sv}", key, {"wait": 60.0}, timeout=70)
    )
    assert {queued(client, key), queued(client, key)} == {second.pid, os.getpid()}
    second.kill()
    second.wait()
    say(first)
    os.close(waiting.result(20)[0])
    third.close()


@pytest.mark.variant
def test_the_refusal_names_the_pause_and_how_to_open_its_console(
    run: Starter, client: Client, lager: Command, key: str
) -> None:
    text = (
        "from lager import pause\nfrom lager.instruments.lease import claim\n"
        f"lease = claim({key!r}, net='adc1', name='daq1')\npause('look at it', interactive=True, timeout=60)\n"
    )
    run(text)
    pause = client.paused()
    with pytest.raises(InstrumentBusy) as refusal:
        claim(client, key)
    said = str(refusal.value)
    for part in ("daq1", pause["user"], "script.py", "adc1", "script.py:4 (look at it)", "for another"):
        assert part in said
    assert said.endswith(f"lager python --console {pause['id']}")
    assert client.list()[0]["instruments"] == ["daq1"]
    assert leases(client)[key]["pauses"] == [pause["id"]]
    client.call("Continue", "s", pause["id"])


@pytest.mark.parametrize("bad", ["", "../x", "a/b", ".", "..", ".hidden", "x" * 101, "a b", "\n", "ä"])
def test_an_invalid_key_is_refused(client: Client, bad: str) -> None:
    with pytest.raises(InvalidArgument):
        claim(client, bad)


@pytest.mark.parametrize("wrong", [{"wait": -1.0}, {"wait": float("nan")}, {"wait": "1"}, {"net": 3}])
def test_invalid_details_are_refused(client: Client, key: str, wrong: Any) -> None:
    with pytest.raises(InvalidArgument):
        claim(client, key, **wrong)


def test_only_the_holder_releases_and_what_is_denied_is_logged(
    hold: Callable[..., Any], own_station: Station, client: Client, key: str
) -> None:
    hold().out.expect("holding")
    with pytest.raises(AccessDenied):
        client.call("Release", "s", key, name=INSTRUMENTS)
    assert f"(uid {os.getuid()}) was denied: Release: psu is held by" in own_station.lagerd.err.expect(
        "in another process"
    )
    with pytest.raises(NoSuchInstrument):
        client.call("Release", "s", "nothing-of-the-kind", name=INSTRUMENTS)


def test_the_lease_is_a_lock_that_cannot_be_written(client: Client, key: str) -> None:
    fd = claim(client, key)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(fd, b"x")
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


@pytest.mark.slow
def test_two_hundred_processes_take_turns_in_order(
    start: Starter, script: ScriptWriter, client: Client, tmp_path: Path, key: str
) -> None:
    """Never two hold it at once, none starves, and they are served in the order of their claims."""
    gate = claim(client, key)
    everyone = start(sys.executable, script(TURNS.replace("KEY", key)), str(tmp_path / "shared"))
    came = [queued(client, key) for _ in range(200)]
    os.close(gate)
    assert everyone.wait(60) == 0, everyone.err.rest()
    assert [int(line) for line in (tmp_path / "shared.order").read_text().split()] == came


@pytest.mark.parametrize("claims", [40, 300])
def test_continuous_looks_never_make_a_claim_fail(client: Client, station: Station, key: str, claims: int) -> None:
    """The watcher looks as often as it can; a claim without a wait meets a look again and again."""
    watcher, counts = Client(station.address), {"looks": 0, "met": 0}

    async def look(over: asyncio.Event) -> None:
        while not over.is_set():
            try:
                fd = (await watcher.bus.call(INSTRUMENTS, PATH, "Claim", "sa{sv}", key, {"look": True}))[0]
            except InstrumentBusy:
                counts["met"] += 1
                continue
            await asyncio.sleep(0)
            await watcher.bus.call(INSTRUMENTS, PATH, "Release", "s", key)
            os.close(fd)
            counts["looks"] += 1

    async def event() -> asyncio.Event:
        return asyncio.Event()

    over = watcher.do(event())
    looking = watcher.start(look(over))
    try:
        for _ in range(claims):
            fd = claim(client, key)
            client.call("Release", "s", key, name=INSTRUMENTS)
            os.close(fd)
    finally:

        async def end() -> None:
            over.set()

        watcher.do(end())
        looking.result(PATIENCE)
        watcher.close()
    assert counts["looks"] > 10


def test_a_look_at_a_held_instrument_is_refused_at_once_and_sends_no_signal(client: Client, key: str) -> None:
    fd = claim(client, key)
    assert client.expect("Claimed").args[0] == key
    with pytest.raises(InstrumentBusy):
        claim(client, key, look=True, wait=30.0)
    client.call("Release", "s", key, name=INSTRUMENTS)
    os.close(fd)
    assert released(client, key) == "released"
    os.close(claim(client, key, look=True))
    os.close(claim(client, key))
    assert client.expect("Claimed").args[1]["look"] is False
