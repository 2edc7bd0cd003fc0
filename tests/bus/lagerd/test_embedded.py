"""The embedded daemon of a user without a box: the first command starts it, all share it, and it ends when idle."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lager.bus import address
from lager.contract import NETS_FILE
from tests import needs
from tests.bus.lagerd.home import Home, a_home
from tests.client import Client
from tests.processes import BIN, IMPATIENT, LAGER, PATIENCE

STARTED = "started an embedded one"

pytestmark = pytest.mark.skipif(
    any(os.path.exists(path) for path in (*address._INSTALLED, NETS_FILE)),
    reason="lagerd is installed on this machine, so no command starts an embedded one",
)


@pytest.fixture
def home() -> Iterator[Home]:
    with a_home() as one:
        yield one


@pytest.fixture(scope="module")
def begun() -> Iterator[tuple[Home, "subprocess.CompletedProcess[str]"]]:
    """A home for the tests that leave the embedded daemon running, and what its first command said. Its folder has an
    odd name and the socket of a daemon that was killed."""
    with a_home("a b&c") as one:
        one.folder.mkdir(mode=0o700)
        (one.folder / "bus").touch()
        yield one, one.lager("breakpoints")


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Starts the embedded daemon of the test's own home, if it has one."""
    home = request.getfixturevalue("home") if "home" in request.fixturenames else request.getfixturevalue("begun")[0]
    assert home.lager("breakpoints").returncode == 0
    client = Client(home.address)
    yield client
    client.close()


shared = pytest.mark.xdist_group("embedded")  # else each worker starts one


KEEPER, BROKER, LAGERD = "-m lagerd --embedded", "dbus-daemon*", "-m lagerd"


def killed(home: Home, named: str) -> None:
    [pid] = home.pids(named=named)
    os.kill(pid, signal.SIGKILL)


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@shared
def test_the_first_command_starts_it_and_says_so(begun: "tuple[Home, subprocess.CompletedProcess[str]]") -> None:
    home, first = begun
    assert (first.returncode, first.stdout) == (0, "No script is paused.\n")
    assert STARTED in first.stderr
    assert first.stderr.count("\n") == 1
    second = home.lager("breakpoints")
    assert (second.returncode, second.stdout, second.stderr) == (0, "No script is paused.\n", "")
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert len(home.pids(named=KEEPER)) == len(home.pids(named=BROKER)) == len(home.pids(named=LAGERD)) == 1


def test_simultaneous_commands_start_one_embedded_lagerd(home: Home) -> None:
    several = [home.start(LAGER, "breakpoints") for _ in range(4)]
    assert [one.out.rest() for one in several] == ["No script is paused.\n"] * 4
    assert [one.wait() for one in several] == [0] * 4
    [broker] = home.pids(named=BROKER)
    for keeper in home.pids(named=KEEPER):
        if keeper != parent(broker):  # one that came too late, and is on its way out
            home.until_gone(keeper)
    assert len(home.pids(named=KEEPER)) == len(home.pids(named=BROKER)) == len(home.pids(named=LAGERD)) == 1


def test_the_embedded_bus_ends_when_idle(home: Home) -> None:
    home.env["LAGER_EMBEDDED_IDLE"] = "1"
    assert home.lager("breakpoints").returncode == 0
    with closing(Client(home.address)) as client:  # so that it is not idle until the script pauses
        process = home.script(timeout=1.6)
        client.paused()
    process.err.expect("resumed automatically: timed out, after ")
    assert process.out.rest() == "went on\n"
    assert process.wait() == 0
    home.until_all_are_gone()
    assert not (home.folder / "bus").exists()
    again = home.lager("breakpoints")
    assert again.returncode == 0
    assert STARTED in again.stderr


@shared
def test_a_pause_survives_a_crash_of_lagerd(
    begun: "tuple[Home, subprocess.CompletedProcess[str]]", client: Client
) -> None:
    home = begun[0]
    process = home.script()
    pause = client.paused()
    killed(home, LAGERD)
    assert client.paused()["id"] == pause["id"]
    assert home.lager("python", "--continue").stdout == f"Resumed {pause['id']}.\n"
    assert process.out.rest() == "went on\n"


@shared
def test_a_command_that_starts_lagerd_is_recorded_as_one(
    begun: "tuple[Home, subprocess.CompletedProcess[str]]", client: Client
) -> None:
    home = begun[0]
    home.script()
    pause = client.paused()
    [keeper] = home.pids(named=KEEPER)
    os.kill(keeper, signal.SIGSTOP)
    killed(home, LAGERD)
    client.expect("NameOwnerChanged", lambda signal: signal.args[2] == "")
    assert home.lager("python", "--continue", pause["id"]).returncode == 0
    assert client.resumed(pause["id"])[1]["how"] == "cli"
    os.kill(keeper, signal.SIGCONT)


def test_a_script_resumes_at_its_timeout_after_the_broker_has_died(home: Home, client: Client) -> None:
    [broker] = home.pids(named=BROKER)
    process = home.script(timeout=2, before=IMPATIENT)
    pid = client.paused()["pid"]
    began = time.monotonic()
    os.kill(broker, signal.SIGKILL)
    assert process.out.rest() == "went on\n"
    assert "lagerd did not answer" in process.err.rest()
    assert time.monotonic() - began < PATIENCE
    assert process.wait() == 0
    assert pid not in home.pids()
    home.until_all_are_gone()
    again = home.lager("breakpoints")
    assert (again.returncode, again.stdout) == (0, "No script is paused.\n")
    assert STARTED in again.stderr


@pytest.mark.variant
def test_everything_ends_with_a_killed_keeper(home: Home, client: Client) -> None:
    killed(home, KEEPER)
    home.until_all_are_gone()
    assert home.lager("breakpoints").returncode == 0


@pytest.mark.variant
def test_everything_ends_when_the_keeper_is_stopped(home: Home, client: Client) -> None:
    [keeper] = home.pids(named=KEEPER)
    os.kill(keeper, signal.SIGTERM)
    home.until_all_are_gone()
    assert not (home.folder / "bus").exists()


@pytest.mark.variant
def test_a_lagerd_that_keeps_crashing_ends_the_embedded_bus(home: Home, client: Client) -> None:
    for _ in range(4):
        killed(home, LAGERD)
        client.expect("NameOwnerChanged", lambda signal: signal.args[2])
    killed(home, LAGERD)
    home.until_all_are_gone()


@pytest.mark.variant
def test_a_leftover_socket_file_does_no_harm(home: Home) -> None:
    home.folder.mkdir(mode=0o700)
    (home.folder / "bus").touch()
    assert home.lager("breakpoints").returncode == 0


@pytest.mark.variant
@pytest.mark.parametrize("name", ["with a space", "ü€😀", "a&b<c>'\"d", "100%41", "back\\slash;,=", "*"])
def test_folders_of_any_name(name: str) -> None:
    with a_home(name) as home:
        done = home.lager("breakpoints")
        assert (done.returncode, done.stdout) == (0, "No script is paused.\n"), done.stderr
        assert home.lager("breakpoints").stderr == ""


def in_tmp(home: Home) -> Path:
    return home.root / "tmp" / f"lager-{os.getuid()}"


def refuses(done: "subprocess.CompletedProcess[str]", text: str) -> None:
    assert (done.returncode, done.stdout) == (1, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("lager: ")
    assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.variant
def test_a_path_too_long_for_a_socket() -> None:
    with a_home("x" * 120) as home:
        assert home.lager("breakpoints").returncode == 0
        assert in_tmp(home).is_dir()
        deep = home.root / ("y" * 120)
        deep.mkdir()
        assert home.lager("breakpoints", TMPDIR=str(deep)).returncode == 0


@pytest.mark.parametrize("runtime", ["", "relative", "/nonexistent/folder", "/dev/null"])
def test_without_a_runtime_folder(home: Home, runtime: str) -> None:
    assert home.lager("breakpoints", XDG_RUNTIME_DIR=runtime).returncode == 0
    assert stat.S_IMODE(in_tmp(home).stat().st_mode) == 0o700


@pytest.mark.parametrize("how", ["open", "a link", "a file", "somebody else's"])
def test_a_folder_that_others_can_use_is_refused(home: Home, how: str) -> None:
    for folder in (home.folder, in_tmp(home), home.root / "home/.cache/lager"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        if how == "open":
            folder.mkdir()
            folder.chmod(0o755)
        elif how == "a link":
            (home.root / "elsewhere").mkdir(mode=0o700, exist_ok=True)
            folder.symlink_to(home.root / "elsewhere")
        elif how == "a file":
            folder.touch()
        elif os.getuid() == 0:
            folder.mkdir(mode=0o700)
            os.chown(folder, 65534, 65534)
        else:
            pytest.skip("only root can give a folder to somebody else")
    refuses(home.lager("breakpoints"), in_tmp(home).name)
    assert home.pids() == []


def test_dbus_daemon_is_not_installed(home: Home) -> None:
    done = home.lager("breakpoints", PATH=str(BIN))
    refuses(done, "dbus-daemon is not installed. Install it with: sudo apt-get install dbus-daemon")
    home.until_all_are_gone()


@pytest.mark.variant
def test_once_dbus_daemon_is_installed_a_command_starts_it(home: Home) -> None:
    assert home.lager("breakpoints", PATH=str(BIN)).returncode == 1
    assert home.lager("breakpoints").returncode == 0


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("unshare"), reason="only root can have an /etc of its own")
def test_a_simulated_bench_never_replaces_a_real_one(home: Home) -> None:
    (home.root / "script.py").write_text("print('ran')\n")
    for command in ("breakpoints", "python --continue-all", "python script.py"):
        inside = "mount -t tmpfs none /etc && mkdir /etc/lager && touch /etc/lager/nets.toml"
        done = home.run("unshare", "-m", "sh", "-c", f"{inside} && exec {LAGER} {command}")
        refuses(done, "This machine has a bench (/etc/lager/nets.toml), but lagerd is not installed.")
        assert "sudo lagerd install" in done.stderr
    assert home.pids() == []
    assert not home.folder.exists()


@shared
def test_the_history_of_an_embedded_daemon_is_shown(begun: "tuple[Home, subprocess.CompletedProcess[str]]") -> None:
    home = begun[0]
    script = home.script()
    script.err.expect("  id        ")
    id = script.err.expect("\n").strip()
    assert home.lager("python", "--continue", id).returncode == 0
    assert script.wait() == 0
    records = json.loads(home.lager("history", "--json").stdout)
    assert [one["event"] for one in records if one.get("breakpoint") == id] == ["paused", "resumed"]
    assert home.lager("history").stdout.count(id) == 2
    assert home.lager("history", "--since", "1 hour ago", "--until", "tomorrow").stdout.count(id) == 2
    nothing = "lagerd has no records in that time.\n"
    assert home.lager("history", "--until", "1 hour ago").stdout == nothing
    assert "'whenever' is not a valid time." in home.lager("history", "--since", "whenever").stderr


NAMELESS = ["unshare", "--user", "--map-user=54321"]


@pytest.mark.parametrize("words", [["breakpoints"], ["supply", "supply2"], ["python", "script.py"]])
def test_a_user_id_without_a_name_gets_a_clear_error(home: Home, words: list[str]) -> None:
    if subprocess.run([*NAMELESS, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        needs.nothing_more("A namespace for another user id cannot be made here.")
    (home.root / "script.py").write_text("print('ran')\n")
    done = home.run(*NAMELESS, LAGER, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("lager: The user id 54321 has no entry in passwd, and D-Bus needs one. Add a user")
    assert done.stderr.count("\n") == 1


@pytest.mark.variant
def test_pauses_on_the_embedded_bus_send_messages(home: Home) -> None:
    server = home.start(sys.executable, str(Path(__file__).parents[1] / "notify" / "receiver.py"), "0", "take")
    port = server.out.expect("\n").split()[1]
    (home.root / "notify.toml").write_text(f'urls = ["json://127.0.0.1:{port}"]\n')
    notifier = home.start(LAGER, "notify", "--here", "--config", "notify.toml")
    notifier.err.expect("lager: sending to url 1 (json)")
    script = home.script()
    id = script.err.expect("\n  id ") and script.err.expect("\n").split()[0]
    assert f"lager python --continue {id}" in server.out.expect("\n")
    assert home.lager("continue", id).returncode == 0
    script.out.expect("went on")
