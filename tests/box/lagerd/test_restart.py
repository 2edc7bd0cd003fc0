"""lagerd ends in many ways, and no pause is lost."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.box.container import COMMAND_SECONDS, Box
from tests.box.people import NAME, PATH, Journal, call, configured, held, listed, paused, stands, start, write_scripts

TOGETHER = 10
UNIT = "--unit=lagerd.service"
INSTRUMENTS = [f"psu{number}" for number in range(5)]


@pytest.fixture(scope="module")
def crowd(box: Box) -> Iterator[list[Any]]:
    """Ten scripts of two users, all paused, and five of them with an instrument."""
    wanted = [*INSTRUMENTS, *[""] * (TOGETHER - len(INSTRUMENTS))]
    call(box, "root", "ContinueAll")  # a script that another test has killed may still be paused
    with contextlib.ExitStack() as stack:
        started = [start(box, ("alice", "bob")[n % 2], 3000, holding=name) for n, name in enumerate(wanted)]
        for process, _ in started:
            stack.enter_context(process)
        yield [stands(one) for one in started]
        call(box, "root", "ContinueAll")


@pytest.fixture
def same(box: Box, crowd: list[Any]) -> Iterator[None]:
    """Check that all scripts and instruments are paused or held after the test as before it, with the same timeouts."""
    # The time is taken right behind the list, as it is behind the second one.
    before, at, leases = listed(box), time.monotonic(), held(box)
    assert before.keys() >= {script.id for script in crowd}
    assert sorted(leases) == INSTRUMENTS
    yield
    after, passed = listed(box), time.monotonic() - at
    assert held(box) == leases
    assert after.keys() == before.keys()
    for id, pause in after.items():
        assert pause["remaining"] == pytest.approx(before[id]["remaining"] - passed, abs=1.0)
        assert pause["since"] == pytest.approx(before[id]["since"], abs=0.01)


@contextlib.contextmanager
def started_anew(box: Box) -> Iterator[None]:
    """Inside, something ends lagerd; at the end systemd has restarted it, without a call."""
    first = main_pid(box)
    yield
    ends = time.monotonic() + COMMAND_SECONDS
    while (now := states(box))["ActiveState"] != "active" or now["MainPID"] in (str(first), "0"):
        assert time.monotonic() < ends, now
        time.sleep(0.05)


def states(box: Box) -> dict[str, str]:
    shown = box.run("systemctl", "show", "--property=MainPID,ActiveState,SubState,Result", "lagerd").stdout
    return dict(line.split("=", 1) for line in shown.splitlines())


def main_pid(box: Box) -> int:
    return int(states(box)["MainPID"])


@pytest.mark.usefixtures("same")
def test_pauses_survive_a_restart_of_lagerd(box: Box) -> None:
    box.run("systemctl", "restart", "lagerd")


@pytest.mark.variant
@pytest.mark.usefixtures("same")
def test_pauses_survive_kill_9_of_lagerd(box: Box) -> None:
    with started_anew(box):
        box.run("kill", "-KILL", main_pid(box))


@pytest.mark.usefixtures("same")
def test_systemd_never_gives_up_a_crash_loop(box: Box) -> None:
    """Nor the sockets, of which one starts with each lagerd: without it nothing is made safe after a crash."""
    for _ in range(6):  # systemd's own limit is five in ten seconds
        with started_anew(box):
            box.run("kill", "-SEGV", main_pid(box))
    sockets = ("lager-safe.socket", "lager-start.socket")
    assert box.run("systemctl", "is-active", *sockets, check=False).stdout.split() == ["active"] * 2


@pytest.fixture
def impatient(box: Box) -> Iterator[None]:
    """Set the watchdog to expire after a second."""
    drop_in = box.write("/run/systemd/system/lagerd.service.d/watchdog.conf", "[Service]\nWatchdogSec=1\n")
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", "lagerd")
    yield
    box.run("rm", drop_in)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", "lagerd")


@pytest.mark.usefixtures("impatient", "same")
def test_the_watchdog_catches_a_blocked_loop(box: Box) -> None:
    journal = Journal(box, UNIT)
    with started_anew(box):
        box.run("kill", "-STOP", main_pid(box))
        journal.until("Watchdog timeout")


@pytest.mark.usefixtures("same")
def test_after_a_stop_scripts_wait_until_lagerd_is_started_again(box: Box, crowd: list[Any]) -> None:
    box.run("systemctl", "stop", "lagerd")
    assert [script.process.popen.poll() for script in crowd] == [None] * TOGETHER
    assert box.run("systemctl", "is-active", "lagerd", check=False).stdout == "inactive\n"
    box.run("systemctl", "start", "lagerd")


def test_a_command_starts_a_lagerd_that_was_stopped_and_resumes(box: Box) -> None:
    with (script := paused(box, "alice")).process:
        box.run("systemctl", "stop", "lagerd")
        box.run("lager", "continue", script.id, user="bob")
        script.goes_on()
    assert box.run("systemctl", "is-active", "lagerd").stdout == "active\n"


def test_without_lagerd_a_script_resumes_at_its_own_timeout(box: Box) -> None:
    with (script := paused(box, "alice", timeout=3)).process:
        box.run("systemctl", "stop", "lagerd")
        assert "lagerd did not answer" in script.goes_on()
    box.run("systemctl", "start", "lagerd")


def test_a_restart_adds_no_second_record_of_a_pause(box: Box, crowd: list[Any]) -> None:
    box.run("journalctl", "--sync")
    said = box.run("journalctl", "--output=cat", f"LAGER_BREAKPOINT={crowd[0].id}").stdout
    assert said.count("paused at") == 1


def test_the_status_line_counts_pauses_and_instruments(box: Box, crowd: list[Any]) -> None:
    listed(box)
    said = box.run("systemctl", "show", "--property=StatusText", "--value", "lagerd").stdout
    assert said == f"{TOGETHER} paused, {len(INSTRUMENTS)} instruments held\n"


def test_a_second_lagerd_says_so_and_leaves_the_first_alone(box: Box) -> None:
    first = main_pid(box)
    done = box.run("lagerd", check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Another lagerd is already running" in done.stderr
    assert main_pid(box) == first


def default_timeout(box: Box) -> str:
    return box.run("busctl", "get-property", NAME, PATH, NAME, "DefaultTimeout").stdout


def test_an_invalid_configuration_prevents_the_start_and_the_status_says_why(box: Box) -> None:
    box.run("systemctl", "stop", "lagerd")
    with configured(box, "default_timeout = 'soon'\nlimit = 3\n", reload=False):
        assert box.run("systemctl", "start", "lagerd", check=False).returncode != 0
        status = box.run("systemctl", "status", "lagerd", check=False).stdout
        assert "default_timeout must be a number of seconds, 0 or more, not 'soon'" in status
        assert "did you mean limits?" in status
        assert box.run("systemctl", "is-failed", "lagerd").stdout == "failed\n"
    box.run("systemctl", "start", "lagerd")


def test_a_reload_reads_the_configuration_and_ignores_an_invalid_one(box: Box) -> None:
    journal = Journal(box, UNIT)
    with configured(box, "default_timeout = 12\n"):
        journal.until("Reloaded the configuration")
        assert default_timeout(box) == "d 12\n"
    journal.until("Reloaded the configuration")
    with configured(box, "default_timeout = -1\n"):
        journal.until("default_timeout must be .* remains in effect")
        assert default_timeout(box) == "d 300\n"


@pytest.mark.slow
def test_without_journald_scripts_still_pause_and_resume(own_box: Box) -> None:
    """In a box of its own: systemd itself may wait for its journal then, and with it all that follows."""
    box = own_box
    sockets = ("systemd-journald.socket", "systemd-journald-dev-log.socket")
    box.run("systemctl", "stop", *sockets, "systemd-journald.service")
    try:
        for _ in range(2):
            with (script := paused(box, "alice")).process:
                call(box, "bob", "Continue", "s", script.id)
                script.goes_on()
            box.run("systemctl", "restart", "lagerd")
    finally:
        box.run("systemctl", "start", *sockets, "systemd-journald.service")
    with (script := paused(box, "alice", timeout=0.01)).process:
        script.goes_on()
    box.run("journalctl", "--sync")
    assert "resumed automatically" in box.run("journalctl", "--output=cat", f"LAGER_BREAKPOINT={script.id}").stdout


def test_on_a_full_disk_scripts_still_pause_and_resume(box: Box) -> None:
    write_scripts(box)
    box.run("sh", "-c", "head -c 1G /dev/zero > /filler", check=False)
    used = box.run("df", "--output=used", "/run").stdout.split()[1]
    box.run("mount", "-o", f"remount,size={used}k", "/run")
    try:
        assert box.run("sh", "-c", "echo > /var/x; echo x > /run/x", check=False).returncode != 0
        with (script := paused(box, "alice")).process:
            call(box, "bob", "Continue", "s", script.id)
            script.goes_on()
    finally:
        box.run("mount", "-o", "remount,size=50%", "/run")
        box.run("rm", "/filler")


@pytest.mark.slow
def test_a_box_whose_jobs_take_long_still_answers(box: Box) -> None:
    """systemd reports such a job three times a second from its fifth second on, to whoever started the box."""
    box.run("systemd-run", "--property=Type=oneshot", "sleep", "15")
    assert box.run("systemctl", "show", "--property=NFailedUnits", timeout=20).stdout
