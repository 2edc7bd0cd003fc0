"""A private broker and a real lagerd. One of each for a whole worker; a test that breaks one asks for its own."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client import Client
from tests.processes import BIN, LAGER, LAGERD, Process, Terminal

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <listen>unix:path={folder}/bus</listen>
 <auth>EXTERNAL</auth>
 <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
 <limit name="max_replies_per_connection">50000</limit>
</busconfig>
"""


class Station:
    """A broker, a lagerd on it, and the environment of those who use them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix:path={folder}/bus"
        self.env = {
            key: value for key, value in os.environ.items() if not key.startswith(("LAGER", "DBUS", "PYTHONBREAK"))
        }
        self.env |= {
            "LAGER_BUS_ADDRESS": self.address,
            "XDG_RUNTIME_DIR": str(folder),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
        }
        self._broker = self._start_broker()
        self.lagerd: Process | None = None
        self.start_lagerd()

    def _start_broker(self) -> "subprocess.Popen[bytes]":
        config = self.folder / "bus.conf"
        config.write_text(_CONFIG.format(folder=self.folder))
        reader, writer = os.pipe()
        command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--nosyslog", f"--print-address={writer}"]
        broker = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        with open(reader) as answer:
            assert answer.readline(), "dbus-daemon does not start"
        return broker

    def start_lagerd(self) -> Process:
        """Start lagerd and wait until it says, as to systemd, that it is ready."""
        path = str(self.folder / "notify")
        Path(path).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(20)
            self.lagerd = Process([LAGERD], {**self.env, "NOTIFY_SOCKET": path}, self.folder)
            while b"READY=1" not in notify.recv(4096):
                pass
        return self.lagerd

    def kill_lagerd(self) -> None:
        assert self.lagerd is not None
        self.lagerd.close()
        self.lagerd = None

    def kill_broker(self) -> None:
        self._broker.kill()
        self._broker.wait()

    def close(self) -> None:
        if self.lagerd is not None:
            self.lagerd.close()
        self.kill_broker()


def _short_folder() -> "tempfile.TemporaryDirectory[str]":
    # A socket's path has at most 107 bytes, and pytest's own folders are long.
    return tempfile.TemporaryDirectory(prefix="lager-test-", dir="/tmp")


@pytest.fixture(scope="session")
def shared_station() -> Iterator[Station]:
    with _short_folder() as folder:
        station = Station(Path(folder))
        yield station
        station.close()


@pytest.fixture
def own_station() -> Iterator[Station]:
    """A broker and a lagerd for one test alone, to be killed as it likes."""
    with _short_folder() as folder:
        station = Station(Path(folder))
        yield station
        station.close()


@pytest.fixture
def station(request: pytest.FixtureRequest) -> Station:
    """The station of the test: its own where it asks for one, else the shared one."""
    own = "own_station" in request.fixturenames
    found = request.getfixturevalue("own_station" if own else "shared_station")
    assert isinstance(found, Station)
    return found


@pytest.fixture
def client(station: Station) -> Iterator[Client]:
    client = Client(station.address)
    yield client
    client.close()


Starter = Callable[..., Process]


@pytest.fixture
def start(station: Station, tmp_path: Path) -> Iterator[Starter]:
    """Start any command with the station's environment; it is ended with the test."""
    started: list[Process] = []

    def starter(*command: str, stdin: int | None = None, **env: str) -> Process:
        process = Process(command, {**station.env, **env}, tmp_path, stdin)
        started.append(process)
        return process

    yield starter
    for process in started:
        process.close()


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """Write a script into the test's folder; its name."""

    def write(text: str, name: str = "script.py") -> str:
        (tmp_path / name).write_text(text)
        return name

    return write


@pytest.fixture
def run(start: Starter, script: Callable[[str], str]) -> Starter:
    """Run the text of a script under `lager python`."""

    def runner(text: str, *arguments: str, options: tuple[str, ...] = (), **env: str) -> Process:
        return start(LAGER, "python", *options, script(text), *arguments, **env)

    return runner


@pytest.fixture
def lager(station: Station, tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run a `lager` command to its end."""

    def command(*arguments: str, stdin: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [LAGER, *arguments], input=stdin, env={**station.env, **env}, cwd=tmp_path, capture_output=True, text=True,
            timeout=60, start_new_session=True, check=False,
        )  # fmt: skip

    return command


@pytest.fixture
def terminal(station: Station, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Start a command on a pseudo-terminal; it is ended with the test."""
    started: list[Terminal] = []

    def starter(*command: str, **env: str) -> Terminal:
        one = Terminal(command, {**station.env, **env}, tmp_path)
        started.append(one)
        return one

    yield starter
    for one in started:
        one.close()


@pytest.fixture
def bench(station: Station, tmp_path: Path, start: Starter, monkeypatch: pytest.MonkeyPatch) -> Process:
    """A simulated bench of the test's own, which scripts and commands of the test take for theirs."""
    folder = tmp_path / "bench"
    folder.mkdir(mode=0o700)
    process = start(sys.executable, "-m", "lagerd.bench", "--folder", str(folder), "--ready-fd", "1")
    process.out.expect("ready\n")
    monkeypatch.setitem(station.env, "LAGER_NETS", str(folder / "nets.toml"))
    return process
