"""The result of a measurement, and its formatting."""

import math
from dataclasses import asdict, dataclass
from typing import Any

_ALTERNATIVE = "polled file"
_HEAD = ("", "unit", "p50", "p99", "n", "floor", _ALTERNATIVE, "aim")


@dataclass(frozen=True)
class Figures:
    """Median and 99th percentile of `n` samples, in `unit`."""

    p50: float
    p99: float
    n: int
    unit: str = "ms"


@dataclass(frozen=True)
class Row:
    """A measured figure, its floor, and the same figure with a polled file, if they exist.

    `pauses` is how many pauses there were meanwhile; rows with one name differ in it.
    """

    name: str
    ours: Figures
    floor: Figures | None = None
    file: Figures | None = None
    aim: str = ""
    pauses: int = 0

    @property
    def title(self) -> str:
        return f"{self.name}, {self.pauses} paused" if self.pauses else self.name

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def times(samples: list[float]) -> Figures:
    """Figures in milliseconds, of samples in seconds."""
    ordered = sorted(1e3 * sample for sample in samples)
    at = min(math.ceil(len(ordered) * 0.99), len(ordered)) - 1
    return Figures(ordered[len(ordered) // 2], ordered[at], len(ordered))


def amount(value: float, unit: str) -> Figures:
    return Figures(value, value, 1, unit)


def cells(row: Row) -> tuple[str, ...]:
    return (
        row.title,
        row.ours.unit,
        short(row.ours.p50),
        short(row.ours.p99) if row.ours.n > 1 else "",
        str(row.ours.n) if row.ours.n > 1 else "",
        short(row.floor.p50) if row.floor else "",
        short(row.file.p50) if row.file else "",
        row.aim,
    )


def short(value: float) -> str:
    """Return three digits, which is more than the precision of a measurement."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(rows: list[Row]) -> str:
    shown = [_HEAD, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return "\n".join(
        " ".join(
            cell.ljust(width) if at in (0, 1, 7) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in shown
    )


def markdown(rows: list[Row]) -> str:
    lines = [f"| what | p50 | p99 | floor | {_ALTERNATIVE} |", "|---|---:|---:|---:|---:|"]
    for row in rows:
        name, unit, p50, p99, _, floor, file, _ = cells(row)
        named = f"{name} ({unit})" if unit else name
        lines.append(f"| {named} | {p50} | {p99} | {floor} | {file} |")
    return "\n".join(lines)
