"""`lager report`: what a run leaves behind, on an embedded lagerd, which records to a file."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.bus.lagerd.home import a_home
from tests.client import Client
from tests.fixtures import Command
from tests.processes import LAGER, PATIENCE

pytestmark = pytest.mark.xdist_group("report")  # else each worker makes a run of its own
SCRIPT = """
import time, lager
from lager import Net, NetType
print("<script>alert(1)</script>")
with Net.get("supply2", type=NetType.PowerSupply), lager.Recorder("adc1", csv="r.csv", every=0.02) as recorder:
    print(lager.ask("is <it> on?", timeout=60))
    while recorder.rows < 2:
        time.sleep(0.01)
raise SystemExit(3)
"""


@pytest.fixture(scope="module")
def reported(
    tmp_path_factory: pytest.TempPathFactory,
) -> "Iterator[dict[str | Any, list[subprocess.CompletedProcess[str]] | Any]]":
    """The reports of one run, by their options, each made twice."""
    with a_home() as home:
        assert home.lager("breakpoints").returncode == 0
        client = Client(home.address)
        try:
            folder = tmp_path_factory.mktemp("run")
            (folder / "it.py").write_text(SCRIPT.replace('"r.csv"', repr(str(folder / "r.csv"))))
            id = home.lager("python", "--detach", str(folder / "it.py")).stdout.split()[0]
            pause = client.paused()["id"]
            assert home.lager("answer", pause, "yes").returncode == 0
            assert home.lager("python", "--reattach", id).returncode == 3
            forms = ("", "--html", "--json", "--junit")
            yield {form: [home.lager("report", id[:8], *filter(None, [form])) for _ in range(2)] for form in forms} | {
                "pause": pause,
                "id": id,
            }
        finally:
            client.close()


@pytest.mark.parametrize("form", ["", "--html", "--json", "--junit"])
def test_a_run_that_has_ended_gives_the_same_report_each_time(
    reported: "dict[str | Any, list[subprocess.CompletedProcess[str]] | Any]", form: str
) -> None:
    first, second = reported[form]
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == second.stdout


def test_a_report_has_the_evidence_of_the_run(
    reported: "dict[str | Any, list[subprocess.CompletedProcess[str]] | Any]",
) -> None:
    report = json.loads(reported["--json"][0].stdout)
    assert (report["run"]["id"], report["run"]["exit_code"], report["run"]["state"]) == (reported["id"], 3, "ended")
    (pause,) = report["pauses"]
    assert (pause["id"], pause["label"], pause["answer"]) == (reported["pause"], "is <it> on?", "yes")
    assert (pause["end"], pause["line"], bool(pause["by"])) == ("answered", "6", True)
    assert pause["seconds"] > 0
    psu = next(one for one in report["instruments"] if one["name"] == "psu1")
    assert psu["maker"].startswith("RIGOL")
    assert psu["firmware"]
    assert [one["name"] for one in report["instruments"]] == ["daq1", "psu1"]
    (readings,) = report["readings"]
    assert readings["rows"] >= 2
    assert 0 < readings["columns"][0]["count"] <= readings["rows"]
    assert report["versions"][0]["lager"]
    assert "<script>alert(1)</script>" in report["output"]["text"]
    assert "True" in report["output"]["text"]


def test_a_page_escapes_what_scripts_say_and_loads_nothing(
    reported: "dict[str | Any, list[subprocess.CompletedProcess[str]] | Any]",
) -> None:
    page = reported["--html"][0].stdout
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "is &lt;it&gt; on?" in page
    assert not re.search(r"<script|<img|<link|\bon\w+=|\bhref=|\bsrc=|url\(|@import", page)
    assert "@media print" in page


def part(element: ElementTree.Element, name: str) -> ElementTree.Element:
    found = element.find(name)
    assert found is not None, f"{element.tag} has no {name}"
    return found


def test_a_build_server_gets_pauses_and_answers_as_properties(
    reported: "dict[str | Any, list[subprocess.CompletedProcess[str]] | Any]",
) -> None:
    suite = part(ElementTree.fromstring(reported["--junit"][0].stdout), "testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    case = part(suite, "testcase")
    assert part(case, "failure").get("message") == "exit code 3"
    properties = {one.attrib["name"]: one.attrib["value"] for one in part(case, "properties")}
    assert properties["lager.answer"] == "is <it> on?: yes"
    assert "it.py:6: answered by " in properties["lager.pause"]
    report = json.loads(reported["--json"][0].stdout)
    counted = float(case.attrib["time"]) + float(properties["lager.paused_seconds"])
    assert counted == pytest.approx(report["run"]["seconds"], abs=0.01)


def test_the_terminal_shows_each_part(
    reported: "dict[str | Any, list[subprocess.CompletedProcess[str]] | Any]",
) -> None:
    shown = reported[""][0].stdout
    for part in ("Versions", "Instruments", "Pauses", "Readings in", "Output", "of which paused"):
        assert part in shown


def test_a_run_that_is_not_there_is_one_sentence(lager: Command) -> None:
    done = lager("report", "abcdef")
    assert (done.returncode, done.stdout) == (1, "")
    assert "You have no run 'abcdef'." in done.stderr


CRASHES = """
import os, signal, sys
from lager import Net, NetType
supply = Net.get("supply2", type=NetType.PowerSupply)
supply.set_voltage(1.0)
supply.enable()
os.kill(int(sys.argv[1]), signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_report_right_after_the_end_waits_for_what_lagerd_still_does_because_of_it() -> None:
    with a_home() as home:
        assert home.lager("breakpoints").returncode == 0
        nets = (home.folder / "nets.toml").read_text()
        (home.root / "nets.toml").write_text(nets.replace("[nets.supply2]", '[nets.supply2]\nsafe = "off"'))
        (home.root / "crashes.py").write_text(CRASHES)
        home.env["LAGER_NETS"] = str(home.root / "nets.toml")
        (bench,) = home.pids(named="-m lagerd.bench*")
        assert home.lager("python", "crashes.py", str(bench)).returncode == 137
        first = home.start(LAGER, "report", "--json")
        assert "is being made safe" in home.lager("instruments", "--json").stdout
        os.kill(bench, signal.SIGCONT)  # the instrument answers again
        assert first.wait(PATIENCE) == 0
        (outcome,) = json.loads(first.out.rest())["events"]
        assert outcome["event"] in ("made-safe", "quarantined")  # the latter where this took too long
        assert home.lager("report", "--json").stdout == first.out.text
