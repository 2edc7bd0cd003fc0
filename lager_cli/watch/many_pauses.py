"""`lager breakpoints --watch` of many boxes: one live table on a terminal, else one line for each change."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from lager.wording.text import cut
from lager_cli.boxes.names import box_table
from lager_cli.boxes.names.box_table import Box
from lager_cli.boxes.several.answers import BoxAnswer, reason_of, state_of
from lager_cli.boxes.several.streams import followed
from lager_cli.display import output
from lager_cli.display.pause_table import HEADERS, row, urgency
from lager_cli.display.tables import fitted
from lager_cli.follower import PauseEvent
from lager_cli.screens.scrolled import ScrolledScreen
from lager_cli.screens.status_screen import Line
from lager_cli.watch.box_streams import from_thread, told_until_the_end
from lager_cli.watch.watch import WIDTHS, as_object, on_a_screen, who

if TYPE_CHECKING:
    from lager.contract import PauseDetails

_WORDS = ("breakpoints", "--watch", "--json", "--alive")
_REDRAW_SECONDS = 0.2
_BOX_WIDTH = 12
_CHANGES = ("standing", "paused", "extended", "attached", "detached", "console")  # every other event is an end
_MOST = 10_000  # pauses of a box
_LEAST_LEFT = 0.001  # 0 means no limit


def watch(names: str, limit: float, as_json: bool) -> int:
    """Show the pauses of the boxes until the user leaves, and return the exit code."""
    boxes = box_table.find_several(names)
    if on_a_screen(as_json):
        screen = _PausesScreen(boxes, limit)
        asyncio.run(screen.run())
        return screen.code
    lines = _Lines(boxes, as_json)
    return asyncio.run(told_until_the_end(boxes, _WORDS, _event, lines.heard, limit))


@dataclass
class BoxPauses:
    """The known pauses of one box. `state` is ok, connecting, or the reason in a few words why there is no answer."""

    state: str = "connecting"
    why: str = ""
    _pauses: "dict[str, tuple[PauseDetails, float]]" = field(default_factory=dict)  # with the time when it was told
    _told: set[str] | None = field(default_factory=set)  # since the connection, until all have been told

    def heard(self, answer: BoxAnswer) -> list[PauseEvent]:
        """Handle a line of the box, or the reason why there is none; return the changes."""
        if answer.problem is not None:
            self.state, self.why, self._told = state_of(answer.problem), reason_of(answer.problem), set()
            return []
        if isinstance(answer.said, PauseEvent):
            return self._take(answer.said)
        self.state, self.why = ("problem", answer.said) if answer.said else ("ok", "")
        unseen, self._told = set() if self._told is None else self._pauses.keys() - self._told, None
        return [PauseEvent("lost", self._pauses.pop(id)[0], {}) for id in sorted(unseen)]

    def pauses(self) -> "list[PauseDetails]":
        """Return the pauses of a box that answers, oldest first, each with its age and the time left now."""
        if self.state not in ("ok", "problem"):
            return []
        now = time.monotonic()
        return sorted((_aged(pause, now - at) for pause, at in self._pauses.values()), key=lambda one: one["since"])

    def _take(self, said: PauseEvent) -> list[PauseEvent]:
        id = said.pause["id"]
        known = id in self._pauses
        if said.event not in _CHANGES:
            self._pauses.pop(id, None)
            return [said] if known else []
        if len(self._pauses) < _MOST or known:
            self._pauses[id] = said.pause, time.monotonic()
        if self._told is not None:
            self._told.add(id)
        return [] if known and said.event == "standing" else [said]


def _aged(pause: "PauseDetails", seconds: float) -> "PauseDetails":
    left = max(pause["remaining"] - seconds, _LEAST_LEFT) if pause["remaining"] else 0.0
    return cast("PauseDetails", {**pause, "age": cast("dict[str, Any]", pause)["age"] + seconds, "remaining": left})


def _event(said: Any) -> PauseEvent | str:
    """Return the change in a line; for a line without one, the problem of lagerd there, or "". Raises if
    `said` is not what `lager breakpoints --watch --json` prints."""
    if said["event"] == "alive":
        return str(said["problem"])
    found = PauseEvent(str(said["event"]), said["pause"], dict(said["by"]))
    row(_aged(found.pause, 0.0))
    urgency(found.pause)
    if not isinstance(found.pause["id"], str) or not isinstance(found.pause["since"], int | float):
        raise TypeError(found.pause["id"])
    return found


class _PausesScreen(ScrolledScreen):
    """The screen until the user leaves it."""

    def __init__(self, boxes: Sequence[Box], limit: float) -> None:
        super().__init__(redraw_seconds=_REDRAW_SECONDS)
        self._boxes, self._limit = boxes, limit
        self._known = {box.name: BoxPauses() for box in boxes}

    async def run(self) -> None:
        """Run until the user leaves, or the terminal is gone."""
        loop = asyncio.get_running_loop()
        with followed(self._boxes, _WORDS, _event, from_thread(loop, self._heard), self._limit):
            await super().run()

    def _begin(self) -> None:
        super()._begin()
        self._app.create_background_task(self._tick())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._changed()

    def _heard(self, answer: BoxAnswer) -> None:
        self._known[answer.box.name].heard(answer)
        self._changed()

    def _lines(self, width: int) -> list[Line]:
        return lines(self._known, width)


def lines(known: dict[str, BoxPauses], width: int) -> list[Line]:
    """Return the screen as lines of at most `width` columns. The keys are the names of the boxes."""
    pauses = [(name, pause) for name, one in known.items() for pause in one.pauses()]
    answering = sum(one.state in ("ok", "problem") for one in known.values())
    shown = [Line(cut(f"{answering} of {len(known)} boxes answer  {len(pauses)} paused", width), "bold"), Line("")]
    if pauses:
        head, *rest = fitted(("BOX", *HEADERS), [(name, *row(pause)) for name, pause in pauses], width)
        styles = [urgency(pause) for _, pause in pauses]
        shown += [Line(head, "bold"), *map(Line, rest, styles), Line("")]
    for name, one in known.items():
        if one.state != "ok":
            text = f"{name}: {one.state}" + (f": {one.why}" if one.why else "")
            shown.append(Line(cut(text, width), "bad" if one.why else ""))
    return shown


class _Lines:
    """Prints a line for each change on a box, and for each problem with one."""

    def __init__(self, boxes: Sequence[Box], as_json: bool) -> None:
        self._as_json = as_json
        self._known = {box.name: BoxPauses() for box in boxes}
        if not as_json:
            output.cells(("BOX", "EVENT", *HEADERS, "BY"), (_BOX_WIDTH, *WIDTHS))

    def heard(self, answer: BoxAnswer) -> None:
        """Raises OSError if the line cannot be written."""
        name, one = answer.box.name, self._known[answer.box.name]
        before = one.state, one.why
        changes = one.heard(answer)
        if (one.state, one.why) != before:
            self._tell(name, one)
        for change in changes:
            if self._as_json:
                output.print_json_line({"box": name, **as_object(change), "error": None})
            else:
                output.cells([name, change.event, *row(change.pause), who(change)], (_BOX_WIDTH, *WIDTHS))

    def _tell(self, name: str, one: BoxPauses) -> None:
        if self._as_json:
            output.print_json_line({"box": name, "state": one.state, "error": one.why or None})
        else:
            output.note(f"{name}: {one.state}" + (f": {one.why}" if one.why else ""))
