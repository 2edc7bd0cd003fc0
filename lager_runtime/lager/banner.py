"""What a pause prints on the script's standard error: pure functions from facts to text."""

import math
import os
import time
from typing import Any

from lager.text import duration, printable, time_left

_HOW = {"enter": "with Enter", "cli": "with lager python --continue", "bus": "over D-Bus"}


def paused(details: dict[str, Any], remaining: float, *, enter: bool, dropped: int = 0) -> str:
    """The banner. `remaining` in seconds, 0 for no limit; `enter` where the terminal of the run takes an Enter."""
    id, label = details["id"], details["label"]
    box = _box()
    where = f"{shown_path(details['file'])}:{details['line']} in {details['function']}"
    lines = [f"lager: paused at {where}" + (f" - {label}" if label else "")]
    lines.append(f"  id        {id}")
    ways = ["press Enter"] if enter else []
    lines.append("  resume    " + ", or: ".join([*ways, f"lager python --continue {id}{box}"]))
    if details["interactive"]:
        lines.append(f"  console   lager python --console {id}{box}")
    lines.append("  then      " + _until(remaining))
    if dropped:
        lines.append(f"  note      {dropped} characters typed before the pause were dropped")
    return "\n".join(lines) + "\n"


def resumed(details: dict[str, Any], reason: str, by: dict[str, Any], seconds: float) -> str:
    """The line that says why a pause of `seconds` ended, and by whom."""
    return f"lager: {details['id']} {why(reason, by)}, after {duration(seconds)}\n"


def why(reason: str, by: dict[str, Any]) -> str:
    """What became of a pause, in a few words."""
    return {
        "continued": f"resumed by {_who(by)}",
        "timeout": "resumed by itself: its time was over",
        "alone": "resumed by itself: its time was over, and lagerd did not answer",
        "gone": "ended with its script",
        "interrupted": "was interrupted",
    }.get(reason, printable(reason, 40))


def shown_path(file: str) -> str:
    """`file` as somebody in the present folder would type it."""
    try:
        here = os.getcwd() + os.sep
    except OSError:
        return file
    return file[len(here) :] if file.startswith(here) else file


def _until(remaining: float) -> str:
    left = run_ends_in()
    if left is not None and (not remaining or left < remaining):
        return f"the whole run is ended in {time_left(left)}, paused or not (--timeout)"
    return f"resumes by itself in {time_left(remaining)}" if remaining else "waits until it is resumed"


def run_ends_in() -> float | None:
    """Seconds until `lager python --timeout` ends the run, None where it does not."""
    try:
        ends = float(os.environ["LAGER_RUN_DEADLINE"])
    except (KeyError, ValueError):
        return None
    return max(ends - time.monotonic(), 0.0) if math.isfinite(ends) else None


def _who(by: dict[str, Any]) -> str:
    user = printable(by.get("user", "somebody"), 40)
    return f"{user} {_HOW.get(by.get('how', 'bus'), 'over D-Bus')}"


def _box() -> str:
    box = os.environ.get("LAGER_BOX", "")
    return f" --box {printable(box, 100)}" if box else ""
