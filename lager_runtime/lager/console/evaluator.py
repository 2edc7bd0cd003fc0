"""What a console's line means: statements run one by one in a namespace of its own, as at Python's own prompt."""

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
    """The code called exit(), or raised SystemExit; `code` is the exit code it asked for."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Leaver:
    def __repr__(self) -> str:
        return "exit() or Ctrl-D leaves this console; the script stays paused."

    def __call__(self, code: object = None) -> None:
        raise SystemExit(code)


class Evaluator:
    """A namespace, copied from `names`: nothing that is assigned here reaches the script.

    `shown` gives the text of a value. What Python's prompt adds (`_`, exit, quit) is added to builtins of its own,
    behind the names of the script.
    """

    def __init__(
        self, names: dict[str, Any], number: int, errors: TextIO, shown: Callable[[object], str] = repr
    ) -> None:
        self._builtins = {**vars(builtins), "exit": _Leaver(), "quit": _Leaver()}
        self.namespace = {**names, "__builtins__": self._builtins}
        self._number = number
        self._errors = errors
        self._shown = shown
        self._counter = count(1)
        self._files: list[str] = []
        self._flags = 0

    def display(self, value: object) -> None:
        """What sys.displayhook does, with a `_` of this console's own."""
        if value is not None:
            sys.stdout.write(self._shown(value) + "\n")
            self._builtins["_"] = value

    def run(self, source: str) -> bool:
        """Run each statement of `source`; False where one raised, after its traceback. Leave where one left."""
        filename = self._remember(source)
        self.namespace["__builtins__"] = self._builtins  # whatever has become of them
        try:
            # Statement by statement, so that each prints its value and those before a wrong one have been run.
            for statement in self._statements(source, filename):
                self._share_sources()
                self._execute(statement, filename)
        except SystemExit as leaving:
            raise Leave(self._exit_code(leaving)) from None
        except BaseException as error:
            # Where exec() of a text was interrupted, Python ends the process as interrupted, whatever it ends with,
            # until another text is run.
            exec("")
            with contextlib.suppress(Exception):
                sys.stdout.flush()
            self._errors.write(_shown(error))
            return False
        return True

    def close(self) -> None:
        for filename in self._files:
            self._forget(filename)
        self._files.clear()

    def _execute(self, statement: ast.stmt, filename: str) -> None:
        if isinstance(statement, ast.Expr):
            code = compile(ast.Expression(statement.value), filename, "eval", self._flags, dont_inherit=True)
        else:
            code = compile(ast.Interactive([statement]), filename, "single", self._flags, dont_inherit=True)
        self._flags |= code.co_flags & _FUTURES
        trace = sys.gettrace()
        try:
            value = eval(code, self.namespace)
        finally:
            sys.settrace(trace)  # a debugger that found no keys must not go on into this module
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
        """As the interpreter does at its own end."""
        if leaving.code is None:
            return 0
        if isinstance(leaving.code, int):
            return leaving.code & 0xFF
        self._errors.write(f"{_text(leaving.code)}\n")
        return 1

    def _remember(self, source: str) -> str:
        """A file name under which tracebacks find the lines of `source`."""
        filename = f"<console {self._number}:{next(self._counter)}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        self._files.append(filename)
        if len(self._files) > _REMEMBERED:
            self._forget(self._files.pop(0))
        return filename

    def _share_sources(self) -> None:
        """For inspect and traceback in the script's world, which may have been imported by the last statement."""
        theirs = _theirs()
        if self._files[-1] not in theirs:
            theirs.update({name: linecache.cache[name] for name in self._files if name in linecache.cache})

    def _forget(self, filename: str) -> None:
        linecache.cache.pop(filename, None)
        _theirs().pop(filename, None)


def _theirs() -> dict[str, Any]:
    """The cache of the script's linecache; ours may be another one."""
    found = getattr(sys.modules.get("linecache"), "cache", None)
    return found if type(found) is dict else {}


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__} that cannot be shown>"


def _shown(error: BaseException) -> str:
    """The traceback without the frames of this package's consoles."""
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
