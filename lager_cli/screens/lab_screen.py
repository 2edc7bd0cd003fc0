"""Many benches on one screen: a line for each box, then all pauses, then the problems of instruments and nets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lager.wording.text import cut, printable
from lager_cli.display.age import age
from lager_cli.display.pause_table import bench_row, urgency
from lager_cli.display.tables import fitted
from lager_cli.screens.status_screen import Line

HEADERS = ("STATE", "PAUSED", "RUNS", "NETS", "ON", "WHY")
_PAUSES = ("BOX", "PAUSE", "LABEL", "WHERE", "USER", "PAUSED", "LEFT")
_CONNECTING = ("connecting", "", "", "", "", "")
_MOST = 200  # of each box: pauses, and nets with a problem


@dataclass(frozen=True)
class BoxBench:
    """What is shown of one box: its line, the rows of its pauses, each with a style, and its problems."""

    cells: Sequence[object] = _CONNECTING
    pauses: Sequence[tuple[Sequence[object], str]] = ()
    wrong: Sequence[str] = ()
    style: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)  # paused, asking, runs, nets, on

    @property
    def answers(self) -> bool:
        return bool(self.counts)


def row(said: Any) -> Sequence[object]:
    """Return the line of one box, without its name. Raises if `said` is not what `lager status --json` prints."""
    return bench_of(said).cells


def bench_of(said: Any) -> BoxBench:
    """Return what is shown of a box that says this. Raises if it is not what `lager status --json` prints."""
    pauses, nets = said["pauses"], said["nets"]
    wrong = [f"{one['name']} is quarantined: {one['reason']}" for one in said["quarantined"]]
    wrong += [f"{net['name']}: {net['problem']}" for net in nets if net["problem"]]
    on = sum((net["state"] or {}).get("enabled") is True for net in nets)
    counts = {
        "paused": len(pauses), "asking": sum("question" in one for one in pauses),
        "runs": len(said["runs"]), "nets": len(nets), "on": on,
    }  # fmt: skip
    why = said["problem"] or (wrong[0] + (f" (and {len(wrong) - 1} more)" if wrong[1:] else "") if wrong else "")
    return BoxBench(
        ("problem" if why else "ok", counts["paused"], counts["runs"], counts["nets"], on, why),
        [(bench_row(one), urgency(one)) for one in sorted(pauses, key=age, reverse=True)[:_MOST]],
        [printable(one.replace("\n", " "), 500) for one in wrong[:_MOST]],
        "bad" if why else "on" if on else "",
        counts,
    )


def absent(state: str, why: str) -> BoxBench:
    """Return what is shown of a box that does not answer."""
    return BoxBench((state, "", "", "", "", why), style="bad")


def lines(benches: Mapping[str, BoxBench], width: int) -> list[Line]:
    """Return the screen as lines of at most `width` columns. The keys are the names of the boxes."""
    shown = [Line(cut(_summary(benches), width), "bold"), Line("")]
    rows = [(name, *bench.cells) for name, bench in benches.items()]
    shown += _table(("BOX", *HEADERS), rows, [bench.style for bench in benches.values()], width)
    pauses = [(name, cells, style) for name, bench in benches.items() for cells, style in bench.pauses]
    if pauses:
        rows = [(name, *cells) for name, cells, _ in pauses]
        shown += [Line(""), *_table(_PAUSES, rows, [style for *_, style in pauses], width)]
    wrong = [Line(cut(f"{name}: {what}", width), "bad") for name, bench in benches.items() for what in bench.wrong]
    return [*shown, *([Line("")] if wrong else []), *wrong]


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]], styles: Sequence[str], width: int) -> list[Line]:
    head, *rest = fitted(headers, rows, width)
    return [Line(head, "bold"), *(Line(text, style) for text, style in zip(rest, styles, strict=True))]


def _summary(benches: Mapping[str, BoxBench]) -> str:
    """Return the first line: how many boxes answer, and the totals of pauses, runs and outputs."""
    total = {key: sum(one.counts.get(key, 0) for one in benches.values()) for key in ("paused", "asking", "runs", "on")}
    asking = f", of which {total['asking']} ask{'s' if total['asking'] == 1 else ''}" if total["asking"] else ""
    answering = sum(one.answers for one in benches.values())
    runs = f"{total['runs']} run{'' if total['runs'] == 1 else 's'}"
    on = f"{total['on']} output{'' if total['on'] == 1 else 's'} on"
    return f"{answering} of {len(benches)} boxes answer  {total['paused']} paused{asking}  {runs}  {on}"
