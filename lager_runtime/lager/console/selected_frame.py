"""The frame whose names a console uses: that of the pause, until `:up` and `:down` select another."""

from collections.abc import Callable
from typing import Any

from lager.inspection.frames.location import Place
from lager.inspection.snapshot import is_hidden

_MOST_STEPS = 1_000_000


class SelectedFrame:
    """The selection of one console. `use` gets the names of a frame, None for those of the pause, in which the sources
    run that come from then on. Each frame has one copy of its names, which lasts as long as the console."""

    def __init__(self, place: Place, use: Callable[[dict[str, Any] | None], None]) -> None:
        self.place = place
        self._whole = place
        self._use = use
        self._copies: dict[int, dict[str, Any]] = {}

    def move(self, steps: int) -> bool:
        """Select a frame so many steps further out, or further in if negative; at most the last one there is. Return
        whether it is another one than before. May run code of the script, if a frame has odd names."""
        visible = [at for at, (frame, _) in enumerate(self._whole.stack) if not is_hidden(frame)]
        here = len(self.place.stack) - 1
        if here not in visible:
            return False
        wanted = visible.index(here) - max(min(steps, _MOST_STEPS), -_MOST_STEPS)
        there = visible[max(min(wanted, len(visible) - 1), 0)]
        if there == here:
            return False
        place = Place(self._whole.stack[: there + 1])
        innermost = there == len(self._whole.stack) - 1
        names = None if innermost else self._copies.get(there) or place.namespace()
        if names is not None:
            self._copies[there] = names
        self.place = place
        self._use(names)
        return True

    def forget(self) -> None:
        """Drop the frames and all references to their content."""
        self._copies.clear()
        if self.place is not self._whole:
            self.place.forget()
