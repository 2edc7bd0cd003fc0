"""Values over time as a line of text, and as an SVG file."""

from collections.abc import Iterable, Sequence
from html import escape

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-~=+*#"
_GAP = "·"
_WIDTH, _HEIGHT, _LEFT, _TOP, _BETWEEN = 900, 120, 90, 30, 40
_MOST_POINTS = 4000


def sparkline(values: Sequence[float | None], width: int, *, unicode: bool = True) -> str:
    """Return the last `width` values as blocks between the lowest and the highest; a gap is a dot."""
    levels = _BLOCKS if unicode else _ASCII
    shown = values[-width:] if width > 0 else []
    known = [value for value in shown if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = high - low
    top = len(levels) - 1
    return "".join(
        (_GAP if unicode else " ") if value is None else levels[round((value - low) / span * top) if span else 0]
        for value in shown
    )


class Curve:
    """One quantity over time, in at most some thousand points: of each, the lowest and the highest value."""

    def __init__(self, title: str, unit: str) -> None:
        self.title = title
        self.unit = unit
        self._points: list[tuple[float, float, float] | None] = []
        self._each = 1  # values that make up one point
        self._pending: list[tuple[float, float]] = []

    def add(self, seconds: float, value: float | None) -> None:
        """Add a value; None is a gap."""
        if value is None:
            self._close_point()
            if self._points and self._points[-1] is not None:
                self._points.append(None)
            return
        self._pending.append((seconds, value))
        if len(self._pending) >= self._each:
            self._close_point()
        if len(self._points) > _MOST_POINTS:
            self._halve()

    def pieces(self) -> list[list[tuple[float, float, float]]]:
        """Return the points (seconds, lowest, highest) between gaps."""
        self._close_point()
        found: list[list[tuple[float, float, float]]] = [[]]
        for point in self._points:
            if point is None:
                found.append([])
            else:
                found[-1].append(point)
        return [piece for piece in found if piece]

    def _close_point(self) -> None:
        if self._pending:
            values = [value for _, value in self._pending]
            self._points.append((self._pending[0][0], min(values), max(values)))
            self._pending = []

    def _halve(self) -> None:
        """Merge each two points that follow each other without a gap."""
        merged: list[tuple[float, float, float] | None] = []
        first: tuple[float, float, float] | None = None
        for point in self._points:
            if first is not None and point is not None:
                merged.append((first[0], min(first[1], point[1]), max(first[2], point[2])))
                first = None
            elif point is None:
                merged += [None] if first is None else [first, None]
                first = None
            else:
                first = point
        self._points = merged if first is None else [*merged, first]
        self._each *= 2


def svg(curves: Iterable[Curve]) -> str:
    """Return an SVG picture with a panel for each curve over the same time."""
    shown = list(curves)
    drawn = [(curve, curve.pieces()) for curve in shown]
    ends = [point[0] for _, pieces in drawn for piece in pieces for point in piece]
    begin, end = min(ends, default=0.0), max(ends, default=1.0)
    height = _TOP + len(drawn) * (_HEIGHT + _BETWEEN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 20}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, (curve, pieces) in enumerate(drawn):
        parts += _panel(curve, pieces, _TOP + number * (_HEIGHT + _BETWEEN), begin, end)
    return "\n".join([*parts, "</svg>", ""])


def _panel(
    curve: Curve, pieces: list[list[tuple[float, float, float]]], top: int, begin: float, end: float
) -> list[str]:
    low = min((point[1] for piece in pieces for point in piece), default=0.0)
    high = max((point[2] for piece in pieces for point in piece), default=0.0)
    span, time = (high - low) or 1.0, (end - begin) or 1.0

    def x(seconds: float) -> float:
        return _LEFT + (seconds - begin) / time * _WIDTH

    def y(value: float) -> float:
        return top + _HEIGHT - (value - low) / span * _HEIGHT

    bottom = top + _HEIGHT
    parts = [
        f'<text x="{_LEFT}" y="{top - 8}" font-weight="bold">{escape(curve.title)}</text>',
        f'<path d="M{_LEFT} {top}V{bottom}H{_LEFT + _WIDTH}" fill="none" stroke="#888"/>',
        f'<text x="{_LEFT - 6}" y="{top + 10}" text-anchor="end">{high:.6g} {escape(curve.unit)}</text>',
        f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">{low:.6g} {escape(curve.unit)}</text>',
        f'<text x="{_LEFT}" y="{bottom + 14}">{begin:.6g} s</text>',
        f'<text x="{_LEFT + _WIDTH}" y="{bottom + 14}" text-anchor="end">{end:.6g} s</text>',
    ]
    for piece in pieces:
        places = [f"{x(at):.1f} {y(value):.1f}" for at, lowest, highest in piece for value in (lowest, highest)]
        parts.append(f'<path d="M{"L".join(places)}" fill="none" stroke="#15c" stroke-linecap="round"/>')
    return parts
