import ast
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lager_cli.console.statements import Statements


def fed(text: str) -> list[str]:
    """All statements of a text, the last one by its end."""
    statements = Statements()
    sources = [source for line in text.splitlines() for source in statements.feed(line)]
    return [*sources, statements.rest()] if statements else sources


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", ["1\n"]),
        ("1\n2", ["1\n", "2\n"]),
        ("a = 1; b = 2", ["a = 1; b = 2\n"]),
        ("\n  \n# nothing\n\t# at all\n", []),
        ("if a:\n  1\n2", ["if a:\n  1\n", "2\n"]),
        ("if a: 1\n2", ["if a: 1\n", "2\n"]),
        ("if a:\n  1\nelse:\n  2\n3", ["if a:\n  1\nelse:\n  2\n", "3\n"]),
        ("if a:\n  1\n\nelif b:\n  2\n\nelse:\n  3", ["if a:\n  1\n\nelif b:\n  2\n\nelse:\n  3\n"]),
        ("try:\n  1\nexcept E:\n  2\nfinally:\n  3\n4", ["try:\n  1\nexcept E:\n  2\nfinally:\n  3\n", "4\n"]),
        ("for a in b:\n  1\nelse:\n  2\n", ["for a in b:\n  1\nelse:\n  2\n"]),
        ("elsewhere = 1\nfinallys = 2", ["elsewhere = 1\n", "finallys = 2\n"]),
        ("if a:\n  1\nelsewhere = 1", ["if a:\n  1\n", "elsewhere = 1\n"]),
        ("def f():\n  1\n\n  2\nf()", ["def f():\n  1\n\n  2\n", "f()\n"]),
        ("def f():\n  1\n# here\n  2\nf()", ["def f():\n  1\n# here\n  2\n", "f()\n"]),
        ("@a\n@b\ndef f():\n  1\n@c\nclass D:\n  2", ["@a\n@b\ndef f():\n  1\n", "@c\nclass D:\n  2\n"]),
        ("async def f():\n  await g()\n1", ["async def f():\n  await g()\n", "1\n"]),
        ("match a:\n  case 1:\n    2\n3", ["match a:\n  case 1:\n    2\n", "3\n"]),
        ("match = 1\nmatch\nclassy = 2", ["match = 1\n", "match\n", "classy = 2\n"]),
        ("x = [\n1,\n\n2]\ny", ["x = [\n1,\n\n2]\n", "y\n"]),
        ("def f(\n  a,\n):\n  1\n2", ["def f(\n  a,\n):\n  1\n", "2\n"]),
        ("'''a\n\nb'''\n1", ["'''a\n\nb'''\n", "1\n"]),
        ("def f():\n  '''a\nb\n  '''\n1", ["def f():\n  '''a\nb\n  '''\n", "1\n"]),
        ("a = 1 + \\\n  2\n3", ["a = 1 + \\\n  2\n", "3\n"]),
        ("1 +", ["1 +\n"]),
        ("x = = 1\n2", ["x = = 1\n", "2\n"]),
        ("'\\d'\n1 is 1", ["'\\d'\n", "1 is 1\n"]),
        ("a\0b\n1", ["a\0b\n", "1\n"]),
        ("'\udcff'\n1", ["'\udcff'\n", "1\n"]),
        ("(" * 500 + "\n1", ["(" * 500 + "\n", "1\n"]),
    ],
)
def test_where_statements_end(text: str, expected: Any) -> None:
    assert fed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  1\n2", ["1\n", "2\n"]),
        ("    if a:\n        1\n    2", ["if a:\n    1\n", "2\n"]),
        ("\tdef f():\n\t\t1\n\n\t\t2\n\n\tf()", ["def f():\n\t1\n\n\t2\n\n", "f()\n"]),
        ("    x = (1,\n  2)\n    y", ["x = (1,\n  2)\n", "y\n"]),
        ("  1\n    2\n3", ["1\n", "2\n", "3\n"]),
    ],
)
def test_an_indented_block_loses_its_indentation(text: str, expected: list[str]) -> None:
    assert fed(text) == expected


def test_what_may_belong_to_a_loop_that_an_empty_line_ended_keeps_its_indentation() -> None:
    statements = Statements()
    for line in ("for a in b:", "    1", ""):
        assert statements.feed(line) == []
    assert statements.ends_here() == "for a in b:\n    1\n\n"
    assert statements.feed("    2") == ["    2\n"]
    assert statements.feed("    3") == ["3\n"]


@pytest.mark.parametrize("text", ["for a in b:\n  1\n", "def f():\n  1\n", "if a: 1\n", "class A: pass\n"])
def test_an_empty_line_may_end_a_compound_statement(text: str) -> None:
    statements = Statements()
    for line in text.splitlines():
        assert statements.feed(line) == []
        assert not statements.may_end()
    assert statements.feed("") == []
    assert statements.may_end()
    assert statements.rest() == text + "\n"
    assert not statements
    assert not statements.may_end()


@pytest.mark.parametrize("text", ["x = [\n", "'''a\n", "@a\n", "try:\n  1\n", "def f():\n  '''a\n", "1 + (\n"])
def test_an_empty_line_ends_nothing_that_is_open(text: str) -> None:
    statements = Statements()
    for line in [*text.splitlines(), ""]:
        assert statements.feed(line) == []
    assert not statements.may_end()
    assert statements


LONG = {
    "a function": "def f(n):\n" + "    n += 1\n" * 50_000 + "f(1)",
    "a list": "x = [\n" + "    1,\n" * 50_000 + "    2]\nx",
    "a text": "x = '''\n" + "a line\n" * 50_000 + "'''\nx",
    "one line": "x = '" + "y" * 1_000_000 + "'",
}


@pytest.mark.parametrize("kind", LONG)
def test_long_statements_are_not_looked_at_again_and_again(kind: str) -> None:
    began = time.process_time()
    assert "".join(fed(LONG[kind])) == LONG[kind] + "\n"
    assert time.process_time() - began < 10  # it is under 1 s; looking at each line took minutes


@given(
    st.lists(st.sampled_from(["1", "x = (1,\n2)", "if a:\n  1\n\n  2", "'''a\nb'''", "@a\ndef f(): pass", "# c", ""]))
)
def test_statements_together_are_the_text(parts: Any) -> None:
    text = "\n".join(parts)
    sources = fed(text)
    assert ast.dump(ast.parse("".join(sources))) == ast.dump(ast.parse(text))
    assert all(len(ast.parse(source).body) == 1 for source in sources)
