"""`lager python --continue`, `--continue-all` and `--extend`: resume a paused script, or give it more time."""

import os

from lager.errors import AmbiguousId, NoSuchBreakpoint
from lager.text import time_left
from lager_cli.daemon import ask
from lager_cli.display import output
from lager_cli.display.pause_table import show


def resume(id: str | None) -> int:
    """Resume the pause, or all pauses of the run; without an id, the only one of this user, else the only one."""
    resumed = ask("Continue", "s", _only_one() if id is None else id)[0]
    output.say(f"Resumed {resumed}.")
    return 0


def resume_all() -> int:
    count = ask("ContinueAll")[0]
    output.say(f"Resumed {count} paused script{'' if count == 1 else 's'}." if count else "Nothing was paused.")
    return 0


def extend(id: str, seconds: float) -> int:
    """Give a pause more seconds; 0 removes its limit."""
    remaining = ask("Extend", "sd", id, seconds)[0]
    output.say(f"{id} has {time_left(remaining)} left." if remaining else f"{id} waits until it is resumed.")
    return 0


def _only_one() -> str:
    """Return the id of the only pause of this user, else of the only pause."""
    pauses = ask("List")[0]
    if not pauses:
        raise NoSuchBreakpoint("No script is paused.")
    own = [pause for pause in pauses if pause["uid"] == os.getuid()]
    if len(own) == 1:
        return str(own[0]["id"])
    if len(pauses) > 1:
        show(pauses)
        raise AmbiguousId(f"{len(pauses)} scripts are paused.", "Name one of them by its id, or use --continue-all.")
    return str(pauses[0]["id"])
