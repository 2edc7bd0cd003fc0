"""Runs a console's input: statement by statement in a namespace of its own, as at Python's prompt."""

import __future__

import ast
import builtins
import contextlib
import linecache
import sys
import traceback
from collections.abc import Callable
from itertools import count
from typing import Any, TextIO

from lager.inspection import side_thread

_REMEMBERED = 1000
_FUTURES = 0
for _name in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _name).compiler_flag


class Leave(Exception):
    """The code called exit() or raised SystemExit with the exit code `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Leaver:
    def __repr__(self) -> str:
        return "exit() or Ctrl-D leaves this console; the script stays paused."

    def __call__(self, code: object = None) -> None:
        raise SystemExit(code)


class Evaluator:
    """Runs sources in a copy of `names`: assignments do not reach the script.

    `shown` returns the text of a value. What Python's prompt adds (`_`, exit, quit) is in builtins of its own, so the
    names of the script come first.
    """

    def __init__(
        self,
        names: dict[str, Any],
        number: int,
        errors: TextIO,
        shown: Callable[[object], str] = repr,
        *,
        quiet: bool = False,
    ) -> None:
        self._builtins = {**vars(builtins), "exit": _Leaver(), "quit": _Leaver()}
        self._names = {**names, "__builtins__": self._builtins}
        self.namespace = self._names
        self.last: object = None
        self._number = number
        self._errors = errors
        self._shown = shown
        self._quiet = quiet
        self._counter = count(1)
        self._files: list[str] = []
        self._flags = 0

    def display(self, value: object) -> None:
        """Do what sys.displayhook does, with a `_` of this console's own."""
        self.last = value
        if value is not None:
            if not self._quiet:
                sys.stdout.write(self._shown(value) + "\n")
            self._builtins["_"] = value

    def use(self, names: dict[str, Any] | None) -> None:
        """Run the next sources with these names; None means the original ones."""
        self.namespace = self._names if names is None else names

    def begin_again(self, names: dict[str, Any]) -> None:
        """Use a copy of these names, and drop all others."""
        self._names = {**names, "__builtins__": self._builtins}
        self._builtins.pop("_", None)
        self.namespace = self._names
        self.last = None

    def run(self, source: str, names: Callable[[], dict[str, Any]] | None = None) -> bool:
        """Run each statement of `source`, in a copy of the names that `names` returns, if given. Return False if one
        raised, after its traceback. Raises Leave on exit(), but for a debugger (`quiet`), which leaves by itself."""
        filename = self._remember(source)
        self.last = None
        try:
            space = self.namespace if names is None else names()
            space["__builtins__"] = self._builtins  # the code may have replaced them
            # Statement by statement, so that each prints its value, and the statements before a failing one have run.
            for statement in self._statements(source, filename):
                self._share_sources()
                self._execute(statement, filename, space)
        except BaseException as error:
            if isinstance(error, SystemExit) and not self._quiet:
                raise Leave(self._exit_code(error)) from None
            # After an interrupted exec() of a text, Python ends the process as interrupted, whatever its exit code,
            # until it executes another text.
            exec("")
            with contextlib.suppress(Exception):
                sys.stdout.flush()
            self._errors.write(_shown(error))
            return False
        return True

    def close(self) -> None:
        """Drop all names, so that no object of the pause is kept alive."""
        self.namespace = self._names = {}
        self.last = None
        for filename in self._files:
            self._forget(filename)
        self._files.clear()

    def _execute(self, statement: ast.stmt, filename: str, space: dict[str, Any]) -> None:
        if isinstance(statement, ast.Expr):
            code = compile(ast.Expression(statement.value), filename, "eval", self._flags, dont_inherit=True)
        else:
            code = compile(ast.Interactive([statement]), filename, "single", self._flags, dont_inherit=True)
        self._flags |= code.co_flags & _FUTURES
        trace = sys.gettrace()
        try:
            value = eval(code, space)
        finally:
            sys.settrace(trace)  # a debugger that found no input must not step into this module
        self.display(value)

    def _statements(self, source: str, filename: str) -> list[ast.stmt]:
        try:
            flags = self._flags | ast.PyCF_ONLY_AST
            module = compile(source, filename, "exec", flags, dont_inherit=True)
        except UnicodeEncodeError:
            raise SyntaxError("the source is not valid UTF-8") from None
        assert isinstance(module, ast.Module)
        return module.body

    def _exit_code(self, leaving: SystemExit) -> int:
        """Return the exit code that the interpreter would use."""
        if leaving.code is None:
            return 0
        if isinstance(leaving.code, int):
            return leaving.code & 0xFF
        self._errors.write(f"{_text(leaving.code)}\n")
        return 1

    def _remember(self, source: str) -> str:
        """Return a file name under which tracebacks find the lines of `source`."""
        filename = f"<console {self._number}:{next(self._counter)}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        self._files.append(filename)
        if len(self._files) > _REMEMBERED:
            self._forget(self._files.pop(0))
        return filename

    def _share_sources(self) -> None:
        """Share the sources with the script's linecache, which the last statement may have imported."""
        theirs = _theirs()
        if self._files[-1] not in theirs:
            theirs.update({name: linecache.cache[name] for name in self._files if name in linecache.cache})

    def _forget(self, filename: str) -> None:
        linecache.cache.pop(filename, None)
        _theirs().pop(filename, None)


def _theirs() -> dict[str, Any]:
    """Return the cache of the script's linecache; ours may be another one."""
    found = getattr(sys.modules.get("linecache"), "cache", None)
    return found if type(found) is dict else {}


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__} that cannot be shown>"


def _shown(error: BaseException) -> str:
    """Return the traceback without the frames of the console itself."""
    try:
        shown = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
        _strip(shown)
        return "".join(shown.format())
    except Exception:
        return f"{type(error).__name__}, whose traceback cannot be shown\n"


def _strip(shown: traceback.TracebackException) -> None:
    waiting = [shown]
    while waiting:
        one = waiting.pop()
        one.stack[:] = [frame for frame in one.stack if frame.filename not in _OURS]
        waiting += [other for other in (one.__cause__, one.__context__, *(one.exceptions or ())) if other is not None]


_OURS = {
    __file__,
    *(__file__.replace("evaluator", name) for name in ("worker", "stdio", "watchers", "protocol", "display")),
    side_thread.__file__,
}
