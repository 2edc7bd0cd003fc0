"""The text of messages. Pure functions from facts to text."""

import os
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lager.breakpoints.terminal import banner
from lager.errors import LagerError
from lager.wording import commands
from lager.wording.question import from_details
from lager.wording.text import duration, printable, time_left

if TYPE_CHECKING:
    from lager.contract import PauseDetails

_MOST_LINES = 20  # of a message about many pauses
_OF_MANY = 80  # characters of a label in such a line
_PATH_LENGTH = 300
_NAME_LENGTH = 60
_DOES = {"raise": "raises PauseTimeout", "exit": "ends the run"}


@dataclass(frozen=True)
class Notice:
    """One event that is sent once. `key` identifies its pause or quarantine."""

    event: str
    key: str
    title: str
    lines: tuple[str, ...]
    command: str
    where: str = ""
    pause: str = ""

    @property
    def body(self) -> str:
        return "\n".join(self.lines)


class Words:
    """Makes notices. `box` is the reader's name for this machine with --box, if it is known."""

    def __init__(self, box: str = "") -> None:
        self._box = f" --box {shlex.quote(box)}" if box else ""
        self._lager = "lager" if box else commands.path()
        self._host = box or os.uname().nodename

    def paused(self, event: str, pause: "PauseDetails", seconds: float = 0.0) -> Notice:
        """Return the notice of a pause: it began, it asks, it resumes soon, or it has waited for `seconds`."""
        id, left = pause["id"], pause["remaining"]
        then = _at_timeout(pause)
        said = {
            "paused": "paused",
            "question": "question",
            "resumes-soon": f"{then} in {time_left(left)}",
            "waiting": f"paused for {duration(seconds)}",
        }[event]
        asks = "question" in pause
        verb = "answer" if asks else "resume"
        way = f"answer {id} VALUE" if asks else f"python --continue {id}"
        command = f"{self._lager} {way}{self._box}"
        ways = [f"{verb:<9} {command}"]
        if pause["interactive"]:
            ways.append(f"console   {self._lager} python --console {id}{self._box}")
        if left:
            ways.append(f"extend    {self._lager} python --extend {id} 600{self._box}")
        limit = f"{then} in {time_left(left)}" if left else "none: waits until it is resumed"
        lines = (*self._about(pause), *_question(pause), f"timeout   {limit}", *ways)
        return self._notice(event, pause, said, lines, command)

    def auto_resumed(self, pause: "PauseDetails", by: dict[str, Any]) -> Notice:
        """Return the notice that a pause has timed out."""
        said = banner.outcome(str(by.get("on_timeout", pause.get("on_timeout", ""))))
        if "question" in pause and by.get("on_timeout") is None:
            said = banner.outcome("default" if pause.get("default") is not None else "no answer")
        command = f"{self._lager} history{self._box}"
        lines = (*self._about(pause), f"timeout   {said}: timed out", f"see       {command}")
        return self._notice("auto-resumed", pause, said, lines, command)

    def quarantined(self, lease: dict[str, Any]) -> Notice:
        """Return the notice of an instrument that may be energised, as its holder crashed."""
        name = _word(lease.get("name") or lease.get("instrument"))
        command = f"{self._lager} instruments clear {shlex.quote(name)}{self._box}"
        lines = (
            f"reason    {printable(lease.get('reason', ''))}",
            f"net       {_word(lease.get('net'))}",
            f"who       {_word(lease.get('user'))}, {printable(lease.get('script', ''), _PATH_LENGTH)}",
            f"box       {self._host}",
            f"when safe {command}",
        )
        key = f"{lease.get('instrument')} {lease.get('run_id')} {lease.get('since')}"
        title = f"lager: {name} may be energised, quarantined"
        return Notice("quarantined", key, title, lines, command, where=f"{name}: {lease.get('reason', '')}")

    def test(self) -> Notice:
        """Return the message of `lager notify test`."""
        lines = (
            "This is a test of lager notify.",
            f"box       {self._host}",
            f"see       {self._lager} breakpoints{self._box}",
        )
        return Notice("test", "", f"lager: test from {self._host}", lines, f"{self._lager} breakpoints{self._box}")

    def together(self, notices: Sequence[Notice]) -> tuple[str, str]:
        """Return title and body of one message for these notices."""
        if len(notices) == 1:
            return notices[0].title, notices[0].body
        counts = Counter(notice.event for notice in notices)
        title = f"lager: {len(notices)} events: " + ", ".join(f"{count} {event}" for event, count in counts.items())
        lines = [f"{one.event}: {one.where}\n  {one.command}" for one in notices[:_MOST_LINES]]
        more = len(notices) - _MOST_LINES
        lines += [f"and {more} more"] if more > 0 else []
        lines += [f"list      {self._lager} breakpoints{self._box}", f"box       {self._host}"]
        return title, "\n".join(lines)

    def _about(self, pause: "PauseDetails") -> list[str]:
        label = [f"label     {printable(pause['label']) or '-'}"]
        return [
            *([] if pause["label"] == pause.get("question") else label),
            f"place     {_place(pause)}",
            f"who       {_word(pause['user'])}, {printable(pause['script'], _PATH_LENGTH) or 'no script'}",
            f"box       {self._host}",
            f"id        {pause['id']}",
        ]

    def _notice(self, event: str, pause: "PauseDetails", said: str, lines: Sequence[str], command: str) -> Notice:
        label = f" - {printable(pause['label'], _OF_MANY)}" if pause["label"] else ""
        place = f"{os.path.basename(printable(pause['file'], _PATH_LENGTH))}:{pause['line']}"
        where = f"{place}{label}, {_word(pause['user'])}"
        return Notice(event, pause["id"], f"lager: {said}: {place}{label}", tuple(lines), command, where, pause["id"])


def _at_timeout(pause: "PauseDetails") -> str:
    if "question" in pause:
        return "gets the default answer" if pause.get("default") is not None else "raises NoAnswer"
    return _DOES.get(pause.get("on_timeout", ""), "resumes")


def _question(pause: "PauseDetails") -> list[str]:
    try:
        question = from_details(pause)
    except LagerError:
        return []
    return [] if question is None else [f"question  {question.text}", f"answer    {question.wanted()}"]


def _place(pause: "PauseDetails") -> str:
    line = f":{pause['line']}" if pause["line"] else ""
    return f"{printable(pause['file'], _PATH_LENGTH)}{line} in {printable(pause['function'], _NAME_LENGTH)}"


def _word(value: object) -> str:
    return printable(value or "-", _NAME_LENGTH)
