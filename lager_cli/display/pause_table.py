"""Paused scripts as rows of a table."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lager.breakpoints.terminal.banner import shown_path
from lager.contract import ON_TIMEOUT
from lager.wording.text import duration, time_left
from lager_cli.display import output
from lager_cli.display.age import age

if TYPE_CHECKING:
    from lager.contract import PauseDetails

_LAST = 60.0  # seconds left from which a pause is highlighted
HEADERS = ("ID", "LABEL", "WHERE", "SCRIPT", "RUN", "USER", "PAUSED", "LEFT", "CONSOLES")


def show(pauses: "list[PauseDetails]") -> None:
    output.fitting_table(HEADERS, [row(pause) for pause in sorted(pauses, key=lambda pause: pause["since"])])


def row(pause: "PauseDetails") -> tuple[object, ...]:
    return (
        pause["id"],
        pause["label"] or "-",
        f"{shown_path(pause['file'])}:{pause['line']}",
        pause["script"] or "-",
        pause["run_id"][:8] or "-",
        pause["user"],
        duration(age(pause)),
        time_left_of(pause),
        (pause["consoles"] or "-") if pause["interactive"] else "",
    )


def bench_row(pause: "PauseDetails") -> tuple[object, ...]:
    """Return the row of a pause on the screen of a bench: a question says that it asks."""
    label = pause["label"] or "-"
    return (
        pause["id"],
        f"asks: {label}" if "question" in pause else label,
        f"{shown_path(pause['file'])}:{pause['line']}",
        pause["user"],
        duration(age(pause)),
        time_left_of(pause),
    )


def urgency(pause: "PauseDetails") -> str:
    """Return the style of a pause in lager.wording.palette: it is highlighted in its last minute."""
    return "bad" if 0 < pause["remaining"] < _LAST else ""


def time_left_of(pause: Mapping[str, Any]) -> str:
    """Return the time left, and what the script does then if it does not resume."""
    if not pause["remaining"]:
        return "no limit"
    then = pause.get("on_timeout", ON_TIMEOUT[0])
    return time_left(pause["remaining"]) + (f", then {then}" if then != ON_TIMEOUT[0] else "")
