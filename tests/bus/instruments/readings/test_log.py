"""`lager log` and lager.Recorder: readings over time, with gaps that say why."""

import csv
import io
import re
import resource
import signal
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import Command, ScreenStarter, Starter
from tests.loopback import Loopback
from tests.patterns import search
from tests.processes import LAGER
from tests.station import Station

HOLDS = """
import lager, threading
adc = lager.Net.get("adc1", type="adc")
print("holding", flush=True)
threading.Event().wait()
"""
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d")

pytestmark = pytest.mark.usefixtures("bench")


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_readings_go_to_a_csv_file_with_units_and_time_stamps(lager: Command, tmp_path: Path) -> None:
    assert lager("dac", "dac1", "1.5").returncode == 0
    done = lager("log", "supply2", "dac1", "gpi1", "--every", "0.05", "--for", "0.3", "--csv", "run.csv")
    assert (done.returncode, done.stdout) == (0, ""), done
    assert done.stderr == "lager: wrote run.csv\n"
    rows = rows_of((tmp_path / "run.csv").read_text())
    names = ["supply2 voltage (V)", "supply2 current (A)", "dac1 voltage (V)", "gpi1 level"]
    assert list(rows[0]) == ["time", "seconds", *names, "problem"]
    read = [row for row in rows if not row["problem"]]
    assert read
    assert {row["dac1 voltage (V)"][:3] for row in read} == {"1.5"}
    assert all(STAMP.fullmatch(row["time"]) for row in rows)
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds)


def test_without_a_file_the_readings_are_a_table_or_csv_on_standard_output(lager: Command) -> None:
    table = lager("log", "adc1", "dac1", "--for", "0", "--every", "60").stdout.splitlines()
    assert table[0].split() == ["TIME", "adc1", "voltage", "dac1", "voltage", "PROBLEM"]
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}  0\.000 V +0\.000 V", table[1])
    [row] = rows_of(lager("log", "adc1", "--for", "0", "--every", "60", "--csv", "-").stdout)
    assert (row["adc1 voltage (V)"], row["problem"]) == ("0", "")


def test_what_others_hold_is_an_empty_cell_and_a_reason(
    run: Starter, start: Starter, client: Client, lager: Command
) -> None:
    process = run(HOLDS)
    process.out.expect("holding")
    log = start(LAGER, "log", "adc1", "adc4", "--every", "0.1", "--csv", "-")
    log.out.expect("\n")
    log.out.expect(r"adc1: held by")
    assert log.out.expect("\n")
    process.kill()
    log.out.expect(",0,0,\n")  # it is free again
    log.kill(signal.SIGINT)
    text = log.out.rest()
    assert log.wait() == 0
    assert text.endswith("\n") or not text


def test_a_paused_holder_is_read_through_its_pause(run: Starter, client: Client, lager: Command) -> None:
    run("import lager\nadc = lager.Net.get('adc1', type='adc')\nlager.pause()\n")
    client.paused()
    [row] = rows_of(lager("log", "adc1", "--for", "0", "--every", "60", "--csv", "-").stdout)
    assert (row["adc1 voltage (V)"], row["problem"]) == ("0", "")


LATE = """
[instruments.psu]
model = "DP821"
[simulate.instruments.psu]
latency = 0.03
[nets.supply2]
type = "supply"
instrument = "psu"
channel = 1
"""


def test_a_late_reading_says_how_many_were_missed(lager: Command, tmp_path: Path) -> None:
    (tmp_path / "late.toml").write_text(LATE)
    words = ("log", "supply2", "--for", "0.3", "--every", "0.01", "--csv", "-")
    rows = rows_of(lager("bench", "late.toml", "--", LAGER, *words).stdout)
    late = [row for row in rows if "missed" in row["problem"]]
    assert late
    assert all(row["supply2 voltage (V)"] == "" for row in late)
    assert re.fullmatch(r"\d+ readings? (was|were) missed: the previous one took \d+\.\d+ s", late[0]["problem"])


def test_an_instrument_that_never_answers_gives_exit_code_1_and_empty_cells(
    station: Station, lager: Command, tmp_path: Path
) -> None:
    text = Path(station.env["LAGER_NETS"]).read_text()
    port = search(r'\[instruments.psu1\]\n.*\naddress = "TCPIP0::127.0.0.1::(\d+)::', text).group(1)
    (tmp_path / "nets.toml").write_text(text.replace(f"::{port}::", "::1::"))
    done = lager(
        "log", "supply2", "adc1", "--for", "0", "--every", "60", "--csv", "-", LAGER_NETS=str(tmp_path / "nets.toml")
    )
    [row] = rows_of(done.stdout)
    assert done.returncode == 1
    assert (row["supply2 voltage (V)"], row["supply2 current (A)"], row["adc1 voltage (V)"]) == ("", "", "0")
    assert "supply2: psu1" in row["problem"]
    assert "cannot be reached" in row["problem"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_complete_files(start: Starter, tmp_path: Path, number: Any, code: int) -> None:
    log = start(LAGER, "log", "adc1", "--every", "0.02", "--csv", "run.csv", "--plot", "run.svg")
    wait_for(lambda: (tmp_path / "run.csv").exists() and (tmp_path / "run.csv").read_text().count("\n") > 5)
    log.kill(number)
    assert log.wait() == code
    text = (tmp_path / "run.csv").read_text()
    assert text.endswith("\n")
    assert {len(row) for row in csv.reader(io.StringIO(text))} == {4}
    drawn = ElementTree.parse(tmp_path / "run.svg").getroot()
    assert drawn.tag.endswith("svg")
    assert "adc1 voltage (V)" in (tmp_path / "run.svg").read_text()


def test_the_file_is_complete_also_after_kill_9(start: Starter, tmp_path: Path) -> None:
    log = start(LAGER, "log", "adc1", "--every", "0.02", "--csv", "run.csv")
    wait_for(lambda: (tmp_path / "run.csv").exists() and (tmp_path / "run.csv").read_text().count("\n") > 5)
    log.kill()
    log.wait()
    assert (tmp_path / "run.csv").read_text().endswith("\n")


def wait_for(done: Any) -> None:
    import time

    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("adc1", "--csv", "there.csv"), "there.csv already exists. Move it away, or name another file."),
        (("adc1", "--plot", "there.csv"), "there.csv already exists."),
        (("adc1", "--csv", "no/folder.csv"), "no/folder.csv cannot be created: No such file or directory."),
        (("uart1",), "uart1 is of type uart and has no reading. Leave it out."),
        (("adc9",), "There is no net 'adc9'"),
        (("adc1", "--every", "0"), "0.0 is not a valid time between readings. Give 0.01 seconds or more."),
    ],
)
def test_invalid_input_is_refused_and_changes_no_file(
    lager: Command, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "there.csv").write_text("mine\n")
    refused = lager("log", *words, "--for", "0")
    assert refused.returncode in (1, 2)
    assert said in refused.stderr
    assert (tmp_path / "there.csv").read_text() == "mine\n"


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (160, 50)])
def test_a_terminal_shows_a_sparkline_for_each_quantity(
    screen: ScreenStarter, lager: Command, columns: int, rows: int
) -> None:
    view = screen(LAGER, "log", "supply2", "dac1", "--every", "0.1", columns=columns, rows=rows)
    view.until(lambda shown: re.search(r"dac1 voltage +0\.000 V  ▁▁", shown))
    assert lager("dac", "dac1", "2").returncode == 0
    view.until(lambda shown: re.search(r"dac1 voltage +2\.00\d V  ▁+[▁·]*█", shown))
    assert [line.split("  ")[0] for line in view.lines[:3]] == ["supply2 voltage", "supply2 current", "dac1 voltage"]
    assert max(map(len, view.lines)) < columns
    view.type("\x03")
    assert view.wait() == 0


def test_over_box_the_file_is_written_here(near: Loopback, lager: Command, tmp_path: Path) -> None:
    done = lager("log", "adc1", "--for", "0.2", "--every", "0.1", "--csv", "here.csv", "--box", "near")
    assert (done.returncode, done.stderr) == (0, "lager: wrote here.csv\n")
    assert all(row["adc1 voltage (V)"] == "0" or row["problem"] for row in rows_of((tmp_path / "here.csv").read_text()))


RECORDS = """
import lager, time
supply = lager.Net.get("supply2", type="supply")
supply.set_voltage(3.3)
supply.enable()
with lager.Recorder("supply2", "adc4", csv="run.csv", every=0.02) as recorder:
    while recorder.rows < 3:
        time.sleep(0.01)
    lager.pause("look")
    supply.disable()
    seen = recorder.rows
    while recorder.rows < seen + 3:
        time.sleep(0.01)
print("done", recorder.rows, flush=True)
"""


def test_a_script_records_its_own_nets_and_others_and_goes_on_while_it_is_paused(
    run: Starter, client: Client, lager: Command, tmp_path: Path
) -> None:
    process = run(RECORDS)
    pause = client.paused()
    before = rows_of((tmp_path / "run.csv").read_text())
    assert len(before) >= 3
    assert before[-1]["supply2 voltage (V)"].startswith("3.") or before[-1]["problem"]
    wait_for(lambda: len(rows_of((tmp_path / "run.csv").read_text())) > len(before) + 3)
    assert lager("adc", "adc4").returncode == 0
    client.call("Continue", "s", pause["id"])
    process.out.expect("done ")
    assert process.wait() == 0
    after = [row for row in rows_of((tmp_path / "run.csv").read_text()) if not row["problem"]]
    assert abs(float(after[-1]["supply2 voltage (V)"])) < 0.5


def test_a_recorder_ends_with_its_script_and_refuses_what_it_cannot_do(run: Starter, tmp_path: Path) -> None:
    text = """
import lager, os, time
from lager.errors import LagerError
for words in ({"csv": "x.csv", "every": 0}, {"csv": "no/x.csv"}):
    try:
        lager.Recorder("adc1", **words)
    except LagerError as error:
        print(error)
recorder = lager.Recorder("adc1", csv="run.csv", every=0.02)
while recorder.rows < 3:
    time.sleep(0.01)
if os.fork() == 0:
    os._exit(0)
os.wait()
"""
    process = run(text)
    assert process.wait() == 0
    out = process.out.rest()
    assert "0 is not a valid time between readings." in out
    assert "no/x.csv cannot be created" in out
    assert (tmp_path / "run.csv").read_text().endswith("\n")
    assert not (tmp_path / "x.csv").exists()


def test_a_full_disk_ends_the_readings_and_leaves_whole_rows(start: Starter, tmp_path: Path) -> None:
    process = start(LAGER, "log", "adc1", "--every", "0.01", "--for", "60", "--csv", "run.csv")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1024, 1024))
    process.err.expect("lager: run.csv cannot be written: File too large. It ends here.\n")
    assert process.wait() == 1
    text = (tmp_path / "run.csv").read_text()
    assert text.endswith("\n")
    assert len(rows_of(text)) > 5
