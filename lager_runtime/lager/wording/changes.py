"""Formats changes of the bench for the script that resumes, for commands and for the journal."""

import time
from typing import TYPE_CHECKING

from lager.wording.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lager.contract import Change

_LONGEST = 100


def lines(changes: "Iterable[Change]", left_out: int) -> list[str]:
    """Return a line for each change, and one for those that are not listed."""
    earlier = [f"and {left_out} more change{'' if left_out == 1 else 's'} before"] if left_out else []
    return [*earlier, *map(line, changes)]


def line(change: "Change") -> str:
    """Return one line, such as `supply2 voltage 3.300 → 5.000 V (ann, lager supply, 14:05:02)`."""
    who = [printable(change.get("user", ""), _LONGEST), printable(change.get("how", ""), _LONGEST)]
    moment = time.strftime("%H:%M:%S", time.localtime(change.get("at", 0.0)))
    return f"{printable(change.get('net', ''), _LONGEST)} {what(change)} ({', '.join([*filter(None, who), moment])})"


def what(change: "Change") -> str:
    """Return what changed, such as `voltage 3.300 → 5.000 V`."""
    unit = printable(change.get("unit", ""), _LONGEST)
    text = f"{value(change.get('old'))} → {value(change.get('new'))} {unit}".rstrip()
    return f"{printable(change.get('what', ''), _LONGEST)} {text}"


def value(value: object) -> str:
    """Return a value as text; ? for None."""
    if value is None:
        return "?"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.3f}" if isinstance(value, float | int) else printable(value, _LONGEST)
