"""`make bench`: what things cost, each beside a floor measured in the same run. Times are in milliseconds."""

import argparse
import json
import math
import tempfile
from pathlib import Path

from tests.bench import rows
from tests.station import Station


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=200, help="how often each is measured (a process: a tenth)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lager-bench-", dir="/tmp") as folder:
        station = Station(Path(folder))
        try:
            measured = {name: summary(measure(station, arguments.rounds)) for name, measure in rows.ALL.items()}
        finally:
            station.close()
    print(json.dumps(measured, indent=2) if arguments.json else table(measured))


def summary(samples: list[float]) -> dict[str, float]:
    """Median and 99th percentile in milliseconds, of samples in seconds."""
    ordered = sorted(samples)
    return {
        "p50": 1e3 * ordered[len(ordered) // 2],
        "p99": 1e3 * ordered[min(math.ceil(len(ordered) * 0.99), len(ordered)) - 1],
        "n": len(ordered),
    }


def table(measured: dict[str, dict[str, float]]) -> str:
    lines = [f"{'':44} {'p50 ms':>9} {'p99 ms':>9} {'n':>5}"]
    lines += [f"{name:44} {row['p50']:9.2f} {row['p99']:9.2f} {row['n']:5.0f}" for name, row in measured.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
