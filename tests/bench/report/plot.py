"""Cost against the number of pauses, as an SVG with logarithmic axes."""

import math
from collections.abc import Iterable
from html import escape

from tests.bench.report.figures import Row

PANELS = ("Continue until the next statement", "List", "memory of lagerd per pause")
_WIDTH, _HEIGHT, _LEFT, _TOP = 250, 170, 60, 40
_GAP = 40
_OURS, _POLLED, _INK, _GRID = "#2f6fde", "#d9822b", "#777777", "#77777744"


def svg(rows: list[Row]) -> str:
    width = len(PANELS) * (_LEFT + _WIDTH + _GAP)
    height = _TOP + _HEIGHT + 60
    parts = [_panel(name, rows, at * (_LEFT + _WIDTH + _GAP) + _LEFT) for at, name in enumerate(PANELS)]
    key = _text(_LEFT, height - 6, "lager", _OURS, "start") + _text(
        _LEFT + 50, height - 6, "polled file", _POLLED, "start"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12">\n{"".join(parts)}{key}</svg>\n'
    )


def _panel(name: str, rows: list[Row], left: float) -> str:
    mine = [row for row in rows if row.name == name and row.pauses]
    if not mine:
        return ""
    ours = {row.pauses: row.ours.p50 for row in mine}
    file = {row.pauses: row.file.p50 for row in mine if row.file}
    across = _Axis(ours, left, left + _WIDTH)
    up = _Axis([*ours.values(), *file.values()], _TOP + _HEIGHT, _TOP)
    parts = [_text(left + _WIDTH / 2, _TOP - 16, f"{name} ({mine[0].ours.unit})", _INK)]
    for value in up.ticks:
        parts.append(_line([(left, up(value)), (left + _WIDTH, up(value))], _GRID))
        parts.append(_text(left - 6, up(value) + 4, f"{value:g}", _INK, "end"))
    parts += [_text(across(value), _TOP + _HEIGHT + 18, f"{value:g}", _INK) for value in ours]
    for figures, colour in ((file, _POLLED), (ours, _OURS)):
        points = [(across(pauses), up(value)) for pauses, value in figures.items()]
        parts.append(_line(points, colour, 2))
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>\n' for x, y in points]
    return "".join(parts)


class _Axis:
    """Places values between two coordinates, from one power of ten to another."""

    def __init__(self, values: Iterable[float], begin: float, end: float) -> None:
        logs = [math.log10(max(value, 0.001)) for value in values]
        low, high = math.floor(min(logs)), math.ceil(max(logs))
        self._low, self._high = low, max(high, low + 1)
        self._begin, self._end = begin, end
        self.ticks = [10.0**power for power in range(self._low, self._high + 1)]

    def __call__(self, value: float) -> float:
        share = (math.log10(max(value, 0.001)) - self._low) / (self._high - self._low)
        return self._begin + share * (self._end - self._begin)


def _line(points: list[tuple[float, float]], colour: str, width: float = 1) -> str:
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{text}" fill="none" stroke="{colour}" stroke-width="{width}"/>\n'


def _text(x: float, y: float, text: str, colour: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>\n'
