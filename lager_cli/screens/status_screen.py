"""The bench on one screen: pauses and questions, runs, and a line for each net."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lager.instruments.looks import QUANTITIES
from lager.nets.quantities import si
from lager.wording import commands
from lager.wording.text import cut, duration
from lager_cli.display.pause_table import bench_row, urgency
from lager_cli.display.tables import fitted
from lager_cli.readings.net_status import NetStatus

if TYPE_CHECKING:
    from lager.contract import LeaseDetails, PauseDetails

_PAUSES = ("PAUSE", "LABEL", "WHERE", "USER", "PAUSED", "LEFT")
_RUNS = ("RUN", "STATE", "AGE", "SCRIPT")
_NETS = ("NET", "TYPE", "OUTPUT", "READING", "HELD BY", "WHY")


@dataclass(frozen=True)
class Line:
    """One line; `style` is "", "bold", "on" or "bad", and `net` the name of the net that it is about."""

    text: str
    style: str = ""
    net: str = ""


@dataclass
class Bench:
    """What is shown. `runs` are rows of id, state, age in seconds, and command; `problem` is why nets are missing."""

    pauses: "Sequence[PauseDetails]" = ()
    runs: Sequence[tuple[str, str, float, str]] = ()
    nets: Sequence[NetStatus] = ()
    quarantined: "Sequence[LeaseDetails]" = ()
    problem: str = ""
    unread: set[str] = field(default_factory=set)  # names of nets that were not asked yet


def lines(bench: Bench, width: int) -> list[Line]:
    """Return the screen as lines of at most `width` columns."""
    shown = [Line(cut(summary(bench), width), "bold")]
    for lease in bench.quarantined:
        told = f"{lease['name']} is quarantined, it may be energised: {lease['reason']}"
        clear = commands.as_typed(f"Make sure that it is safe, then: lager instruments clear {lease['name']}")
        shown.append(Line(cut(f"{told} {clear}", width), "bad"))
    if bench.pauses:
        head, *rest = _table(_PAUSES, [bench_row(one) for one in bench.pauses], width)
        shown += [Line(""), head]
        shown += [Line(line.text, urgency(one)) for line, one in zip(rest, bench.pauses, strict=True)]
    if bench.runs:
        rows = [(id[:8], state, duration(seconds), command) for id, state, seconds, command in bench.runs]
        shown += [Line(""), *_table(_RUNS, rows, width)]
    if bench.nets:
        head, *rest = _table(*_nets(bench), width)
        shown += [Line(""), head]
        shown += [Line(line.text, _style(one), one.net.name) for line, one in zip(rest, bench.nets, strict=True)]
    if bench.problem:
        shown += [Line(""), Line(cut(bench.problem, width), "bad")]
    return shown


def summary(bench: Bench) -> str:
    """Return the first line: the numbers of pauses, runs and nets."""
    asking = sum("question" in one for one in bench.pauses)
    questions = f", of which {asking} ask{'s' if asking == 1 else ''}" if asking else ""
    on = sum(one.is_on is True for one in bench.nets)
    bad = sum(bool(one.problem) for one in bench.nets)
    parts = [
        f"{len(bench.pauses)} paused{questions}",
        f"{len(bench.runs)} run{'' if len(bench.runs) == 1 else 's'}",
        f"{len(bench.nets)} nets, {on} on",
    ]
    if bad:
        parts.append(f"{bad} with a problem")
    if bench.quarantined:
        parts.append(f"{len(bench.quarantined)} quarantined")
    return "  ".join(parts)


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]], width: int) -> list[Line]:
    head, *rest = fitted(headers, rows, width)
    return [Line(head, "bold"), *map(Line, rest)]


def _nets(bench: Bench) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return the headers and rows of the nets; with their benches, if one has a name."""
    rows = [_net(one, one.net.name in bench.unread) for one in bench.nets]
    if not any(one.net.instrument.bench for one in bench.nets):
        return _NETS, rows
    named = [(one.net.instrument.bench or "-", *row) for one, row in zip(bench.nets, rows, strict=True)]
    return ("BENCH", *_NETS), named


def _net(one: NetStatus, unread: bool) -> tuple[object, ...]:
    return (
        one.net.name,
        one.net.type.value,
        output_of(one),
        "…" if unread else reading_of(one),
        one.held_by,
        one.why,
    )


def output_of(one: NetStatus) -> str:
    """Return whether the output is on, in which mode, and which protection has tripped."""
    value = None if one.reading is None else one.reading.value
    for name in ("ovp", "ocp"):
        if getattr(value, f"{name}_tripped", None):
            return f"{name.upper()} tripped"
    if tripped := getattr(value, "tripped", None):
        return f"{tripped} tripped"
    if one.is_on is None:
        return "-"
    mode = getattr(value, "mode", None)
    return f"on {mode}" if one.is_on and mode else "on" if one.is_on else "off"


def reading_of(one: NetStatus) -> str:
    """Return what the net measures, with units."""
    if one.reading is None or one.reading.error is not None:
        return "-"
    measured = one.reading.measured(one.net.type)
    units = dict(QUANTITIES.get(one.net.type, ()))
    shown = [
        si(value, units[name]) if units[name] else f"{value:g}" for name, value in measured.items() if value is not None
    ]
    return "  ".join(shown) or "-"


def _style(one: NetStatus) -> str:
    return "bad" if one.problem else "on" if one.is_on else ""
