"""The benchmark runs, every row of it, with next to nothing to measure."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.__main__ import BEGIN, END, GROUPS, ROOT, refreshed
from tests.bench.report.figures import Row, amount, table, times
from tests.bench.report.plot import PANELS, svg


@pytest.mark.slow
@pytest.mark.parametrize("group", sorted(GROUPS.keys() - {"box"}))
def test_each_group(group: Any, tmp_path: Path) -> None:
    file, plot = tmp_path / "figures.json", tmp_path / "plot.svg"
    command = ["--tiny", "--only", group, "--output", str(file), "--plot", str(plot)]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    rows = json.loads(file.read_text())["rows"]
    assert rows
    for row in rows:
        assert row["name"] in ran.stdout
        assert row["ours"]["p50"] < 60_000
    assert plot.read_text().endswith("</svg>\n")


ROWS = [
    Row("a raw call over the same bus", times([0.001, 0.003, 0.002])),
    *[
        Row(name, amount(pauses / 7, "ms"), None, amount(50, "ms"), "", pauses)
        for name in PANELS
        for pauses in (1, 1000)
    ],
]


def test_figures_are_shown_as_table_as_plot_and_in_the_readme() -> None:
    assert times([0.001, 0.003, 0.002]).p50 == 2.0
    lines = table(ROWS).splitlines()
    assert lines[1].split() == ["a", "raw", "call", "over", "the", "same", "bus", "ms", "2", "3", "3"]
    assert "List, 1000 paused" in table(ROWS)
    assert svg(ROWS).count("<circle") == 4 * len(PANELS)
    once = refreshed(f"before\n{BEGIN}old\n{END}after\n", ROWS)
    assert "List, 1000 paused (ms) | 143 |" in once
    assert "List, 1 paused" not in once
    assert refreshed(once, ROWS) == once
    assert once.startswith("before\n")
    assert once.endswith("after\n")
