"""The pauses of one run, in the order of their banners, as lagerd tells them.

Races:

- Signals and the answer to List may arrive in either order. While the answer is pending, `_ended` collects the ids of
  the pauses that have ended, so that an older answer cannot bring one back; and a pause that began before another one
  is put before it, whichever is heard of first.
- lagerd may stop or restart between any two events. While lagerd's bus name has no owner, no pauses are known; a new
  owner announces them again. The order of the banners, and the questions, are kept: the scripts may tell us the
  same ids themselves.
"""

import contextlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lager.errors import LagerError

if TYPE_CHECKING:
    from lager.contract import PauseDetails
    from lager.wording.question import Question


class RunPauses:
    """To be used in one thread."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._pauses: dict[str, None] = {}
        self._banners: dict[str, Question | None] = {}
        self._pids: dict[str, int] = {}
        self._began: dict[str, float] = {}
        self._ended: set[str] | None = None

    def __len__(self) -> int:
        return len(self._pauses)

    def __contains__(self, id: str) -> bool:
        return id in self._pauses

    def is_ours(self, pause: "PauseDetails") -> bool:
        """Return whether the pause belongs to this run."""
        return pause["run_id"] == self._run_id

    def add(self, pause: "PauseDetails") -> None:
        """Add a pause of this run."""
        self._pauses[pause["id"]] = None
        question = self._banners.pop(pause["id"], None) or _question(pause)
        self._put_in_order(pause["id"], pause.get("began", 0.0), question)
        self._pids[pause["id"]] = pause.get("pid", 0)

    def heard_of(self, id: str, question: Mapping[str, Any]) -> None:
        """Note the question of a pause of this run before lagerd has announced it; `question` has the keys of a
        question."""
        self._banners.setdefault(id, _question(question))

    def add_unheard(self, id: str, pid: int) -> None:
        """Add a pause of this run that its process has reported, and that lagerd has not announced yet."""
        self._pauses[id] = None
        self._banners.setdefault(id, None)
        self._pids[id] = pid

    def end(self, id: str) -> None:
        """Remove a pause that has ended, or is about to."""
        self._pauses.pop(id, None)
        self._banners.pop(id, None)
        self._pids.pop(id, None)
        self._began.pop(id, None)
        if self._ended is not None:
            self._ended.add(id)

    def forget(self) -> None:
        """Forget all pauses, because without lagerd their ends are not reported."""
        self._pauses.clear()

    def begin_listing(self) -> None:
        """Call it before List is sent."""
        self._ended = set()

    def has_ended(self, id: str) -> bool:
        """Return whether a pause has ended since `begin_listing`."""
        return self._ended is not None and id in self._ended

    def end_listing(self) -> None:
        """Call it when the answer of List has been read, or does not come."""
        self._ended = None

    def _put_in_order(self, id: str, began: float, question: "Question | None") -> None:
        """Put the banner of a pause before the banners of pauses that began later, or else after all."""
        ids = list(self._banners)
        at = next((place for place, other in enumerate(ids) if self._began.get(other, 0.0) > began), len(ids))
        self._banners = {one: question if one == id else self._banners[one] for one in (*ids[:at], id, *ids[at:])}
        self._began[id] = began

    def latest(self, among: Iterable[str] = ()) -> str:
        """Return the id of the pause whose banner is the last: of those in `among`, or else of all."""
        candidates = list(among) or list(self._pauses)
        return next((id for id in reversed(self._banners) if id in candidates), candidates[-1])

    def pid(self, id: str) -> int:
        """Return the process of the pause, 0 if it is unknown."""
        return self._pids.get(id, 0)

    def question(self, id: str) -> "Question | None":
        """Return the question of the pause, if it has one that can be answered here."""
        return self._banners.get(id)


def _question(pause: Mapping[str, Any]) -> "Question | None":
    from lager.wording.question import from_details

    with contextlib.suppress(LagerError):  # of a lagerd that knows more kinds
        return from_details(pause)
    return None
