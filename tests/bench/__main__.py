"""`make bench`: measures what operations cost, each beside a floor from the same run, and many beside the baseline, a
file that the paused script polls four times a second."""

import argparse
import dataclasses
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench import box, editors, remote, rows, safety, short, through
from tests.bench.crowds import crowded, floods, many
from tests.bench.report.figures import Row, markdown, table
from tests.bench.report.plot import svg
from tests.bench.scale import FULL, QUICK, TINY, Scale
from tests.station import Station

ROOT = Path(__file__).parents[2]
README, PLOT = ROOT / "README.md", ROOT / "docs" / "bench.svg"
SHOWN = {
    "a raw call over the same bus",
    "a raw call over the same bus, from a script",
    "resume: Continue to the next statement",
    "console: one evaluation",
    "process: lager python",
    "loop: lager python / plain python",
    "Continue until the next statement",
    "List",
    "memory of lagerd per pause",
    "wake-ups of the scripts while idle",
    "auto-resumes at one instant: next statement late by",
    "Continue beside a flood of list",
    "claim, 100 a second for 60 s",
    "voltage: through the paused holder",
    "kill -9 of a script until its supply is off",
}
BEGIN, END = "<!-- bench -->\n", "<!-- end of bench -->\n"
# A group of rows for each kind of setting; those of a remote box have their place here, too.
GROUPS: dict[str, Callable[[Station, Scale], Iterator[Row]]] = {
    "calls": rows.calls,
    "consoles": many.consoles,
    "claims": many.claims,
    "through": through.rows,
    "editors": editors.rows,
    "processes": rows.processes,
    "short": short.rows,
    "safety": safety.rows,
    "remote": remote.rows,
    "crowded": crowded.rows,
    "floods": floods.rows,
    "box": box.rows,
}


def main() -> None:
    arguments = _arguments()
    scale = dataclasses.replace({"quick": QUICK, "tiny": TINY}.get(arguments.size, FULL))
    if arguments.rounds:
        scale = dataclasses.replace(scale, rounds=arguments.rounds, processes=max(arguments.rounds // 10, 1))
    failed: list[str] = []
    measured = list(_measured(arguments.only or list(GROUPS), scale, failed))
    text = json.dumps({"machine": machine(), "rows": [row.as_json() for row in measured]}, indent=1) + "\n"
    print(text if arguments.json else table(measured))
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")
    if arguments.plot:
        arguments.plot.write_text(svg(measured), encoding="utf-8")
    if arguments.readme:
        PLOT.parent.mkdir(exist_ok=True)
        PLOT.write_text(svg(measured), encoding="utf-8")
        README.write_text(refreshed(README.read_text(encoding="utf-8"), measured), encoding="utf-8")
    sys.exit(f"Not measured to the end: {', '.join(failed)}" if failed else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=GROUPS, help="measure this; may be given more than once")
    parser.add_argument("--quick", dest="size", action="store_const", const="quick", help="a look, in half a minute")
    parser.add_argument("--tiny", dest="size", action="store_const", const="tiny", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, help="how often each is measured (a process: a tenth)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the JSON into a file, too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw cost against the number of pauses, as SVG")
    parser.add_argument(
        "--readme", action="store_true", help=f"write table and plot into {README.name} and {PLOT.name}"
    )
    return parser.parse_args()


def _measured(groups: list[str], scale: Scale, failed: list[str]) -> Iterator[Row]:
    """Measure a group. If it fails, only its own rows are missing."""
    for name in groups:
        began = time.monotonic()
        # Of each group its own, so that none is measured on what another left.
        with tempfile.TemporaryDirectory(prefix="lager-bench-", dir="/tmp") as folder:
            station = Station(Path(folder))
            try:
                for row in GROUPS[name](station, scale):
                    _say(f"{name}: {row.title}")
                    yield row
            except Exception:
                traceback.print_exc()
                failed.append(name)
            finally:
                station.close()
        _say("")
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)


def _say(progress: str) -> None:
    """Show the last measurement in one line of the terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{progress[:78]}", end="", file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """Return a description of the machine on which the figures were measured."""
    broker = subprocess.run(["dbus-daemon", "--version"], capture_output=True, text=True, check=True).stdout
    return {
        "date": time.strftime("%Y-%m-%d"),
        "lager": version("lager-box"),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "processors": os.cpu_count(),
        "broker": broker.splitlines()[0],
    }


def refreshed(readme: str, measured: list[Row]) -> str:
    """The README with another table between its two marks: a few rows, and of those about crowds the largest."""
    before, _, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{README} has no place for a table"
    most = max((row.pauses for row in measured), default=0)
    shown = [row for row in measured if row.pauses in (0, most) and row.name in SHOWN]
    return before + BEGIN + markdown(shown) + "\n" + END + after


if __name__ == "__main__":
    main()
