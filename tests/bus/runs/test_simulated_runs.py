"""`lager bench` and `lager python --simulate`: scripts on simulated instruments, and never on real ones."""

import contextlib
import json
import os
import re
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter, TerminalStarter
from tests.processes import LAGER, PATIENCE
from tests.station import Station

NETS = """
[instruments.psu1]
model = "DP821"
address = "TCPIP::127.0.0.1::{port}::SOCKET"
[instruments.daq1]
model = "T7"
address = "127.0.0.1:{other}"
[nets.rail]
type = "supply"
instrument = "psu1"
channel = 1
max_voltage = 5.5
safe = "off"
[nets.probe]
type = "adc"
instrument = "daq1"
channel = "AIN0"
[simulate]
wires = [{{nets = ["rail", "probe"], ohms = 100}}]
"""
SCRIPT = """
import os
from lager import Net, pause
os.environ["LAGER_NETS"] = os.environ.get("REAL", "")
with Net.get("rail", type="supply") as rail, Net.get("probe", type="adc") as probe:
    rail.set_voltage(3.3)
    rail.enable()
    print(f"{probe.input():.1f} V")
    pause("look")
    rail.disable()
"""


class RealInstrument:
    """Listens where the nets file says that the real instruments are, and counts who comes."""

    def __init__(self) -> None:
        self._sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.port, self.other = (one.getsockname()[1] for one in self._sockets)

    @property
    def visits(self) -> int:
        """How many connections wait to be accepted."""
        return len(select.select(self._sockets, [], [], 0)[0])

    def close(self) -> None:
        for one in self._sockets:
            one.close()


@pytest.fixture
def real() -> Iterator[RealInstrument]:
    with closing(RealInstrument()) as real:
        yield real


@pytest.fixture
def nets(tmp_path: Path, real: RealInstrument) -> str:
    path = tmp_path / "bench.toml"
    path.write_text(NETS.format(port=real.port, other=real.other))
    return str(path)


def bench_of(text: str) -> str:
    return text.partition("LAGER_BENCH=")[2].split()[0]


def processes_of(*words: str) -> list[int]:
    """The processes that have one of the words in their arguments or their environment, as descriptors."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            said = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if any(word.encode() in said for word in words) and int(entry.name) != os.getpid():
                found.append(os.pidfd_open(int(entry.name)))
    return found


def ended(processes: list[int]) -> bool:
    """Whether all of them end, however long that takes."""
    for process in processes:
        with os.fdopen(process):
            if not select.select([process], [], [], PATIENCE)[0]:
                return False
    return True


def test_a_simulated_run_pauses_is_inspected_and_reaches_no_real_instrument(
    nets: str, real: RealInstrument, start: Starter, script: ScriptWriter, lager: Command, client: Client
) -> None:
    process = start(LAGER, "python", "--simulate", script(SCRIPT), LAGER_NETS=nets, REAL=nets)
    said = process.err.expect("  bench     simulated")
    assert f"simulated bench of {nets}: no real instrument is used" in said
    bench = bench_of(said)
    (resume,) = [line for line in said.splitlines() if "--continue" in line]
    assert f"LAGER_BENCH={bench} lager python" in resume
    assert client.list() == []  # the lagerd of this machine knows neither the pause nor the leases
    assert client.call("List", name="com.lager.Instruments") == []
    inspected = lager("supply", "rail", "state", "--through", "--json", LAGER_BENCH=bench)
    assert json.loads(inspected.stdout)["enabled"] is True, (inspected, process.err.text, process.popen.poll())
    assert "psu1" in lager("instruments", LAGER_BENCH=bench).stdout
    assert lager("python", "--continue", resume.split()[-1], LAGER_BENCH=bench).returncode == 0
    assert process.wait() == 0
    assert process.out.rest() == "3.3 V\n"
    assert real.visits == 0
    assert not os.path.exists(bench)
    after = lager("breakpoints", LAGER_BENCH=bench)
    assert after.returncode == 1
    assert "You have no simulated bench at" in after.stderr


@pytest.mark.slow
def test_two_simulations_of_one_bench_are_independent(
    nets: str, start: Starter, script: ScriptWriter, lager: Command, client: Client
) -> None:
    first = start(LAGER, "python", "--simulate", script(SCRIPT), LAGER_NETS=nets)
    one = bench_of(first.err.expect("  bench     simulated"))
    second = start(LAGER, "python", "--simulate", script(SCRIPT), LAGER_NETS=nets)
    other = bench_of(second.err.expect("  bench     simulated"))
    assert one != other
    for process, bench in ((first, one), (second, other)):
        assert lager("python", "--continue-all", LAGER_BENCH=bench).returncode == 0
        assert process.wait() == 0


def test_a_command_runs_on_a_described_bench_and_its_exit_code_is_that_of_lager(
    nets: str, real: RealInstrument, lager: Command
) -> None:
    talk = f'"{LAGER}" supply rail voltage 2.5 && "{LAGER}" supply rail enable && "{LAGER}" adc probe; exit 7'
    done = lager("bench", nets, "--", "sh", "-c", talk, LAGER_BOX="nobody@unreachable.invalid")
    assert done.returncode == 7, done.stderr
    assert re.fullmatch(r"2\.5 V\n2\.(49|50)\d* V\n", done.stdout)
    assert real.visits == 0


@pytest.mark.variant
def test_a_command_that_is_killed_on_a_described_bench_ends_lager_with_its_signal(nets: str, lager: Command) -> None:
    assert lager("bench", nets, "--", "sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("command", ["no-such-command", "./no-such-command", ""])
def test_no_bench_starts_for_a_command_that_is_not_there(
    nets: str, lager: Command, station: Station, command: str
) -> None:
    missing = lager("bench", nets, "--", command, XDG_RUNTIME_DIR="/dev/null")  # where none can start
    assert (missing.returncode, f"There is no command '{command}'" in missing.stderr) == (2, True)


@pytest.mark.slow
def test_a_script_that_crashes_on_a_described_bench_is_made_safe_there(
    nets: str, lager: Command, script: ScriptWriter
) -> None:
    name = script(SCRIPT.replace('pause("look")', "raise SystemExit(3)"))
    talk = f'"{LAGER}" python {name}; "{LAGER}" supply rail state --wait 20'
    done = lager("bench", nets, "--", "sh", "-c", talk)
    assert "output   off" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_bench_runs_until_it_is_told_to_end_and_leaves_nothing(
    nets: str, start: Starter, lager: Command, number: signal.Signals
) -> None:
    process = start(LAGER, "bench", nets)
    bench = bench_of(process.out.expect("\n"))
    assert lager("supply", "rail", "voltage", "1", LAGER_BENCH=bench).stdout == "1 V\n"
    assert lager("python", "-c", "import lager; print(lager.Net.list_saved()[0]['name'])", LAGER_BENCH=bench).stdout
    there = processes_of(bench, nets)
    process.kill(number)
    assert process.wait() == 0
    assert ended(there)
    assert not os.path.exists(bench)


@pytest.mark.variant
def test_a_bench_whose_command_was_killed_leaves_no_process_and_no_file(
    nets: str, start: Starter, lager: Command
) -> None:
    process = start(LAGER, "bench", nets)
    bench = bench_of(process.out.expect("\n"))
    assert lager("supply", "rail", "voltage", "1", LAGER_BENCH=bench).returncode == 0  # lagerd runs there, too
    there = processes_of(bench, nets)
    assert len(there) >= 4
    process.kill()
    assert ended(there)
    assert not os.path.exists(bench)


@pytest.mark.slow
def test_a_bench_that_was_killed_itself_is_noticed_and_leaves_nothing(
    nets: str, start: Starter, lager: Command
) -> None:
    process = start(LAGER, "bench", nets)
    bench = bench_of(process.out.expect("\n"))
    assert lager("supply", "rail", "voltage", "1", LAGER_BENCH=bench).returncode == 0
    there = processes_of(bench)
    for simulation in processes_of(f"lagerd.private_bus.simulation\0--file\0{nets}"):
        with os.fdopen(simulation):
            signal.pidfd_send_signal(simulation, signal.SIGKILL)
    assert process.wait() == 1
    assert "The simulated bench has ended." in process.err.rest()
    assert ended(there)
    assert not os.path.exists(bench)


@pytest.mark.variant
def test_a_detached_run_is_simulated_until_its_end(
    nets: str, real: RealInstrument, lager: Command, script: ScriptWriter, start: Starter
) -> None:
    name = script(SCRIPT)
    detached = lager("python", "--simulate", "--detach", name, LAGER_NETS=nets)
    assert detached.returncode == 0, detached.stderr
    id, bench = detached.stdout.split()[0], bench_of(detached.stdout)
    follower = start(LAGER, "python", "--reattach", id)
    follower.out.expect("3.3 V")
    follower.err.expect("  timeout ")  # the banner's last line
    resumed = lager("python", "--continue", id, LAGER_BENCH=bench)
    assert resumed.returncode == 0, resumed.stderr
    assert follower.wait() == 0
    assert real.visits == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bench", "nowhere.toml"), "There is no file"),
        (("bench", "broken.toml"), "wires two outputs together: rail and other"),
        (("python", "--simulate", "script.py"), "There is no nets file at"),
        (("python", "--simulate", "--continue", "7f3a"), "--simulate needs a script to run"),
    ],
)
def test_a_bench_that_cannot_be_simulated_is_refused_in_one_sentence(
    nets: str, lager: Command, script: ScriptWriter, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    script("print('ran')")
    other = '[nets.other]\ntype = "supply"\ninstrument = "psu1"\nchannel = 2\n[simulate]'
    broken = Path(nets).read_text().replace("[simulate]", other).replace('"probe"]', '"other"]')
    (tmp_path / "broken.toml").write_text(broken)
    done = lager(*words, LAGER_NETS=str(tmp_path / "none.toml"))
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
def test_with_a_box_its_bench_is_simulated_there(
    nets: str,
    real: RealInstrument,
    station: Station,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    start: Starter,
    script: ScriptWriter,
    lager: Command,
) -> None:
    monkeypatch.setitem(station.env, "LAGER_NETS", nets)
    request.getfixturevalue("near")
    process = start(LAGER, "python", "--simulate", script(SCRIPT), "--box", "near")
    said = process.err.expect("  bench     simulated")
    (resume,) = [line for line in said.splitlines() if "--continue" in line]
    bench, id = bench_of(resume), resume.partition("--continue ")[2].split()[0]
    assert resume.endswith(f"--continue {id} --box near")
    assert "rail" in lager("status", "--box", "near", LAGER_BENCH=bench).stdout
    assert lager("python", "--continue", id, "--box", "near", LAGER_BENCH=bench).returncode == 0
    assert process.wait() == 0
    assert process.out.rest() == "3.3 V\n"
    assert real.visits == 0


@pytest.mark.variant
def test_a_script_on_a_simulated_bench_cannot_be_told_to_use_another_one(
    nets: str, real: RealInstrument, lager: Command, script: ScriptWriter
) -> None:
    name = script("import lager\nwith lager.Net.get('rail', type='supply') as rail:\n    print(rail.set_voltage(2))")
    told = ("--env", "LAGER_BENCH=", "--env", f"LAGER_NETS={nets}", "--env", "LAGER_BUS_ADDRESS=unix:path=/none")
    done = lager("python", "--simulate", *told, name, LAGER_NETS=nets)
    assert done.stdout == "2.0\n", done.stderr
    assert real.visits == 0


@pytest.mark.slow
def test_ctrl_c_reaches_the_command_once_and_its_exit_code_counts(nets: str, terminal: TerminalStarter) -> None:
    counts = "trap 'n=$((n+1))' INT; echo ready; while [ -z \"$n\" ]; do sleep 0.1; done; sleep 1; exit $((40 + n))"
    there = terminal(LAGER, "bench", nets, "--", "sh", "-c", counts)
    there.expect("ready")
    there.type("\x03")
    assert there.wait() == 41
