"""`lager status --watch` for many boxes: one live screen, or a line of JSON for each line of a box."""

import asyncio
from collections.abc import Sequence
from typing import Any

from lager_cli.boxes.names import box_table
from lager_cli.boxes.names.box_table import Box
from lager_cli.boxes.several.answers import BoxAnswer, reason_of, state_of
from lager_cli.boxes.several.streams import followed
from lager_cli.display import output
from lager_cli.screens.lab_screen import BoxBench, absent, bench_of, lines
from lager_cli.screens.scrolled import ScrolledScreen
from lager_cli.screens.status_screen import Line
from lager_cli.watch.box_streams import from_thread, told_until_the_end

_WORDS = ("status", "--watch", "--json")
_REDRAW_SECONDS = 0.2


def live(names: str, limit: float) -> int:
    """Show the benches of the boxes until the user leaves, and return the exit code."""
    screen = _LabScreen(box_table.find_several(names), limit)
    asyncio.run(screen.run())
    return screen.code


class _LabScreen(ScrolledScreen):
    """The screen until the user leaves it."""

    def __init__(self, boxes: Sequence[Box], limit: float) -> None:
        super().__init__(redraw_seconds=_REDRAW_SECONDS)
        self._boxes, self._limit = boxes, limit
        self._benches = {box.name: BoxBench() for box in boxes}

    async def run(self) -> None:
        """Run until the user leaves, or the terminal is gone."""
        loop = asyncio.get_running_loop()
        with followed(self._boxes, _WORDS, bench_of, from_thread(loop, self._heard), self._limit):
            await super().run()

    def _heard(self, answer: BoxAnswer) -> None:
        if answer.problem is None:
            self._benches[answer.box.name] = answer.said
        else:
            self._benches[answer.box.name] = absent(state_of(answer.problem), reason_of(answer.problem))
        self._changed()

    def _lines(self, width: int) -> list[Line]:
        return lines(self._benches, width)


def lines_of_json(names: str, limit: float) -> int:
    """Print an object for each line of a box, and for each problem with one. Return the exit code, when interrupted.

    Raises BrokenPipeError when the reader closes the pipe.
    """
    return asyncio.run(told_until_the_end(box_table.find_several(names), _WORDS, _checked, _print, limit))


def _print(answer: BoxAnswer) -> None:
    output.print_json_line(_object(answer))


def _object(answer: BoxAnswer) -> dict[str, Any]:
    if answer.problem is None:
        return {"box": answer.box.name, **answer.said, "error": None}
    return {"box": answer.box.name, "error": reason_of(answer.problem), "state": state_of(answer.problem)}


def _checked(said: Any) -> dict[str, Any]:
    bench_of(said)
    return {key: value for key, value in said.items() if key != "box"}
