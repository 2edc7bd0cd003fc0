"""Consoles from a pipe: statements and commands from standard input, and the exit code."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bus.console.raw import SCRIPT
from tests.client import Client
from tests.fixtures import Command, Starter
from tests.processes import LAGER, ended
from tests.station import Station


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ('readings["adc1"]', "1.25\n"),
        ("local + limit\n", "13\n"),
        ("x = 2\nx\nx * 2", "2\n4\n"),
        ("for i in range(2):\n    print(i)\nprint('end')\n", "0\n1\nend\n"),
        ("def f():\n    a = 1\n\n    return a + limit\n\nf()\n", "4\n"),
        ("if limit > 5:\n    1\nelif limit > 2:\n    2\nelse:\n    3\n", "2\n"),
        ("try:\n    1/0\n\nexcept ZeroDivisionError:\n    'caught'\nfinally:\n    'end'\n", "'caught'\n'end'\n"),
        ("from functools import cache\n@cache\ndef f(n):\n    return n\nf(3)\n", "3\n"),
        ("x = [\n    1,\n    2]\nx\n", "[1, 2]\n"),
        ("'''a\nb'''\n", "'a\\nb'\n"),
        ("1; 2\n", "1\n2\n"),
        ("[limit * local for _ in range(2)]\n", "[30, 30]\n"),
        ("(lambda: local + limit)()\n", "13\n"),
        ("def f():\n    def g():\n        return local + limit\n    return g()\nf()\n", "13\n"),
        ("class A:\n    b = local\n    c = [local for _ in 'ab']\nA.b, A.c\n", "(10, [10, 10])\n"),
        ("global limit\nlimit = 99\nlimit\n", "99\n"),
        ("sum(x for x in (local, limit))\n", "13\n"),
        ("None\n", ""),
        ("", ""),
        ("\n\n  \n# nothing\n", ""),
        ("'ä→😀'\n", "'ä→😀'\n"),
        ("1 + 1\n_ + 1\n", "2\n3\n"),
        ("print('no end', end='')", "no end"),
        ("exit()\n1/0\n", ""),
        ("import sys; sys.exit()\n", ""),
        ("1\r\n2\r\n", "1\n2\n"),
        ("    for i in (1, 2):\n        i\n    3\n", "1\n2\n3\n"),
        ("\t4\n", "4\n"),
        (" " * 1_000_000 + "5\n", "5\n"),
        ("x = '''\n" + "y" * 1_000_000 + "\n'''\nlen(x)\n", "1000002\n"),
        ("def f(n):\n" + "    n += 1  # one more line\n" * 40_000 + "    return n\nf(0)\n", "40000\n"),
        ("from __future__ import annotations\ndef f(x: Missing): pass\nf.__annotations__\n", "{'x': 'Missing'}\n"),
    ],
    ids=range(32),
)
def test_statements_from_a_pipe_are_evaluated(paused: dict[str, Any], lager: Command, typed: str, printed: str) -> None:
    done = lager("python", "--console", paused["id"], stdin=typed)
    assert (done.stdout, done.stderr, done.returncode) == (printed, "", 0)


@pytest.mark.parametrize(
    ("typed", "printed", "error"),
    [
        ("1\n1/0\n2\n", "1\n", 'line 1, in <module>\n    1/0\n    ~^~\nZeroDivisionError: division by zero\n'),
        ("x = = 1\n", "", "SyntaxError: invalid syntax\n"),
        ("1\nx = (1\n", "1\n", "SyntaxError: '(' was never closed\n"),
        ("def f(:\n", "", "SyntaxError: invalid syntax\n"),
        ("if 1:\n  1\n 2\n", "", "IndentationError: unindent does not match any outer indentation level\n"),
        ("'a\0b'\n", "", "SyntaxError: source code string cannot contain null bytes\n"),
        ("missing\n", "", "NameError: name 'missing' is not defined\n"),
        ("del limit\nlimit\n", "", "NameError: name 'limit' is not defined"),
        ("input('name? ')\n", "name? ", "EOFError: A console has no standard input: the keys belong to the script."),
        ("import sys; sys.stdin.read()\n", "", "EOFError: A console has no standard input"),
        ("import pdb; pdb.set_trace()\n", None, "bdb.BdbQuit\n"),
        ("class R:\n    def __repr__(self): 1/0\nR()\n", "", "in __repr__\n    def __repr__(self): 1/0\n"),
        ("class E(Exception):\n    def __str__(self): exit()\nraise E\n", "", "E: <exception str() failed>\n"),
        ("class S:\n    def __str__(self): raise KeyboardInterrupt\nprint(S())\n", "", "KeyboardInterrupt\n"),
        ("def f(): f()\n\nf()\n", "", "RecursionError: maximum recursion depth exceeded\n"),
        ("raise KeyboardInterrupt\n", "", "KeyboardInterrupt\n"),
        ("raise GeneratorExit\n", "", "GeneratorExit\n"),
        ("exit('no good')\n", "", "no good\n"),
    ],
    ids=range(18),
)  # fmt: skip
def test_a_statement_that_raises_ends_a_pipe_with_1(
    paused: dict[str, Any], lager: Command, typed: str, printed: str | None, error: str
) -> None:
    done = lager("python", "--console", paused["id"], stdin=typed)
    assert done.returncode == 1
    assert error in done.stderr
    assert "/lager/" not in done.stderr
    if printed is not None:
        assert done.stdout == printed


def test_the_exit_code_is_that_of_exit(paused: dict[str, Any], lager: Command) -> None:
    assert lager("python", "--console", paused["id"], stdin="exit(limit)").returncode == 3


def test_bytes_that_are_not_utf8_are_refused(paused: dict[str, Any], start: Starter) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"'\xff'\n")
    os.close(writer)
    console = start(LAGER, "python", "--console", paused["id"], stdin=reader)
    os.close(reader)
    assert ended(console) == (1, "", "SyntaxError: the source is not valid UTF-8\n")


@pytest.mark.variant
@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ("\ufefflimit\n".encode(), 0, b""),
        ("limit\n".encode("utf-16"), 1, b"lager: Standard input is not valid UTF-8; it looks like UTF-16. Save it"),
        ("limit\n".encode("utf-16-le"), 1, b"lager: Standard input is not valid UTF-8; it looks like UTF-16. Save it"),
    ],
)  # fmt: skip
def test_other_encodings_of_a_pipe_are_named(
    paused: dict[str, Any], station: Station, typed: Any, code: int, said: bytes
) -> None:
    command = [LAGER, "python", "--console", paused["id"]]
    done = subprocess.run(command, input=typed, env=station.env, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (code, b"" if code else b"3\n")
    assert done.stderr.startswith(said)
    assert done.stderr.count(b"\n") == code


def test_commands_of_the_console_from_a_pipe(paused: dict[str, Any], lager: Command) -> None:
    typed = "for n in range(2):\n    print(n)\n:vars\nlimit = 4  # really?\nlimit\nlimit?\n?readings\n?\n:where\n"
    done = lager("python", "--console", paused["id"], stdin=typed)
    assert (done.returncode, done.stderr) == (0, "")
    positions = [
        done.stdout.index(part) for part in ("0\n1\n", "  local ", "\n4\n", "type", "dict", ":where  ", "in work")
    ]
    assert positions == sorted(positions)


@pytest.mark.parametrize("typed", [":nonsense\nprint('next')\n", "missing?\nprint('next')\n", ":extend soon\n"])
def test_a_command_that_fails_ends_a_pipe(paused: dict[str, Any], lager: Command, typed: str) -> None:
    done = lager("python", "--console", paused["id"], stdin=typed)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("lager: ")


@pytest.mark.variant
@pytest.mark.parametrize("typed", [":continue later", ":where am i", ":vars limit", ":help continue"])
def test_a_command_without_a_value_refuses_one_and_does_nothing(
    paused: dict[str, Any], lager: Command, client: Client, typed: str
) -> None:
    done = lager("python", "--console", paused["id"], stdin=f"{typed}\n")
    assert (done.returncode, done.stdout) == (1, "")
    name = typed.split()[0]
    assert done.stderr == f"lager: {name} takes no argument. Type {name} alone, or see :help.\n"
    assert [pause["id"] for pause in client.list()] == [paused["id"]]


@pytest.mark.variant
@pytest.mark.parametrize("typed", [":extend\t10m", ":extend   10m  "])
def test_any_space_may_stand_before_the_value_of_a_command(paused: dict[str, Any], lager: Command, typed: str) -> None:
    done = lager("python", "--console", paused["id"], stdin=f"{typed}\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("left.\n")


def test_a_pipe_may_resume_the_script(paused: dict[str, Any], lager: Command, client: Client) -> None:
    done = lager("python", "--console", paused["id"], stdin="limit\n:continue\n")
    assert client.resumed(paused["id"])[0] == "continued"
    assert (done.returncode, done.stdout) == (0, "3\n")
    assert done.stderr.endswith("from a console; this console ends\n")


ASKS = "import lager\nprint('got', lager.ask('how long?', kind='number', unit='mm', high=9))\n"


def test_a_pipe_may_answer_the_question(run: Starter, lager: Command, client: Client) -> None:
    process = run(ASKS)
    id = client.paused()["id"]
    for typed, wanted in (("12", "at most 9 mm"), ("", "Type it like: :answer yes")):
        refused = lager("console", id, stdin=f":answer {typed}\n")
        assert refused.returncode == 1
        assert wanted in refused.stderr
    done = lager("console", id, stdin=":answer 2.5 mm\nprint('never')\n")
    process.out.expect("got 2.5\n")
    reason, by = client.resumed(id)
    assert (reason, by["how"], by["answer"]) == ("answered", "console", 2.5)
    assert (done.returncode, "never" in done.stdout) == (0, False)
    assert "was answered by" in done.stderr


@pytest.mark.variant
def test_a_pause_without_a_question_takes_no_answer(paused: dict[str, Any], lager: Command) -> None:
    refused = lager("console", paused["id"], stdin=":answer yes\n")
    assert (refused.returncode, "asks nothing" in refused.stderr) == (1, True)


@pytest.mark.variant
def test_lone_surrogates_and_binary_output(paused: dict[str, Any], lager: Command) -> None:
    typed = "print(chr(0xd800))\nimport sys; sys.stdout.buffer.write(b'\\xff\\n')\n"
    done = lager("python", "--console", paused["id"], stdin=typed)
    assert (done.stdout, done.returncode) == ("\\ud800\n\\xff\n2\n", 0)


@pytest.mark.variant
@pytest.mark.parametrize("line", [b"print('\xe9')\n", b"print('\0')\n", b"x = '\x1b[2J'\n"])
def test_a_line_that_is_not_text_restarts_the_countdown_too(
    run: Starter, client: Client, station: Station, line: bytes
) -> None:
    process = run(SCRIPT)
    id = client.paused()["id"]
    command = [LAGER, "python", "--console", id]
    subprocess.run(command, input=line, env=station.env, stderr=subprocess.DEVNULL, timeout=60, check=False)
    client.expect("Extended", lambda signal: signal.args[0] == id)
    client.call("Continue", "s", id)
    assert "Traceback" not in process.err.rest()


@pytest.mark.parametrize("what", ["file", "nothing", "closed"])
def test_a_console_reads_files_and_closed_standard_inputs(
    paused: dict[str, Any], start: Starter, tmp_path: Path, what: str
) -> None:
    (tmp_path / "typed").write_text("local\n")
    command = [LAGER, "python", "--console", paused["id"]]
    source = {"file": tmp_path / "typed", "nothing": Path(os.devnull), "closed": Path(os.devnull)}[what]
    with source.open() as stdin:
        if what == "closed":
            command = ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *command]
        console = start(*command, stdin=stdin.fileno())
    assert ended(console) == (0, "10\n" if what == "file" else "", "")


def test_statements_are_evaluated_as_they_come(paused: dict[str, Any], start: Starter, client: Client) -> None:
    reader, writer = os.pipe()
    console = start(LAGER, "python", "--console", paused["id"], stdin=reader)
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as pipe:
        for typed, expected in (
            (b"1 + 1\n", "2\n"),
            (b"for i in 'ab':\n  print(i)\n\n", "b\n"),
            (b"x = [\n1]\nx\n", "[1]\n"),
        ):
            pipe.write(typed)
            console.out.expect(expected)
    assert console.wait() == 0


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        (b"", "'ready'\n"),
        (b"1 + ", "'ready'\n"),
        (b"if True:\n    print('on')\n    while True: pass\n\n", "on\n"),
        (b"import time; print('on'); time.sleep(600)\n", "on\n"),
    ],
)
def test_a_console_says_who_resumed_the_script_and_ends(
    paused: dict[str, Any], start: Starter, client: Client, typed: bytes, seen: str
) -> None:
    reader, writer = os.pipe()
    console = start(LAGER, "python", "--console", paused["id"], stdin=reader)
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as pipe:
        pipe.write(b"'ready'\n" + typed)
        console.out.expect(seen)
        client.call("Continue", "s", paused["id"])
        assert console.wait() == 1
    user = client.resumed(paused["id"])[1]["user"]
    assert console.err.rest() == f"lager: {paused['id']} resumed by {user} over D-Bus; this console ends\n"
