"""The pause or run that a command without an id means: the user's only one. For that of another user, the id is
required, except for `lager python --continue`, which also uses the only pause on the box."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lager.errors import AmbiguousId, NoSuchBreakpoint, NoSuchRun
from lager_cli.daemon import ask

if TYPE_CHECKING:
    from lager.contract import PauseDetails
    from lager_cli.runs.records import Record


def own_pause(
    wanted: Callable[[dict[str, Any]], Any] = lambda _: True,
    kind: str = "paused script",
    kinds: str = "paused scripts",
) -> str:
    """Return the id of the only pause of this user that is `wanted`. Raises NoSuchBreakpoint or AmbiguousId."""
    pauses = ask("List")[0]
    own = [one for one in pauses if one["uid"] == os.getuid() and wanted(one)]
    if len(own) == 1:
        return str(own[0]["id"])
    if own:
        _show(own)
        raise AmbiguousId(f"You have {len(own)} {kinds}.", "Name one of them by its id.")
    others = any(one["uid"] != os.getuid() for one in pauses)
    raise NoSuchBreakpoint(
        f"You have no {kind}.", "To use that of another user, give its id; see: lager breakpoints" if others else ""
    )


def only_pause() -> str:
    """Return the id of the only pause of this user, else of the only pause. Raises NoSuchBreakpoint or AmbiguousId."""
    pauses = ask("List")[0]
    own = [one for one in pauses if one["uid"] == os.getuid()]
    meant = own if len(own) == 1 else pauses
    if len(meant) == 1:
        return str(meant[0]["id"])
    if not pauses:
        raise NoSuchBreakpoint("No script is paused.")
    _show(pauses)
    raise AmbiguousId(f"{len(pauses)} scripts are paused.", "Name one of them by its id, or use --continue-all.")


def _show(pauses: "list[PauseDetails]") -> None:
    from lager_cli.display.pause_table import show  # seldom needed

    show(pauses)


def own_run(wanted: "Callable[[Record], Any]" = lambda _: True, kind: str = "run") -> "Record":
    """Return the only active run of this user that is `wanted`. Raises NoSuchRun or AmbiguousId."""
    from lager_cli.runs import records  # most commands name a pause and need no records

    active = [one for one in records.everyone() if one.state == "running" and wanted(one)]
    if len(active) == 1:
        return active[0]
    if active:
        ids = ", ".join(f"{one.id[:8]} ({one.runnable})" for one in active)
        raise AmbiguousId(f"You have {len(active)} active runs: {ids}.", "Name one of them by its id.")
    raise NoSuchRun(f"You have no active {kind}.", "See: lager runs")
