import io
import linecache
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lager.console import display
from lager.console.evaluator import Evaluator, Leave


class Console:
    def __init__(self, **names: Any) -> None:
        self.errors = io.StringIO()
        self.evaluator = Evaluator({"__name__": "script", **names}, 7, self.errors)
        self.run = self.evaluator.run

    def said(self) -> str:
        text = self.errors.getvalue()
        self.errors.seek(0)
        self.errors.truncate()
        return text


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    made = Console(x=1)
    monkeypatch.setattr(sys, "displayhook", made.evaluator.display)
    yield made
    made.evaluator.close()
    assert not [name for name in linecache.cache if name.startswith("<console 7")]


def test_a_repr_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "_SECONDS", 0.05)
    end = threading.Event()

    class Hangs:
        def __repr__(self) -> str:
            end.wait()
            return "late"

    shown = display.displayed([Hangs()], lambda: None, lambda: None)
    end.set()
    assert shown == "<list whose repr takes longer than 0.05 s>"


def test_each_statement_shows_its_value(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    assert console.run("x\nx + 1; None\nfor i in range(2): i\ny = 5\ny\n")
    assert capsys.readouterr().out == "1\n2\n0\n1\n5\n"
    assert console.said() == ""


def test_the_statements_before_a_wrong_one_have_run(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    assert not console.run("y = 1\ny\n1/0\ny = 2\n")
    assert capsys.readouterr().out == "1\n"
    assert console.evaluator.namespace["y"] == 1


def test_the_names_are_a_copy() -> None:
    names = {"x": [1], "y": 2}
    evaluator = Evaluator(names, 7, io.StringIO())
    assert evaluator.run("y = 3; del x; z = 4\n")
    assert names == {"x": [1], "y": 2}


def test_the_last_value_is_behind_the_names_of_the_script(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.run("5\n")
    console.run("_ + 1\n")
    console.run("None\n")
    console.run("_\n")
    assert capsys.readouterr().out == "5\n6\n6\n"
    console.run("_ = 'mine'\n7\n_\n")
    assert capsys.readouterr().out == "7\n'mine'\n"
    import builtins

    assert not hasattr(builtins, "_")


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("exit()", 0, ""),
        ("quit(3)", 3, ""),
        ("raise SystemExit", 0, ""),
        ("import sys; sys.exit(300)", 44, ""),
        ("exit('no')", 1, "no\n"),
        ("exit(object.__new__(type('A', (), {'__str__': lambda s: 1/0})))", 1, "<A that cannot be shown>\n"),
        ("exit(True)", 1, ""),
    ],
)
def test_exit_leaves_with_its_code(console: Console, source: str, code: int, said: str) -> None:
    with pytest.raises(Leave) as leaving:
        console.run(source)
    assert leaving.value.code == code
    assert console.said() == said


def test_exit_says_what_it_does(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.run("exit\n")
    assert "stays paused" in capsys.readouterr().out


RAISE = """
class Odd(BaseException):
    def __str__(self): 1/0
"""


@pytest.mark.parametrize(
    ("source", "last"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("x = (", "SyntaxError: '(' was never closed"),
        ("'\udcff'", "SyntaxError: the source is not valid UTF-8"),
        ("a\0b", "SyntaxError: source code string cannot contain null bytes"),
        (RAISE + "raise Odd", "script.Odd: <exception str() failed>"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded"),
        ("type('R', (), {'__repr__': lambda s: 5})()", "TypeError: __repr__ returned non-string (type int)"),
        ("type('R', (), {'__repr__': lambda s: s.a})()", "AttributeError: 'R' object has no attribute 'a'"),
        ("try: 1/0\nexcept Exception as e: raise ValueError('v') from e", "ValueError: v"),
        ("raise ExceptionGroup('g', [ValueError(1)])", "    +------------------------------------"),
    ],
)  # fmt: skip
def test_tracebacks_are_of_the_users_code_only(console: Console, source: Any, last: str) -> None:
    assert not console.run(source)
    said = console.said()
    assert said.splitlines()[-1] == last
    assert "lager" not in said


def test_the_lines_of_earlier_sources_are_known(console: Console) -> None:
    console.run("def f():\n    return 1/0  # here\n")
    console.run("f()\n")
    assert "return 1/0  # here" in console.said()


def test_lines_are_not_kept_forever(console: Console) -> None:
    for _ in range(1100):
        console.run("pass\n")
    assert len([name for name in linecache.cache if name.startswith("<console 7")]) == 1000


def test_futures_hold_from_then_on_and_only_here(console: Console) -> None:
    assert console.run("from __future__ import annotations\n")
    assert console.run("def f(x: Missing): pass\n")
    other = Console()
    assert not other.run("def f(x: Missing): pass\n")
    other.evaluator.close()


@pytest.mark.parametrize("harm", ["del __builtins__", "__builtins__ = 5", "print = len = None; del print, len"])
def test_the_builtins_come_back(console: Console, capsys: pytest.CaptureFixture[str], harm: str) -> None:
    assert console.run(harm + "\n")
    assert console.run("print(len('abc'))\n")
    assert capsys.readouterr().out == "3\n"


def test_a_trace_function_ends_with_its_statement(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.gettrace()
    try:
        console.run("import sys; sys.settrace(lambda *a: 1/0)\n")
        console.said()
        assert console.run("x\n")
    finally:
        sys.settrace(before)


def test_a_tracer_of_the_script_keeps_tracing_it(console: Console) -> None:
    before = sys.gettrace()

    def trace(*_: Any) -> None:
        return None

    try:
        sys.settrace(trace)
        console.run("x = 1\n")
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)


def test_consoles_share_nothing(console: Console) -> None:
    others = [Evaluator({"x": 1}, 7, io.StringIO()) for _ in range(4)]
    threads = [threading.Thread(target=one.run, args=(f"y = {n}\n",)) for n, one in enumerate(others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.namespace["y"] for one in others] == [0, 1, 2, 3]
    for one in others:
        one.close()
