"""A table that fits into a width: wide cells are shortened, columns left out that one can do without, and if that is
not enough, cells shortened still more."""

from collections.abc import Sequence

from lager.text import printable

_FLEXIBLE = ("LABEL", "WHERE", "SCRIPT")
_DISPENSABLE = ("RUN", "SCRIPT", "USER", "PAUSED")
_NARROW, _NARROWEST = 20, 12


def fitted(headers: Sequence[str], rows: Sequence[Sequence[object]], columns: int) -> list[str]:
    """The line of the headers and those of the rows, none wider than `columns`."""
    lines = [list(headers), *([printable(cell) for cell in row] for row in rows)]
    kept = list(range(len(headers)))
    dispensable = _DISPENSABLE if "WHERE" in headers else ()
    for name, narrowest in ((None, _NARROW), *((name, _NARROW) for name in dispensable), (None, _NARROWEST)):
        kept = [column for column in kept if headers[column] != name]
        widths = {column: max(len(line[column]) for line in lines) for column in kept}
        if _shrink(widths, headers, columns, narrowest):
            break
    return [
        aligned([_cut(line[column], widths[column], headers[column]) for column in kept], list(widths.values()))[
            :columns
        ]
        for line in lines
    ]


def aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _shrink(widths: dict[int, int], headers: Sequence[str], columns: int, narrowest: int) -> bool:
    """Take from the widest of the flexible columns what is too much, down to the `narrowest`; whether that was
    enough."""
    while sum(widths.values()) + 2 * (len(widths) - 1) > columns:
        able = [column for column in widths if headers[column] in _FLEXIBLE and widths[column] > narrowest]
        if not able:
            return False
        widths[max(able, key=widths.__getitem__)] -= 1
    return True


def _cut(cell: str, width: int, header: str) -> str:
    if len(cell) <= width:
        return cell
    return "…" + cell[len(cell) - width + 1 :] if header == "WHERE" else cell[: width - 1] + "…"
