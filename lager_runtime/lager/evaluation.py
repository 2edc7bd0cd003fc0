"""What a console's line means: statements run one by one in a namespace of its own, as at Python's own prompt."""

import ast
import linecache
import sys
import traceback
from itertools import count
from types import TracebackType
from typing import Any

_REMEMBERED = 50


class Leave(Exception):
    """The code called exit()."""


class _Leaver:
    def __repr__(self) -> str:
        return "exit() or Ctrl-D leaves this console; the script stays paused."

    def __call__(self, _code: object = None) -> None:
        raise SystemExit


class Evaluator:
    """A namespace, copied from `names`: nothing that is assigned here reaches the script."""

    def __init__(self, names: dict[str, Any], number: int) -> None:
        self.namespace = {**names, "exit": _Leaver(), "quit": _Leaver()}
        self._number = number
        self._counter = count(1)
        self._files: list[str] = []

    def display(self, value: object) -> None:
        """What sys.displayhook does, with a `_` of this console's own."""
        if value is not None:
            sys.stdout.write(repr(value) + "\n")
            self.namespace["_"] = value

    def run(self, source: str) -> bool:
        """Run each statement of `source`; False where one raised, after its traceback. Leave where one left."""
        filename = self._remember(source)
        try:
            # Statement by statement, so that each prints its value and those before a wrong one have been run.
            for statement in ast.parse(source, filename).body:
                exec(compile(ast.Interactive([statement]), filename, "single"), self.namespace)
        except SystemExit:
            raise Leave from None
        except BaseException as error:
            sys.stderr.write(_shown(error, filename))
            return False
        return True

    def close(self) -> None:
        for filename in self._files:
            linecache.cache.pop(filename, None)
        self._files.clear()

    def _remember(self, source: str) -> str:
        """A file name under which tracebacks find the lines of `source`."""
        filename = f"<console {self._number}:{next(self._counter)}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        self._files.append(filename)
        if len(self._files) > _REMEMBERED:
            linecache.cache.pop(self._files.pop(0), None)
        return filename


def _shown(error: BaseException, filename: str) -> str:
    """The traceback, from the console's own code on."""
    shown = traceback.TracebackException(type(error), error, _from(error.__traceback__, filename), compact=True)
    return "".join(shown.format())


def _from(tb: TracebackType | None, filename: str) -> TracebackType | None:
    while tb is not None and tb.tb_frame.f_code.co_filename != filename:
        tb = tb.tb_next
    return tb
