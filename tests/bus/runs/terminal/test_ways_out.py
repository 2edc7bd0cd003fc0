"""The ways in which a pause ends, with real processes: Enter, the command, busctl, timeout, a kill, Ctrl-C."""

import asyncio
import os
import queue
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from lager.errors import InvalidArgument, NoSuchBreakpoint
from tests.client import NAME, PATH, Client
from tests.fixtures import Command, ScriptWriter, Starter, TerminalStarter
from tests.patterns import search
from tests.processes import LAGER, PATIENCE
from tests.station import Station

ONE = "import lager\nlager.pause('why not')\nprint('went on')\n"
TWO = "import lager\nlager.pause('first')\nprint('between')\nlager.pause('second')\nprint('went on')\n"


def test_the_banner_names_everything(run: Starter, client: Client) -> None:
    process = run(ONE)
    pause = client.paused()
    shown = process.err.expect("  timeout ")
    assert "paused at script.py:2 in <module> - why not" in shown
    assert f"lager python --continue {pause['id']}" in shown
    assert "Enter" not in shown
    assert "--console" not in shown
    process.err.expect("resumes in 5m00s")
    client.call("ContinueAll")
    assert process.wait() == 0


def test_the_banner_names_the_box_and_the_console(start: Starter, script: ScriptWriter, client: Client) -> None:
    process = start(LAGER, "--here", "python", script("breakpoint()\n"), LAGER_BOX="bench7")
    id = client.paused()["id"]
    process.err.expect(f"lager python --continue {id} --box bench7")
    process.err.expect(f"lager python --console {id} --box bench7")
    client.call("Continue", "s", id)


def test_continue_from_another_terminal(run: Starter, client: Client, lager: Command) -> None:
    process = run(ONE)
    id = client.paused()["id"]
    done = lager("python", "--continue", id[:4])
    assert (done.returncode, done.stdout) == (0, f"Resumed {id}.\n")
    reason, by = client.resumed(id)
    assert (reason, by["how"], by["uid"]) == ("continued", "cli", os.getuid())
    process.err.expect(f"{id} resumed by {by['user']} with lager python --continue")
    assert process.out.rest() == "went on\n"
    assert process.wait() == 0


def test_busctl_continues(run: Starter, client: Client, station: Station) -> None:
    process = run(ONE)
    id = client.paused()["id"]
    busctl = shutil.which("busctl")
    assert busctl, "busctl is not installed"
    command = [busctl, f"--address={station.address}", "call", NAME, PATH, NAME, "Continue", "s", id]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    assert answer == f's "{id}"\n'
    assert client.resumed(id)[1]["how"] == "bus"
    process.err.expect("over D-Bus")
    assert process.wait() == 0


def test_an_automatic_resume_is_reported(run: Starter, client: Client) -> None:
    process = run("import lager, time\nt = time.monotonic()\nlager.pause(timeout=0.3)\nprint(time.monotonic() - t)\n")
    id = client.paused()["id"]
    assert client.resumed(id) == ("timeout", {})
    process.err.expect(f"{id} resumed automatically: timed out")
    assert 0.3 <= float(process.out.rest()) < 5


@pytest.mark.parametrize(
    ("argument", "variable", "expected"),
    [("", "", 300), ("timeout=7", "", 7), ("", "20", 20), ("timeout=7", "20", 7), ("timeout=0", "20", 0), ("", "0", 0)],
)
def test_the_timeout_comes_from_the_call_the_variable_or_the_box(
    run: Starter, client: Client, argument: str, variable: str, expected: int
) -> None:
    run(f"import lager\nlager.pause({argument})\n", LAGER_BREAKPOINT_TIMEOUT=variable)
    pause = client.paused()
    assert pause["timeout"] == expected
    assert expected - 5 < pause["remaining"] <= expected
    client.call("Continue", "s", pause["id"])


@pytest.mark.variant
def test_the_banner_of_a_pause_without_a_timeout_says_so(run: Starter, client: Client) -> None:
    process = run("import lager\nlager.pause(timeout=0)\n")
    process.err.expect("waits until it is resumed")
    client.call("Continue", "s", client.paused()["id"])


def test_enter_resumes_a_pause(terminal: TerminalStarter, client: Client, script: ScriptWriter) -> None:
    screen = terminal(LAGER, "python", script(ONE))
    screen.expect("press Enter")
    id = client.paused()["id"]
    screen.type("\r")
    screen.expect("with Enter")
    screen.expect("went on")
    assert client.resumed(id)[1]["how"] == "enter"
    assert screen.wait() == 0


@pytest.mark.variant
def test_who_reads_the_enter_has_said_so_before_it_hears_of_a_pause(
    start: Starter, own_station: Station, terminal: TerminalStarter, script: ScriptWriter
) -> None:
    # Else an Enter that comes at once is recorded as a call over D-Bus.
    monitor = start("dbus-monitor", "--address", own_station.address, "type='method_call'")
    monitor.out.expect("member=NameLost")  # it only listens from here on
    screen = terminal(LAGER, "python", script(ONE))
    caller = search(r"sender=(\S+) [^\n]*member=Identify", monitor.out.expect("member=Identify"))[1]
    assert f"sender={caller} " in monitor.out.expect("member='Paused'")
    screen.expect("press Enter")
    screen.type("\r")
    screen.expect("with Enter")
    assert screen.wait() == 0


@pytest.mark.variant
def test_a_second_enter_typed_ahead_resumes_nothing(
    terminal: TerminalStarter, client: Client, script: ScriptWriter
) -> None:
    screen = terminal(LAGER, "python", script(TWO))
    first = client.paused()["id"]
    screen.expect("  timeout ")
    screen.type("\r\r")
    assert client.resumed(first)[0] == "continued"
    screen.expect("between")
    second = client.paused()["id"]
    screen.expect("  timeout ")
    assert [pause["id"] for pause in client.list() if pause["id"] in (first, second)] == [second]
    screen.type("\r")
    assert client.resumed(second)[1]["how"] == "enter"
    assert screen.wait() == 0


def test_the_script_gets_its_own_lines(terminal: TerminalStarter, script: ScriptWriter) -> None:
    text = "import lager\nprint('got', input('before? '))\nlager.pause()\nprint('got', input('after? '))\n"
    screen = terminal(LAGER, "python", script(text))
    screen.expect("before? ")
    screen.type("one\r")
    screen.expect("got one")
    screen.expect("  timeout ")
    screen.type("\r")
    screen.expect("after? ")
    screen.type("two\r")
    screen.expect("got two")
    assert screen.wait() == 0


def test_text_does_not_resume_a_pause(terminal: TerminalStarter, client: Client, script: ScriptWriter) -> None:
    screen = terminal(LAGER, "python", script(ONE))
    screen.expect("  timeout ")
    screen.type("x = 1\r")
    screen.expect("press Enter on an empty line to resume")
    screen.type("\x04\r")
    screen.expect("went on")


def test_in_the_background_it_is_not_stopped_and_reads_nothing(
    terminal: TerminalStarter, client: Client, script: ScriptWriter, tmp_path: Path
) -> None:
    """An interactive shell with job control: the run is put into the background, pauses, and comes to the front."""
    script(ONE)
    screen = terminal("/bin/bash", "--norc", "--noprofile", "-i", PS1="$ ", TERM="dumb")
    screen.expect("$ ")
    screen.type("lager python script.py &\r")
    id = client.paused()["id"]
    screen.expect("  timeout ")
    screen.type("\r")
    screen.type("echo the shell got that; jobs\r")
    screen.expect("\nthe shell got that")
    screen.expect("Running")
    assert id in [pause["id"] for pause in client.list()]
    screen.type("fg\r")
    screen.expect("lager python script.py\n")
    screen.type("\r")
    screen.expect("went on")
    assert client.resumed(id)[1]["how"] == "enter"
    screen.type("exit\r")
    screen.wait()


@pytest.mark.variant
def test_stopped_with_ctrl_z_and_brought_back(terminal: TerminalStarter, client: Client, script: ScriptWriter) -> None:
    script(ONE)
    screen = terminal("/bin/bash", "--norc", "--noprofile", "-i", PS1="$ ", TERM="dumb")
    screen.expect("$ ")
    screen.type("lager python script.py\r")
    screen.expect("  timeout ")
    screen.type("\x1a")
    screen.expect("Stopped")
    screen.type("fg\r")
    screen.expect("lager python script.py\n")
    screen.type("\r")
    screen.expect("went on")
    screen.type("exit\r")
    screen.wait()


def test_ctrl_c_reaches_the_script_and_its_finally(
    terminal: TerminalStarter, client: Client, script: ScriptWriter
) -> None:
    text = "import lager\ntry:\n    lager.pause()\nfinally:\n    print('put away')\n"
    screen = terminal(LAGER, "python", script(text))
    id = client.paused()["id"]
    screen.expect("  timeout ")
    screen.type("\x03")
    screen.expect("put away")
    screen.expect("KeyboardInterrupt")
    assert client.resumed(id)[0] == "interrupted"
    assert screen.wait() == 130


def test_an_interrupt_right_behind_the_first_pause_of_a_process_ends_it(
    client: Client, station: Station, until_the_end: ExitStack
) -> None:
    """While lagerd asks the bus who the caller is, the script stops waiting."""
    other = until_the_end.enter_context(closing(Client(station.address)))

    async def pause_and_interrupt() -> str:
        with other.bus.together():
            pause = other.bus.call(NAME, PATH, "Pause", "a{sv}", {"id": "1badcafe", "timeout": 100.0}, timeout=PATIENCE)
            answer = asyncio.ensure_future(pause)
            await asyncio.sleep(0)
            other.bus.post(NAME, PATH, "Interrupt", "s", "1badcafe")
        return str((await answer)[0])

    assert other.do(pause_and_interrupt()) == "interrupted"
    assert client.resumed("1badcafe")[0] == "interrupted"


def test_what_a_script_said_before_it_ended_is_heard_before_its_end(
    client: Client, own_station: Station, until_the_end: ExitStack
) -> None:
    """Even if it sent much more, and lagerd was busy and reads everything at once."""
    other = Client(own_station.address)
    pausing = other.start(other.bus.call(NAME, PATH, "Pause", "a{sv}", {"id": "1badcafe"}, timeout=None))
    assert client.paused()["id"] == "1badcafe"
    owners: queue.SimpleQueue[str] = queue.SimpleQueue()
    client.do(client.bus.follow(other.bus.name, owners.put))
    assert owners.get(timeout=PATIENCE) == other.bus.name
    own_station.lagerd.kill(signal.SIGSTOP)
    until_the_end.callback(own_station.lagerd.kill, signal.SIGCONT)

    async def say_much() -> None:
        for _ in range(9):
            other.bus.post(NAME, PATH, "Touch", "sua{sv}", "1badcafe", 1, {})
        other.bus.post(NAME, PATH, "Interrupt", "s", "1badcafe")
        await other.bus.flush()

    other.do(say_much())
    other.close()
    pausing.cancel()
    assert owners.get(timeout=PATIENCE) == ""
    own_station.lagerd.kill(signal.SIGCONT)
    assert client.resumed("1badcafe")[0] == "interrupted"


def test_sigint_to_the_command_reaches_the_script_once(start: Starter, script: ScriptWriter, client: Client) -> None:
    text = "import lager, time\ntry:\n    lager.pause()\nexcept KeyboardInterrupt:\n    print('once')\n"
    process = start(LAGER, "python", script(text))
    client.paused()
    process.kill(signal.SIGINT)
    process.out.expect("once")
    assert "KeyboardInterrupt" not in process.err.rest()


def test_kill_9_of_the_script_ends_its_pause_within_100_ms(run: Starter, client: Client) -> None:
    process = run(ONE)
    pause = client.paused()
    began = time.monotonic()
    os.kill(pause["pid"], signal.SIGKILL)
    assert client.resumed(pause["id"]) == ("gone", {})
    assert time.monotonic() - began < 0.1 * 5  # five times, for a machine that does other things besides
    assert pause["id"] not in [one["id"] for one in client.list()]
    assert process.wait() == 128 + signal.SIGKILL


def test_continue_all_and_a_whole_run(run: Starter, client: Client, lager: Command) -> None:
    text = "import lager, threading\n[threading.Thread(target=lager.pause, args=(n,)).start() for n in range(3)]\n"
    process = run(text)
    run_id = {client.paused()["run_id"] for _ in range(3)}
    assert len(run_id) == 1
    assert lager("python", "--continue", run_id.pop()).returncode == 0
    assert process.wait() == 0


@pytest.mark.variant
def test_a_late_continue_finds_nothing(run: Starter, client: Client) -> None:
    process = run(ONE)
    id = client.paused()["id"]
    client.call("Continue", "s", id)
    assert process.wait() == 0
    with pytest.raises(NoSuchBreakpoint, match="lager breakpoints"):
        client.call("Continue", "s", id)


def test_extend_adds_and_holds(run: Starter, client: Client, lager: Command) -> None:
    run("import lager\nlager.pause(timeout=50)\n")
    id = client.paused()["id"]
    assert 145 < client.call("Extend", "sd", id, 100.0) <= 150
    assert lager("python", "--extend", id, "0").stdout == f"{id} waits until it is resumed.\n"
    assert client.call("Extend", "sd", id, 0.0) == 0
    assert "10s left" in lager("python", "--extend", id, "10").stdout
    assert "1h30m left" in lager("python", "--extend", id, "1h30m").stdout
    with pytest.raises(InvalidArgument):
        client.call("Extend", "sd", id, -1.0)
    client.call("Continue", "s", id)


@pytest.mark.variant
def test_the_countdown_is_that_of_lagerd(run: Starter, client: Client) -> None:
    """A pause that is extended outlives its first deadline, on the script's side too."""
    process = run("import lager\nlager.pause(timeout=3)\n")
    id = client.paused()["id"]
    client.call("Extend", "sd", id, 5.0)
    (time_left,) = [pause["remaining"] for pause in client.list() if pause["id"] == id]
    assert time_left > 4
    client.call("Continue", "s", id)
    assert client.resumed(id)[0] == "continued"
    assert process.wait() == 0


def test_a_terminal_that_goes_away_ends_the_run_that_leads_its_session(
    terminal: TerminalStarter, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(
        "import signal\n"
        "try:\n"
        "    print('up', flush=True)\n"
        "    signal.pause()\n"
        "finally:\n"
        "    with open('told', 'w') as file:\n"
        "        file.write('hung up')\n"
    )
    os.mkfifo(tmp_path / "told")
    one = terminal(LAGER, "python", "script.py")
    one.expect("up\n")  # all of it, for a terminal that is gone takes no more
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), one.screen.fd)
    assert (tmp_path / "told").read_text() == "hung up"
