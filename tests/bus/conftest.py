"""A private broker and a real lagerd. One of each for a whole worker; a test that breaks one asks for its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests import loopback, needs
from tests.bus.instruments.safe_bench import SafeBench
from tests.client import Client
from tests.fixtures import Command, ScreenStarter, ScriptWriter, Starter, TerminalStarter
from tests.loopback import Loopback
from tests.processes import LAGER, LAGERD, Process, Terminal, finished
from tests.screen import Screen
from tests.station import Station

_HERE = f"{Path(__file__).parent}/"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test with variants, each of which starts processes, the first is part of `make test`, the others are part of
    `make test-variants`."""
    variants: dict[tuple[Path, str], list[pytest.Function]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and str(item.path).startswith(_HERE):
            variants.setdefault((item.path, item.originalname), []).append(item)
    for those in variants.values():
        those.sort(key=lambda item: sorted(item.callspec.indices.items()))
        for item in those[1:]:
            item.add_marker(pytest.mark.variant)


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
def own_station(request: pytest.FixtureRequest) -> Iterator[Station]:
    """A broker and a lagerd for one test alone, which may kill them. The parameter is another command that starts
    lagerd, for example with shorter limits."""
    with _short_folder() as folder:
        station = Station(Path(folder), getattr(request, "param", (LAGERD,)))
        yield station
        station.close()


@pytest.fixture(scope="session")
def janitor(shared_station: Station) -> Iterator[Client]:
    client = Client(shared_station.address)
    yield client
    client.close()


@pytest.fixture
def station(request: pytest.FixtureRequest) -> Station:
    """The station of the test: its own if it asks for one, else the shared one, where nothing is paused any more."""
    if "own_station" in request.fixturenames:
        found = request.getfixturevalue("own_station")
    else:
        found = request.getfixturevalue("shared_station")
        request.getfixturevalue("janitor").call("ContinueAll")
    assert isinstance(found, Station)
    return found


@pytest.fixture
def client(station: Station) -> Iterator[Client]:
    client = Client(station.address)
    yield client
    client.close()


@pytest.fixture
def until_the_end() -> Iterator[ExitStack]:
    """What ends with the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start(station: Station, tmp_path: Path, until_the_end: ExitStack) -> Starter:
    """Start any command with the station's environment; it is ended with the test."""

    def starter(*command: str, stdin: int | None = None, **env: str) -> Process:
        return until_the_end.enter_context(closing(Process(command, {**station.env, **env}, tmp_path, stdin)))

    return starter


@pytest.fixture
def script(tmp_path: Path) -> ScriptWriter:
    """Write a script into the test's folder; its name."""

    def write(text: str, name: str = "script.py") -> str:
        file = tmp_path / name
        if not file.exists() or file.read_text() != text:  # else a run that began just now may find it empty
            file.write_text(text)
        return name

    return write


@pytest.fixture
def run(start: Starter, script: ScriptWriter) -> Starter:
    """Run the text of a script under `lager python`."""

    def runner(text: str, *arguments: str, options: tuple[str, ...] = (), **env: str) -> Process:
        return start(LAGER, "python", *options, script(text), *arguments, **env)

    return runner


_LATE = """
import os, sys, time
class Late:
    def find_spec(self, name, path=None, target=None):
        while name == "lager.bus.facade" and not os.path.exists("connect"):
            time.sleep(0.01)
if sys.orig_argv[1:2] == [LAGER]:
    sys.meta_path.insert(0, Late())
    from lager_cli.run_terminal import enter_key
    enter_key._HEARD_SECONDS = 0.3
"""


@pytest.fixture
def gate() -> Iterator[tuple[int, int]]:
    """A pipe; a script reads its first end in a line that ends once something is written to its second end."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def late(station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """`lager python` connects to the bus only when this is called, as on a busy machine; it takes a bus that does not
    answer for lost a little sooner."""
    folder = tmp_path / "late"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_LATE.replace("LAGER", repr(LAGER)))
    monkeypatch.setitem(station.env, "PYTHONPATH", str(folder))
    return lambda: (tmp_path / "connect").touch()


@pytest.fixture
def lager(station: Station, tmp_path: Path) -> Command:
    """Run a `lager` command to its end."""

    def command(*arguments: str, stdin: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
        return finished([LAGER, *arguments], {**station.env, **env}, tmp_path, stdin)

    return command


@pytest.fixture
def terminal(station: Station, tmp_path: Path, until_the_end: ExitStack) -> TerminalStarter:
    """Start a command on a pseudo-terminal; it is ended with the test."""

    def starter(*command: str, **env: str) -> Terminal:
        return until_the_end.enter_context(closing(Terminal(command, {**station.env, **env}, tmp_path)))

    return starter


@pytest.fixture
def screen(station: Station, tmp_path: Path, until_the_end: ExitStack) -> ScreenStarter:
    """Start a command on a terminal of a known size, whose screen can be seen; it is ended with the test."""

    def starter(*command: str, columns: int = 80, rows: int = 24, **env: str) -> Screen:
        one = Screen(command, {**station.env, **env}, tmp_path, columns, rows)
        return until_the_end.enter_context(closing(one))

    return starter


@pytest.fixture
def bench(station: Station, tmp_path: Path, start: Starter, monkeypatch: pytest.MonkeyPatch) -> Process:
    """A simulated bench of the test's own, which scripts and commands of the test take for theirs."""
    folder = tmp_path / "bench"
    folder.mkdir(mode=0o700)
    process = start(sys.executable, "-m", "lagerd.bench", "--folder", str(folder), "--ready-fd", "1")
    process.out.expect("ready\n")
    monkeypatch.setitem(station.env, "LAGER_NETS", str(folder / "nets.toml"))
    return process


@pytest.fixture
def nets(own_station: Station, bench: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SafeBench:
    """That bench with a nets file of the test's own, in which supply2 has a safe state. The lagerd is its own, too:
    what still runs at the end of the test is killed together with the bench, which may leave a quarantine."""
    made = SafeBench(tmp_path / "nets.toml", Path(own_station.env["LAGER_NETS"]).read_text())
    made.add(supply2='safe = "off"')
    monkeypatch.setitem(own_station.env, "LAGER_NETS", str(made.path))
    return made


@pytest.fixture
def near(station: Station, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """Boxes behind a real ssh, with the station's lagerd on them; the commands of the test know them by name."""
    needs.nothing_more(loopback.missing())
    told = {
        name: value for name, value in station.env.items() if name.startswith(("LAGER", "XDG", "PYTHON", "COVERAGE"))
    }
    boxes = Loopback(tmp_path_factory.mktemp("loopback"), told)
    for name, value in boxes.env.items():
        monkeypatch.setitem(station.env, name, value)
    return boxes
