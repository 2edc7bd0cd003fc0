"""Tracks which row of a changing list is selected, and which rows a window shows."""

from collections.abc import Sequence


class RowSelection:
    """The selected row; `id` is None if there is none.

    When the selected row disappears, no other row is selected automatically: a key pressed at that moment would act on
    a row that the user did not choose.
    """

    def __init__(self) -> None:
        self.id: str | None = None
        self._ids: Sequence[str] = ()
        self._index = 0
        self._top = 0
        self._untouched = True

    def update(self, ids: Sequence[str]) -> None:
        """Set the rows. The very first row is selected automatically."""
        self._ids = ids
        if self.id in ids:
            self._index = ids.index(self.id)
        elif ids:
            self.id = None
        if ids and self._untouched:
            self.move(0)

    def move(self, by: int) -> None:
        """Select the row `by` below the selected one; if none is selected, the row where the last one was."""
        step = 0 if self.id is None else by
        self._index = min(max(self._index + step, 0), max(len(self._ids) - 1, 0))
        self.id = self._ids[self._index] if self._ids else None
        self._untouched = self._untouched and self.id is None

    def window(self, height: int) -> range:
        """Return the rows that `height` lines show, including the selected one."""
        self._top = min(max(self._top, self._index - height + 1), self._index, max(len(self._ids) - height, 0))
        return range(self._top, min(self._top + height, len(self._ids)))
