"""`lager python --continue`, `--continue-all` and `--extend`: resume a paused script, or give it more time."""

from lager.wording.text import time_given
from lager_cli.daemon import ask
from lager_cli.display import output
from lager_cli.runs.own import only_pause, own_pause


def resume(id: str | None) -> int:
    """Resume the pause, or all pauses of the run; without an id, the only one of this user, else the only one."""
    resumed = ask("Continue", "s", only_pause() if id is None else id)[0]
    output.say(f"Resumed {resumed}.")
    return 0


def resume_own(id: str) -> int:
    """Resume the pause, or all pauses of the run; without an id, the only one of this user."""
    return resume(id or own_pause())


def resume_all() -> int:
    count = ask("ContinueAll")[0]
    output.say(f"Resumed {count} paused script{'' if count == 1 else 's'}." if count else "Nothing was paused.")
    return 0


def extend(id: str, seconds: float) -> int:
    """Give a pause more seconds; 0 removes its limit."""
    remaining = ask("Extend", "sd", id, seconds)[0]
    output.say(f"{time_given(id, remaining)}.")
    return 0
