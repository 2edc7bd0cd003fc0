"""Values over time as text and as SVG: every value is in its place, and a gap stays a gap."""

from typing import Any

import pytest

from lager.recording.rows import Schedule
from lager_cli.display.sparkline import Curve, sparkline, svg


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        ([], 5, ""),
        ([1.0], 5, "▁"),
        ([2.0, 2.0], 5, "▁▁"),
        ([0.0, 1.0], 5, "▁█"),
        ([0.0, None, 7.0], 5, "▁·█"),
        ([None, None], 5, "··"),
        ([9.0, 0.0, 1.0, 2.0], 3, "▁▅█"),
        ([1.0, 2.0], 0, ""),
        ([1.0, 2.0], -3, ""),
        ([-1e300, 1e300], 2, "▁█"),
    ],
)
def test_a_sparkline(values: Any, width: int, drawn: str) -> None:
    assert sparkline(values, width) == drawn
    assert sparkline(values, width, unicode=False).isascii()


def test_a_curve_of_many_values_keeps_its_extremes_and_gaps() -> None:
    curve = Curve("a & b", "V")
    for n in range(100_000):
        curve.add(float(n), None if n == 50_000 else 99.0 if n == 70_001 else float(n % 7))
    pieces = curve.pieces()
    assert len(pieces) == 2
    assert sum(map(len, pieces)) < 5000
    assert max(point[2] for piece in pieces for point in piece) == 99.0
    assert min(point[1] for piece in pieces for point in piece) == 0.0
    seconds = [point[0] for piece in pieces for point in piece]
    assert seconds == sorted(seconds)
    assert "a &amp; b" in svg([curve, Curve("empty", "")])


@pytest.mark.parametrize(
    ("took", "missed"), [([0.1], [0]), ([0.5], [0]), ([1.0], [0]), ([2.5, 0.1], [1, 0]), ([3600.0], [3599])]
)
def test_a_schedule_counts_what_was_missed(took: list[float], missed: list[int]) -> None:
    clock = [0.0]
    schedule = Schedule(1.0, lambda: clock[0])
    counts = []
    for seconds in took:
        clock[0] += schedule.wait() + seconds
        counts.append(schedule.done())
    assert counts == missed
    assert schedule.wait() <= 1.0
