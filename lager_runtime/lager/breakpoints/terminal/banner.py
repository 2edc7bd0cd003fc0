"""The texts that a pause prints on the script's standard error. Pure functions from values to text."""

import math
import os
import time
from typing import TYPE_CHECKING, Any

import lager
from lager import variables
from lager.process.raised import by_a_handler
from lager.wording import changes, commands
from lager.wording.text import duration, printable, time_left

if TYPE_CHECKING:
    from lager.contract import PauseKeys
    from lager.wording.question import Question

_HOW = {
    "enter": "with Enter",
    "cli": "with lager python --continue",
    "console": "from a console",
    "step": "with a step",
    "bus": "over D-Bus",
    "mcp": "through an assistant",
}
_HOW_ANSWERED = _HOW | {"enter": "on the run's terminal", "cli": "with lager answer"}
HELD_UP = "The script was stopped, or a call in it held Python's interpreter lock"
_AT_TIMEOUT = {
    "resume": ("resumes", "resumed automatically"),
    "raise": ("raises PauseTimeout", "raised PauseTimeout"),
    "exit": ("ends the run", "ended the run"),
    "default": ("gets the default answer", "got the default answer"),
    "no answer": ("raises NoAnswer", "raised NoAnswer"),
}


def paused(
    details: "PauseKeys",
    remaining: float,
    *,
    enter: bool,
    dropped: int = 0,
    question: "Question | None" = None,
) -> str:
    """Return the banner of a pause. `remaining` is in seconds, 0 without a timeout.

    `enter`: Enter in the terminal of the run resumes the script. `dropped` is how many characters were typed too early.
    `question` is the script's question, if it asks one.
    """
    id, label = details["id"], details["label"]
    box = commands.box_option()
    what = "asks" if question is not None else "paused"
    lines = [f"lager: {what} at {where(details)}" + (f" - {label}" if label else "")]
    lines.append(f"  id        {id}")
    if question is not None:
        ways = [f"type {question.wanted()}"] if enter else [question.wanted()]
        lines.append("  answer    " + ", or: ".join([*ways, f"{commands.command()} answer {id} VALUE{box}"]))
        if question.default is not None:
            lines.append(f"  default   {_shown(question.default)}" + (" (Enter)" if enter else ""))
    else:
        ways = ["press Enter"] if enter else []
        lines.append("  resume    " + ", or: ".join([*ways, f"{commands.command()} python --continue {id}{box}"]))
    if details["interactive"]:
        lines.append(f"  console   {commands.command()} python --console {id}{box}")
    lines.append("  timeout   " + _until(remaining, _at_deadline(question) or details.get("on_timeout", "")))
    if lager.at_start(variables.BENCH):
        lines.append(f"  bench     simulated; without {variables.BENCH} a command reaches the real instruments")
    if python := lager.at_start(variables.INTERPRETER):
        lines.append(f"  python    {printable(python, 200)}")
    if dropped:
        lines.append(f"  note      {dropped} characters typed before the pause were dropped")
    return "\n".join(lines) + "\n"


def prompt(question: "Question") -> str:
    """Return the prompt of a question that is asked on a terminal without lagerd."""
    default = "" if question.default is None else f"; Enter: {_shown(question.default)}"
    return f"lager: {question.text} ({question.wanted()}{default})"


def _shown(answer: object) -> str:
    from lager.wording.question import shown  # every command imports this module, and few commands need a question

    return shown(answer)


def _at_deadline(question: "Question | None") -> str:
    if question is None:
        return ""
    return "no answer" if question.default is None else "default"


def where(details: "PauseKeys | dict[str, Any]") -> str:
    """Return the file, line and function of a pause; without a line if it has none, as at the exit of the script."""
    line = f":{details['line']}" if details["line"] else ""
    return f"{shown_path(details['file'])}{line} in {details['function']}"


def resumed(
    details: "PauseKeys", reason: str, by: dict[str, Any], seconds: float, question: "Question | None" = None
) -> str:
    """Return the line that says why a pause of `seconds` ended, and who ended it."""
    said = why(reason, by, _at_deadline(question) or details.get("on_timeout", ""))
    answer = f": {_shown(by['answer'])}" if reason in ("answered", "continued") and "answer" in by else ""
    return f"lager: {details['id']} {said}{answer}, after {duration(seconds)}\n"


def changed(by: dict[str, Any]) -> str:
    """Return a line for each change of the bench that lagerd reports at the end of a pause."""
    return "".join(f"  {line}\n" for line in changes.lines(by.get("changes", ()), by.get("changes_left_out", 0)))


def why(reason: str, by: dict[str, Any], on_timeout: str = "") -> str:
    """Return in a few words how a pause ended."""
    over = f"{outcome(by.get('on_timeout', on_timeout))}: timed out"
    return {
        "continued": f"resumed by {_who(by)}",
        "answered": f"was answered by {_who(by, _HOW_ANSWERED)}",
        "timeout": over,
        "alone": f"{over}, and lagerd did not answer",
        "held up": f"{over}. {HELD_UP}",
        "over": "did not pause again: its thread has ended",
        "gone": "ended with its script",
        "interrupted": "was interrupted",
    }.get(reason, printable(reason, 40))


def outcome(on_timeout: str) -> str:
    """Return what a script did when its pause timed out."""
    return _AT_TIMEOUT.get(on_timeout, _AT_TIMEOUT["resume"])[1]


def shown_path(file: str) -> str:
    """Return `file` relative to the working folder, if it is inside it."""
    try:
        here = os.getcwd() + os.sep
    except OSError as error:
        if by_a_handler(error):
            raise
        return file
    return file[len(here) :] if file.startswith(here) else file


def _until(remaining: float, on_timeout: str) -> str:
    left = run_ends_in()
    if left is not None and (not remaining or left < remaining):
        return f"the whole run ends in {time_left(left)} (lager python --timeout)"
    then = _AT_TIMEOUT.get(on_timeout, _AT_TIMEOUT["resume"])[0]
    return f"{then} in {time_left(remaining)}" if remaining else "none: waits until it is resumed"


def run_ends_in() -> float | None:
    """Return the seconds until `lager python --timeout` ends the run; None without this option."""
    try:
        ends = float(lager.at_start(variables.RUN_DEADLINE) or "")
    except ValueError as error:
        if by_a_handler(error):
            raise
        return None
    return max(ends - time.monotonic(), 0.0) if math.isfinite(ends) else None


def _who(by: dict[str, Any], hows: dict[str, str] = _HOW) -> str:
    user = printable(by.get("user", "an unknown user"), 40)
    return f"{user} {hows.get(by.get('how', 'bus'), 'over D-Bus')}"
