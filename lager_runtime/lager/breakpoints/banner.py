"""What a pause prints on the script's standard error: pure functions from facts to text."""

import math
import os
import time
from typing import Any

import lager
from lager.text import duration, printable, time_left

_HOW = {
    "enter": "with Enter",
    "cli": "with lager python --continue",
    "console": "from a console",
    "bus": "over D-Bus",
}
HELD_UP = "A call in this script held Python's interpreter lock"
_AT_DEADLINE = {
    "resume": ("resumes by itself", "resumed by itself"),
    "raise": ("raises PauseTimeout", "raised PauseTimeout"),
    "exit": ("ends the run", "ended the run"),
}


def paused(details: dict[str, Any], remaining: float, *, enter: bool, dropped: int = 0) -> str:
    """The banner. `remaining` in seconds, 0 for no limit; `enter` where the terminal of the run takes an Enter."""
    id, label = details["id"], details["label"]
    box = box_option()
    lines = [f"lager: paused at {where(details)}" + (f" - {label}" if label else "")]
    lines.append(f"  id        {id}")
    ways = ["press Enter"] if enter else []
    lines.append("  resume    " + ", or: ".join([*ways, f"lager python --continue {id}{box}"]))
    if details["interactive"]:
        lines.append(f"  console   lager python --console {id}{box}")
    lines.append("  then      " + _until(remaining, details.get("on_timeout", "")))
    if dropped:
        lines.append(f"  note      {dropped} characters typed before the pause were dropped")
    return "\n".join(lines) + "\n"


def where(details: dict[str, Any]) -> str:
    """File, line and function of a pause; no line where it is at none, as at the exit of the script."""
    line = f":{details['line']}" if details["line"] else ""
    return f"{shown_path(details['file'])}{line} in {details['function']}"


def resumed(details: dict[str, Any], reason: str, by: dict[str, Any], seconds: float) -> str:
    """The line that says why a pause of `seconds` ended, and by whom."""
    shown = why(reason, by, details.get("on_timeout", ""))
    return f"lager: {details['id']} {shown}, after {duration(seconds)}\n"


def why(reason: str, by: dict[str, Any], on_timeout: str = "") -> str:
    """What became of a pause, in a few words."""
    over = f"{outcome(by.get('on_timeout', on_timeout))}: its time was over"
    return {
        "continued": f"resumed by {_who(by)}",
        "timeout": over,
        "alone": f"{over}, and lagerd did not answer",
        "held up": f"{over}. {HELD_UP}",
        "gone": "ended with its script",
        "interrupted": "was interrupted",
    }.get(reason, printable(reason, 40))


def outcome(on_timeout: str) -> str:
    """What a script did when the time of its pause was over."""
    return _AT_DEADLINE.get(on_timeout, _AT_DEADLINE["resume"])[1]


def shown_path(file: str) -> str:
    """`file` as somebody in the present folder would type it."""
    try:
        here = os.getcwd() + os.sep
    except OSError:
        return file
    return file[len(here) :] if file.startswith(here) else file


def _until(remaining: float, on_timeout: str) -> str:
    left = run_ends_in()
    if left is not None and (not remaining or left < remaining):
        return f"the whole run is ended in {time_left(left)}, paused or not (--timeout)"
    then = _AT_DEADLINE.get(on_timeout, _AT_DEADLINE["resume"])[0]
    return f"{then} in {time_left(remaining)}" if remaining else "waits until it is resumed"


def run_ends_in() -> float | None:
    """Seconds until `lager python --timeout` ends the run, None where it does not."""
    try:
        ends = float(lager.at_start("LAGER_RUN_DEADLINE") or "")
    except ValueError:
        return None
    return max(ends - time.monotonic(), 0.0) if math.isfinite(ends) else None


def _who(by: dict[str, Any]) -> str:
    user = printable(by.get("user", "somebody"), 40)
    return f"{user} {_HOW.get(by.get('how', 'bus'), 'over D-Bus')}"


def box_option() -> str:
    """What a command that is shown needs to reach the box of this process; nothing where it has no name."""
    box = lager.at_start("LAGER_BOX") or ""
    return f" --box {printable(box, 100)}" if box else ""
