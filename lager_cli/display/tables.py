"""Fits a table into a width: shortens wide cells, then leaves out dispensable columns, then shortens cells further."""

import re
from collections.abc import Sequence

from lager.wording.text import columns as columns_of
from lager.wording.text import cut, padded, printable, wrapped

_FLEXIBLE = ("LABEL", "WHERE", "SCRIPT", "WHAT", "WHY", "ADDRESS", "LIMITS", "COMMAND", "HELD BY")
_DISPENSABLE = ("RUN", "SCRIPT", "USER", "PAUSED", "MODEL", "CHANNEL")
_SENTENCES = ("TO DO", "RESULT")  # in the last column: shown whole, on several lines
_PRECIOUS = ("ADDRESS",)  # flexible, too, but only once nothing else can give: half of one is of no use
_NARROW, _NARROWEST = 20, 12


def cell(value: object, longest: int = 200) -> str:
    """Return the value as one line without characters that control the terminal."""
    return printable(re.sub(r"\s*\n\s*", " ", str(value).strip()), longest)


def with_sentences(headers: Sequence[str], rows: Sequence[Sequence[object]], columns: int) -> list[str]:
    """Return the lines of a table whose last column has sentences, which continue on extra lines."""
    before = [[*headers[:-1]], *([cell(value) for value in row[:-1]] for row in rows)]
    widths = [max(columns_of(line[column]) for line in before) for column in range(len(headers) - 1)]
    margin = sum(widths) + 2 * len(widths)
    room = max(columns - margin, _NARROW)
    lines = []
    for start, last in zip(before, [headers[-1], *(row[-1] for row in rows)], strict=True):
        first, *more = wrapped(cell(last, 1000), room, 0)
        lines += [aligned([*start, first], [*widths, 0]), *(" " * margin + one for one in more)]
    return lines


def fitted(headers: Sequence[str], rows: Sequence[Sequence[object]], columns: int) -> list[str]:
    """Return the header line and the row lines, none wider than `columns`."""
    if headers[-1] in _SENTENCES:
        return with_sentences(headers, rows, columns)
    lines = [list(headers), *([cell(value) for value in row] for row in rows)]
    kept = list(range(len(headers)))
    dispensable = _DISPENSABLE if "WHERE" in headers or "ADDRESS" in headers else ()
    passes = ((None, _NARROW, False), *((name, _NARROW, False) for name in dispensable))
    for name, narrowest, is_last in (*passes, (None, _NARROWEST, True)):
        kept = [column for column in kept if headers[column] != name]
        widths = {column: max(columns_of(line[column]) for line in lines) for column in kept}
        if _shrink(widths, headers, columns, narrowest, is_last=is_last):
            break
    return [
        cut(
            aligned([_cut(line[column], widths[column], headers[column]) for column in kept], list(widths.values())),
            columns,
        )
        for line in lines
    ]


def aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _shrink(widths: dict[int, int], headers: Sequence[str], columns: int, narrowest: int, *, is_last: bool) -> bool:
    """Shrink the widest flexible columns, down to `narrowest`, until the table fits. Return whether it does.

    `is_last`: then also those that are precious.
    """
    while sum(widths.values()) + 2 * (len(widths) - 1) > columns:
        able = [column for column in widths if headers[column] in _FLEXIBLE and widths[column] > narrowest]
        able = [column for column in able if headers[column] not in _PRECIOUS] or (able if is_last else [])
        if not able:
            return False
        widths[max(able, key=widths.__getitem__)] -= 1
    return True


def _cut(text: str, width: int, header: str) -> str:
    return cut(text, width, keep_end=header == "WHERE")
