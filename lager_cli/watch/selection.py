"""Which of the rows of a changing list is selected, and which of them a window shows."""

from collections.abc import Sequence


class Selection:
    """`id` is None where nothing is selected. No row takes by itself the place of one that has gone: a key pressed just
    then would be for a row that nobody chose."""

    def __init__(self) -> None:
        self.id: str | None = None
        self._ids: Sequence[str] = ()
        self._index = 0
        self._top = 0
        self._untouched = True

    def update(self, ids: Sequence[str]) -> None:
        """The rows are these now. The very first is selected by itself."""
        self._ids = ids
        if self.id in ids:
            self._index = ids.index(self.id)
        elif ids:
            self.id = None
        if ids and self._untouched:
            self.move(0)

    def move(self, by: int) -> None:
        """Select the row so many below the selected one; where none is, the one in the place of the last."""
        step = 0 if self.id is None else by
        self._index = min(max(self._index + step, 0), max(len(self._ids) - 1, 0))
        self.id = self._ids[self._index] if self._ids else None
        self._untouched = self._untouched and self.id is None

    def window(self, height: int) -> range:
        """The rows that `height` lines show, the selected one among them."""
        self._top = min(max(self._top, self._index - height + 1), self._index, max(len(self._ids) - height, 0))
        return range(self._top, min(self._top + height, len(self._ids)))
