"""The four scripts of an engineer in examples/, each run as its user runs it."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.documents import ROOT
from tests.fixtures import Command, ScreenStarter, Starter
from tests.processes import LAGER

pytestmark = pytest.mark.usefixtures("bench")


@pytest.fixture
def example(tmp_path: Path) -> Callable[..., Any]:
    """Copy an example into the test's folder; its name."""

    def copy(name: Any) -> Any:
        (tmp_path / name).write_text((ROOT / "examples" / name).read_text())
        return name

    return copy


def test_battery_cycling_records_and_pauses_out_of_range(
    start: Starter, client: Client, lager: Command, example: Callable[..., Any], tmp_path: Path
) -> None:
    process = start(LAGER, "python", example("battery_cycling.py"), "2")
    for cycle in (1, 2):
        pause = client.paused()
        assert pause["label"].startswith(f"cycle {cycle}: 3.2")
        assert pause["label"].endswith("V at 5 %")
        asked = lager("console", pause["id"], stdin="cycle, charge, volts < lowest\n")
        assert asked.stdout == f"({cycle}, 5, True)\n"
        client.call("Continue", "s", pause["id"])
        process.out.expect(f"cycle {cycle} of 2: 3.")
    assert process.wait() == 0
    with (tmp_path / "cycling.csv").open() as file:
        rows = list(csv.DictReader(file))
    charges = {row["battery1 soc (%)"] for row in rows if not row["problem"]}
    assert "5" in charges
    assert "output           off" in lager("battery", "battery1").stdout


def test_a_suite_with_a_failing_rail_pauses_at_the_failure(
    start: Starter, client: Client, lager: Command, example: Callable[..., Any]
) -> None:
    plugins = ("-p", "no:cacheprovider", "-p", "no:randomly")
    process = start(LAGER, "python", "-m", "pytest", "-q", *plugins, "--lager-pause", example("rail_suite.py"))
    pause = client.paused()
    assert pause["label"] == "rail_suite.py::test_the_rail_holds_with_a_small_current_limit"
    assert "output   on (CC)" in lager("supply", "supply2", "--through").stdout
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 1
    assert "1 failed, 3 passed" in process.out.rest()
    assert "output   off" in lager("supply", "supply2").stdout


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (160, 50)])
def test_a_progress_bar_and_the_banner_of_a_thread_share_the_screen(
    screen: ScreenStarter, client: Client, example: Callable[..., Any], columns: int, rows: int
) -> None:
    view = screen(LAGER, "python", example("progress_and_pause.py"), columns=columns, rows=rows)
    pause = client.paused()
    assert pause["label"].startswith("step 20: ")
    view.until(lambda shown: "100%" in shown and f"  id        {pause['id']}" in shown)
    view.type("\r")
    view.sees("soak: done")
    assert f"{pause['id']} resumed by" in view.shown
    assert view.wait() == 0


def test_an_asyncio_script_reads_its_uart_beside_a_pause(
    start: Starter, client: Client, lager: Command, example: Callable[..., Any]
) -> None:
    process = start(LAGER, "python", example("uart_beside_a_pause.py"))
    pause = client.paused()
    assert pause["function"] == "main"
    asked = "import time\nn = len(heard)\nwhile len(heard) < n + 2: time.sleep(0.01)\n\nlen(heard) > n\n"
    assert lager("console", pause["id"], stdin=asked).stdout == "True\n"
    client.call("Continue", "s", pause["id"])
    process.out.expect("heard while it was paused: True, last 0.000 V\n")
    assert process.wait() == 0
