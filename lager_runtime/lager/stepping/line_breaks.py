"""The breakpoints on lines: decides whether one stops a thread that reaches its line.

Each breakpoint belongs to a client, and is dropped with it. The modules that watch and pause threads set `watch` and
`pause`. Conditions and messages run in the script's thread, in a copy of the frame's names.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any

from lager.errors import InvalidArgument
from lager.inspection.display_paths import found
from lager.inspection.frames.location import file_of
from lager.process import threads
from lager.stepping.expressions import Condition, Hits, Message

_MOST = 1000  # of one client
_MOST_CODES = 100_000
_LARGEST = 16 << 20  # bytes of a source
_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep

Log = Callable[[str], None]


class Breakpoint:
    def __init__(self, line: int, asked: dict[str, Any], log: Log) -> None:
        """Raises InvalidArgument if the condition, hit condition or message in `asked` is not valid."""
        self.line = line
        self._condition = Condition(str(asked["condition"])) if asked.get("condition") else None
        self._hits = Hits(str(asked["hit"])) if asked.get("hit") else None
        self._message = Message(str(asked["log"])) if asked.get("log") else None
        self._log = log

    def stops(self, names: Callable[[], dict[str, Any]]) -> str | None:
        """Return whether the thread stops here: None if not, else what to add to the label."""
        why = ""
        if self._condition is not None:
            holds, why = self._condition.check(names)
            if not holds:
                return None
        if self._hits is not None and not self._hits.counted():
            return None
        if self._message is None or why:
            return why
        self._log(self._message.text(names))
        return None


Lines = dict[int, list[Breakpoint]]


class Table:
    """All breakpoints of this process. Set them in the client's thread; any thread may reach one."""

    def __init__(self) -> None:
        self.active = False
        self.watch: Callable[[], None] = lambda: None
        self.pause: Callable[[FrameType, str], None] = lambda *_: None
        self._set: dict[tuple[object, str], list[Breakpoint]] = {}  # by client and file
        self._files: dict[str, Lines] = {}
        self._paths: dict[str, str] = {}  # of code, by its co_filename
        self._codes: dict[int, tuple[CodeType, Lines | None]] = {}  # by id: code of two files may be equal

    def replace(self, client: object, paths: list[str], asked: list[dict[str, Any]], log: Log) -> list[dict[str, Any]]:
        """Set the breakpoints of a client in a file, instead of those that it had there. `paths` are names of the file.
        Return for each whether it is `verified`, and its `line`, or the `message` why not."""
        path = _real(paths)
        lines = _lines_of(path) if path else []
        made: list[Breakpoint] = []
        answers: list[dict[str, Any]] = []
        for one in asked[:_MOST]:
            try:
                line = _line(one.get("line"), path, lines)
                made.append(Breakpoint(line, one, log))
                answers.append({"verified": True, "line": line})
            except InvalidArgument as refused:
                answers.append({"verified": False, "message": str(refused)})
        self._set[client, path or ""] = made
        self._apply()
        return answers + [{"verified": False, "message": "Too many breakpoints."}] * (len(asked) - len(answers))

    def drop(self, client: object) -> None:
        """Drop the breakpoints of a client."""
        self._set = {key: one for key, one in self._set.items() if key[0] is not client}
        self._apply()

    def clear(self) -> None:
        """Drop all breakpoints, for a forked child, whose clients are the parent's. Does not call `watch`."""
        self._set.clear()
        self._files, self._codes, self.active = {}, {}, False

    def lines_in(self, frame: FrameType) -> Lines | None:
        """Return the breakpoints in the code that `frame` runs; None if there are none."""
        if not self.active:
            return None
        code = frame.f_code
        known = self._codes.get(id(code))
        if known is None or known[0] is not code:
            if len(self._codes) >= _MOST_CODES:
                self._codes = {}
            known = self._codes[id(code)] = code, self._found_in(code, frame)
        return known[1]

    def _found_in(self, code: CodeType, frame: FrameType) -> Lines | None:
        path = self._paths.get(code.co_filename)
        if path is None:
            path = self._paths[code.co_filename] = os.path.realpath(file_of(frame))
        lines = self._files.get(path, {})
        own = {line for _, _, line in code.co_lines()}
        return {line: here for line, here in lines.items() if line in own} or None

    def hit(self, frame: FrameType, here: list[Breakpoint]) -> bool:
        """Pause the calling thread, which is about to run a line with these breakpoints, if one of them stops it.
        Return whether it was paused."""
        me = threading.get_ident()
        if me in threads.ours or me in threads.paused:
            return False
        stops = [why for why in [one.stops(lambda: _names(frame)) for one in here] if why is not None]
        if not stops:
            return False
        self.pause(frame, next((why for why in stops if why), ""))
        return True

    def _apply(self) -> None:
        files: dict[str, Lines] = {}
        for (_, path), made in self._set.items():
            for one in made:
                files.setdefault(path, {}).setdefault(one.line, []).append(one)
        changed, self._files = self._files != files, files
        self._codes, self._paths = {}, {}
        self.active = bool(files)
        if changed:
            self.watch()


def stacks() -> Iterable[FrameType]:
    """Yield the frames of all threads."""
    for innermost in list(sys._current_frames().values()):
        frame: FrameType | None = innermost
        while frame is not None:
            yield frame
            frame = frame.f_back


def _names(frame: FrameType) -> dict[str, Any]:
    return {**frame.f_globals, **frame.f_locals}


def _real(paths: list[str]) -> str | None:
    """Return the file on this machine; None if there is none."""
    files = (found(path) for path in paths)
    return next((os.path.realpath(file) for file in files if file is not None and os.path.isfile(file)), None)


def _line(asked: object, path: str | None, lines: list[int]) -> int:
    """Return the line with code for a requested line. Raises InvalidArgument."""
    if path is None:
        raise InvalidArgument("The script's machine has no such file.", "See the pathMappings of the configuration.")
    if path.startswith(_OURS):
        raise InvalidArgument("That is lager's own code.", "Set it where the script calls lager.")
    if not lines:
        raise InvalidArgument("That file is not Python.", "Set it in a Python file.")
    line = next((line for line in lines if type(asked) is int and line >= asked), None)
    if line is None:
        raise InvalidArgument("No code is at or after this line.", "Set it at a line with code.")
    return line


def _lines_of(path: str) -> list[int]:
    """Return the numbers of the lines of a Python file that have code, sorted; none if it is not one."""
    try:
        with open(path, "rb") as file:
            code = compile(file.read(_LARGEST), path, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found, waiting = set(), [code]
    while waiting:
        one = waiting.pop()
        found |= {line for _, _, line in one.co_lines() if line}
        waiting += [const for const in one.co_consts if isinstance(const, CodeType)]
    return sorted(found)


table = Table()
