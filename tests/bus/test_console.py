"""Consoles from a pipe: every case through a real paused script, a real lagerd and the real command."""

import os
import signal
import socket
import subprocess
import textwrap
import time
from pathlib import Path

import pytest

from lager.console.protocol import MessageDecoder, encode
from lager.errors import AccessDenied, InvalidArgument, LagerError, NoSuchBreakpoint, NotInteractive
from tests.client import Client
from tests.processes import LAGER, PATIENCE

SCRIPT = """
import lager, sys
limit = 3
readings = {"adc1": 1.25}
def work():
    local = 10
    lager.pause(interactive=True, timeout=60)
    print("limit", limit, "local", local)
work()
print(input() if len(sys.argv) > 1 else "went on")
"""


class Raw:
    """A console's socket, with nothing in between."""

    def __init__(self, client: Client, id: str) -> None:
        fd = client.do(
            client.bus.call("com.lager.Breakpoints", "/com/lager/Breakpoints", "OpenConsole", "sa{sv}", id, {})
        )[0]
        self.socket = socket.socket(fileno=fd)
        self.socket.settimeout(PATIENCE)
        self._decoder = MessageDecoder()
        self._frames: list[dict] = []

    def send(self, **message) -> None:
        self.socket.sendall(encode(message))

    def frame(self) -> dict | None:
        while not self._frames:
            data = self.socket.recv(1 << 16)
            if not data:
                return None
            self._frames = self._decoder.feed(data)
        return self._frames.pop(0)

    def until(self, key: str) -> tuple[str, object]:
        """All that was printed, and the value of the first frame with `key`."""
        printed = ""
        while (frame := self.frame()) is not None:
            if key in frame:
                return printed, frame[key]
            printed += frame.get("out", "") + frame.get("err", "")
        raise AssertionError(f"closed after {printed!r}")

    def evaluate(self, source: str) -> str:
        self.send(eval=source)
        return self.until("done")[0]

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def paused(run, client):
    """A script at an interactive pause; its details."""
    run(SCRIPT)
    yield (details := client.paused())
    for pause in client.list():
        if pause["id"] == details["id"]:
            client.call("Continue", "s", details["id"])


@pytest.fixture
def raw(client):
    """Open raw consoles; they are closed with the test."""
    opened: list[Raw] = []

    def opener(id: str) -> Raw:
        opened.append(Raw(client, id))
        assert opened[-1].until("hello")[1]["id"] == id
        return opened[-1]

    yield opener
    for one in opened:
        one.close()


def consoles(client, id: str) -> int:
    return next(pause["consoles"] for pause in client.list() if pause["id"] == id)


def left(client, id: str) -> None:
    """Wait until a console of `id` has left."""
    client.expect("Extended", lambda s: s.args[0] == id and s.args[2]["why"] == "detached")


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
def test_from_a_pipe(paused, lager, typed, printed):
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
def test_what_raises_ends_it_with_1(paused, lager, typed, printed, error):
    done = lager("python", "--console", paused["id"], stdin=typed)
    assert done.returncode == 1
    assert error in done.stderr
    assert "/lager/" not in done.stderr
    if printed is not None:
        assert done.stdout == printed


def test_the_exit_code_is_that_of_exit(paused, lager):
    assert lager("python", "--console", paused["id"], stdin="exit(limit)").returncode == 3


def test_bytes_that_are_no_utf8(paused, station):
    done = subprocess.run(
        [LAGER, "python", "--console", paused["id"]],
        input=b"'\xff'\n",
        env=station.env,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"SyntaxError: the source is not valid UTF-8\n"


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ("\ufefflimit\n".encode(), 0, b""),
        ("limit\n".encode("utf-16"), 1, b"lager: Standard input is not valid UTF-8; it looks like UTF-16. Save it"),
        ("limit\n".encode("utf-16-le"), 1, b"lager: Standard input is not valid UTF-8; it looks like UTF-16. Save it"),
    ],
)  # fmt: skip
def test_other_encodings_of_a_pipe(paused, station, typed, code, said):
    command = [LAGER, "python", "--console", paused["id"]]
    done = subprocess.run(command, input=typed, env=station.env, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (code, b"" if code else b"3\n")
    assert done.stderr.startswith(said)
    assert done.stderr.count(b"\n") == code


def test_commands_of_the_console_from_a_pipe(paused, lager):
    typed = "for n in range(2):\n    print(n)\n:vars\nlimit = 4  # really?\nlimit\nlimit?\n?readings\n?\n:where\n"
    done = lager("python", "--console", paused["id"], stdin=typed)
    assert (done.returncode, done.stderr) == (0, "")
    positions = [
        done.stdout.index(part) for part in ("0\n1\n", "  local ", "\n4\n", "type", "dict", ":where  ", "in work")
    ]
    assert positions == sorted(positions)


@pytest.mark.parametrize("typed", [":nonsense\nprint('next')\n", "missing?\nprint('next')\n", ":extend soon\n"])
def test_a_command_that_fails_ends_a_pipe(paused, lager, typed):
    done = lager("python", "--console", paused["id"], stdin=typed)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("lager: ")


def test_a_pipe_may_resume_the_script(paused, lager, client):
    done = lager("python", "--console", paused["id"], stdin="limit\n:continue\n")
    assert client.resumed(paused["id"])[0] == "continued"
    assert (done.returncode, done.stdout) == (0, "3\n")
    assert done.stderr.endswith("from a console; this console ends\n")


def test_lone_surrogates_and_binary_output(paused, lager):
    typed = "print(chr(0xd800))\nimport sys; sys.stdout.buffer.write(b'\\xff\\n')\n"
    done = lager("python", "--console", paused["id"], stdin=typed)
    assert (done.stdout, done.returncode) == ("\\ud800\n\\xff\n2\n", 0)


@pytest.mark.parametrize("what", ["file", "nothing", "closed"])
def test_other_standard_inputs(paused, station, tmp_path, what):
    (tmp_path / "typed").write_text("local\n")
    command = [LAGER, "python", "--console", paused["id"]]
    source = {"file": tmp_path / "typed", "nothing": Path(os.devnull), "closed": Path(os.devnull)}[what]
    with source.open() as stdin:
        if what == "closed":
            command = ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *command]
        done = subprocess.run(
            command, stdin=stdin, env=station.env, capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.stdout, done.stderr, done.returncode) == ("10\n" if what == "file" else "", "", 0)


def test_statements_are_evaluated_as_they_come(paused, start, client):
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
def test_a_console_says_who_resumed_the_script_and_ends(paused, start, client, typed, seen):
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


def test_nothing_carries_back(run, client, lager):
    process = run(SCRIPT)
    id = client.paused()["id"]
    assert lager("python", "--console", id, stdin="limit = 99\nlocal = 98\nprint(limit)\n").stdout == "99\n"
    assert lager("python", "--console", id, stdin="limit, local\n").stdout == "(3, 10)\n"
    client.call("Continue", "s", id)
    assert process.out.rest() == "limit 3 local 10\nwent on\n"
    assert process.wait() == 0


FRAMES = {
    "module": "x = 1\nimport lager; lager.pause(interactive=True)",
    "function": "x = 0\ndef f():\n    x = 1\n    import lager; lager.pause(interactive=True)\nf()",
    "method": "class A:\n    def f(self, x):\n        import lager; lager.pause(interactive=True)\nA().f(1)",
    "lambda": "import lager\n(lambda x: lager.pause(interactive=True))(1)",
    "class body": "import lager\nclass A:\n    x = 1\n    lager.pause(interactive=True)",
    "odd class body": "import lager\nclass A:\n    locals()[1] = x = 1\n    lager.pause(interactive=True)",
    "closure": "import lager\ndef f(x):\n    def g():\n        lager.pause(interactive=True); x\n    g()\nf(1)",
    "coroutine": "import asyncio\nasync def f(x):\n    breakpoint()\nasyncio.run(f(1))",
    "generator": "def f(x):\n    breakpoint()\n    yield x\nlist(f(1))",
    "exit is a variable": "x = 1\nexit = quit = _ = 5\nbreakpoint()",
}


@pytest.mark.parametrize("kind", FRAMES)
def test_the_names_of_every_kind_of_frame(run, client, raw, kind):
    process = run(FRAMES[kind])
    id = client.paused()["id"]
    console = raw(id)
    assert console.evaluate("x, [x for _ in (1,)], (lambda: x)()\n") == "(1, [1], 1)\n"
    if kind == "exit is a variable":
        assert console.evaluate("2\n_, exit, quit\n") == "2\n(5, 5, 5)\n"
    client.call("Continue", "s", id)
    assert process.wait() == 0


def test_globals_are_those_of_the_moment(run, client, raw):
    text = """
        import lager, threading
        n, go, gone = 0, threading.Event(), threading.Event()
        def count():
            global n
            go.wait()
            n = 5
            gone.set()
        threading.Thread(target=count).start()
        lager.pause(interactive=True)
    """
    run(textwrap.dedent(text))
    id = client.paused()["id"]
    assert raw(id).evaluate("n; go.set(); gone.wait(20)\n") == "0\nTrue\n"
    assert raw(id).evaluate("n\n") == "5\n"


STREAMS = """
import lager, sys, threading, time
before = sys.stdout, sys.stderr, sys.stdin, sys.displayhook
go, gone = threading.Event(), threading.Event()
def talk():
    while go.wait():
        go.clear()
        print("from the script")
        gone.set()
threading.Thread(target=talk, daemon=True).start()
lager.pause(interactive=True)
while (sys.stdout, sys.stderr, sys.stdin, sys.displayhook) != before:
    time.sleep(0.001)  # the last console is on its way out
print([now is then for now, then in zip((sys.stdout, sys.stderr, sys.stdin, sys.displayhook), before)])
print("line", input())
"""


def test_each_sees_only_its_own_output(run, client, raw, start, script):
    reader, writer = os.pipe()
    process = start(LAGER, "python", script(STREAMS), stdin=reader)
    os.close(reader)
    id = client.paused()["id"]
    one, two = raw(id), raw(id)
    assert one.evaluate("x = 1; print('one', x)\n") == "one 1\n"
    assert two.evaluate("print('two'); go.set(); gone.wait(20)\n") == "two\nTrue\n"
    assert process.out.expect("from the script\n") == "from the script\n"
    assert "NameError" in two.evaluate("x\n")
    assert one.evaluate("import sys; print('e', file=sys.stderr)\n") == "e\n"
    one.send(eval="exit()\n")
    assert one.until("bye") == ("", 0)
    two.close()
    left(client, id)
    left(client, id)
    client.call("Continue", "s", id)
    os.write(writer, b"for the script\n")
    os.close(writer)
    assert process.out.rest() == "[True, True, True, True]\nline for the script\n"
    assert "two" not in process.err.rest()


HARD = [
    "del __builtins__\n",
    "__builtins__ = 5\n",
    "print = None\n",
    "import sys; sys.stdout.close(); sys.stderr.close(); sys.stdin.close()\n",
    "sys.stderr = None\n",
    "sys.displayhook = None\n",
    "import os; os.close(1)\n",
    "def f(): f()\nf()\n",
    "raise type('E', (BaseException,), {'__str__': lambda s: 1/0})\n",
    "import threading; threading.current_thread()\n",
    "help(len)\n",
    "help()\n",
    "(" * 1000 + "\n",
    "1 + " * 3000 + "1\n",
    "import gc; _ = gc.collect()\n",
    "import os; os.fork() and os.wait()\n",
    "import lager; lager.pause(); breakpoint()\n",
    "import asyncio; asyncio.run(asyncio.sleep(0))\n",
    "import pdb; pdb.set_trace()\n",
    "'\\ud800'; print('\\ud800')\n",
    "import sys; sys.settrace(lambda *a: 1/0)\n",
]


@pytest.mark.parametrize("source", HARD)
def test_it_stays_alive(paused, raw, client, source):
    console = raw(paused["id"])
    console.evaluate("import sys\n")
    console.evaluate(source)
    console.evaluate("import builtins; __builtins__ = builtins; from builtins import print\n")
    console.evaluate("sys.settrace(None); sys.displayhook = sys.__displayhook__\n")
    assert console.evaluate("print('alive')\n") == "alive\n"
    assert consoles(client, paused["id"]) == 1


def test_a_pause_in_a_console_is_refused_in_one_line(paused, raw, client):
    refused = raw(paused["id"]).evaluate("import lager; lager.pause('again')\n")
    assert refused == "lager: pause() has no effect inside a console.\n"
    assert raw(paused["id"]).evaluate("breakpoint()\n") == refused
    assert [signal.member for signal in client.passed].count("Paused") == 0


def test_tracebacks_show_no_frame_of_lager(paused, raw):
    console = raw(paused["id"])
    console.evaluate("class R:\n    def __repr__(self):\n        raise ValueError('no')\n")
    shown = console.evaluate("try:\n    R()\nexcept ValueError as e:\n    pass\nfor r in [R()]: r\n")
    assert shown.count("File ") == 2
    assert shown.count("<console ") == 2


def test_the_scripts_inspect_and_traceback_show_the_lines_of_a_console(paused, raw):
    console = raw(paused["id"])
    console.evaluate("def f():\n    return 1 / 0\n")
    assert console.evaluate("import inspect\nprint(inspect.getsource(f))\n") == "def f():\n    return 1 / 0\n\n"
    shown = console.evaluate("import traceback\ntry:\n    f()\nexcept Exception:\n    traceback.print_exc()\n")
    assert "    f()\n" in shown
    assert "    return 1 / 0\n" in shown


def test_who_imports_threading_in_a_console_leaves_the_main_thread_what_it_is(run, client, raw):
    process = run(
        f"import _thread\nident = _thread.get_ident()\n{SCRIPT}\nimport threading\nthreading.Thread().start()\n"
    )
    console = raw(client.paused()["id"])
    assert console.evaluate("import threading\nthreading.main_thread().ident == ident\n") == "True\n"
    console.evaluate("import logging, concurrent.futures\n")
    client.call("ContinueAll")
    assert process.wait() == 0
    assert "Exception" not in process.err.rest()


def test_a_threading_of_the_scripts_own_is_not_run_by_a_pause(run, script, client):
    script("print('run', flush=True)\n", "threading.py")
    process = run("import lager\nlager.pause(interactive=True)\n")
    client.call("Continue", "s", client.paused()["id"])
    assert (process.wait(), process.out.rest()) == (0, "")


@pytest.mark.parametrize(
    "source", ["while True: pass\n", "while True:\n  try:\n    while True: pass\n  finally: pass\n"]
)
def test_an_evaluation_is_interrupted(paused, raw, source):
    console = raw(paused["id"])
    console.send(eval="print('began')\n" + source)
    assert console.frame() == {"out": "began\n"}
    console.send(interrupt=True)
    printed, done = console.until("done")
    assert printed.endswith("KeyboardInterrupt\n")
    assert done is False
    assert console.evaluate("1\n") == "1\n"


def test_an_interrupt_sends_no_line_twice(paused, raw):
    console = raw(paused["id"])
    for _ in range(20):
        console.send(eval="n = 0\nwhile True: n += 1; print(n)\n")
        assert console.frame() == {"out": "1\n"}
        console.send(interrupt=True)
        printed = console.until("done")[0]
        numbers = [int(line) for line in printed.split("Traceback")[0].splitlines()]
        assert len(set(numbers)) == len(numbers)
        assert printed.endswith("KeyboardInterrupt\n")


def test_what_was_printed_comes_before_the_traceback(paused, raw):
    assert raw(paused["id"]).evaluate("print('half', end=''); 1/0\n").startswith("halfTraceback")


def test_an_interrupt_right_behind_its_source_is_not_lost(paused, raw):
    console = raw(paused["id"])
    for _ in range(100):
        console.socket.sendall(encode({"eval": "while True: pass\n"}) + encode({"interrupt": True}))
        printed, done = console.until("done")
        assert printed.endswith("KeyboardInterrupt\n")
        assert done is False
    assert console.evaluate("1\n") == "1\n"


def test_late_interrupts_hit_nothing(paused, raw):
    console = raw(paused["id"])
    for _ in range(300):
        console.socket.sendall(encode({"eval": "1\n"}))
        console.socket.sendall(encode({"interrupt": True}) * 3)
        printed, done = console.until("done")
        assert (printed == "1\n") if done else printed.endswith("KeyboardInterrupt\n")
    assert console.evaluate("2\n") == "2\n"


STUBBORN = "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n"
JOIN = """
import lager, threading
lager.pause(interactive=True)
[thread.join() for thread in threading.enumerate() if "console" in thread.name]
print("over")
"""


def test_a_console_leaves_no_interrupt_behind(run, client, lager):
    """Python asks for one that is promised at every call; 3.11 under a tracer did nothing else any more."""
    text = "import lager, sys\nsys.settrace(lambda *_: None)\nlager.pause(interactive=True)\n(lambda: print('on'))()\n"
    process = run(text)
    id = client.paused()["id"]
    assert lager("python", "--console", id, stdin="1\n2\n").stdout == "1\n2\n"
    client.call("Continue", "s", id)
    process.out.expect("on\n")


@pytest.mark.parametrize("source", ["while True: pass\n", "while True: print('x' * 100)\n", STUBBORN])
def test_an_evaluation_ends_with_its_client(run, client, start, source):
    process = run(JOIN)
    id = client.paused()["id"]
    reader, writer = os.pipe()
    console = start(LAGER, "python", "--console", id, stdin=reader)
    os.close(reader)
    os.write(writer, b"print('began')\n" + source.encode() + b"\n")
    console.out.expect("began")
    assert consoles(client, id) == 1
    console.kill(signal.SIGKILL)
    os.close(writer)
    left(client, id)
    assert consoles(client, id) == 0
    client.call("Continue", "s", id)
    if source is not STUBBORN:
        assert process.out.rest() == "over\n"
        assert process.wait() == 0


def test_a_client_that_does_not_read_blocks_no_other(run, client, raw):
    process = run(SCRIPT)
    id = client.paused()["id"]
    console, other = raw(id), raw(id)
    console.send(eval="for _ in range(1000): print('x' * 100_000)\n")
    assert console.frame()["out"].startswith("xxx")
    assert other.evaluate("1\n").endswith("1\n")  # it may have waited a moment
    assert consoles(client, id) == 2
    client.call("Continue", "s", id)
    assert process.out.rest() == "limit 3 local 10\nwent on\n"
    assert process.wait() == 0


def test_100_mb_arrive_whole(paused, start):
    reader, writer = os.pipe()
    os.write(writer, b"for _ in range(1000): print('x' * 100_000)\n")
    os.close(writer)
    console = start(LAGER, "python", "--console", paused["id"], stdin=reader)
    os.close(reader)
    total = 0
    os.set_blocking(console.out.fd, True)
    while data := os.read(console.out.fd, 1 << 20):
        total += len(data)
    assert total == 100_001_000
    assert console.wait() == 0


def test_a_stopped_client_reads_the_end_when_it_wakes(run, client, start):
    process = run(SCRIPT)
    id = client.paused()["id"]
    reader, writer = os.pipe()
    console = start(LAGER, "python", "--console", id, stdin=reader)
    os.close(reader)
    os.write(writer, b"'ready'\n")
    console.out.expect("'ready'\n")
    console.kill(signal.SIGSTOP)
    client.call("Continue", "s", id)
    assert process.wait() == 0
    console.kill(signal.SIGCONT)
    assert console.wait() == 1
    os.close(writer)
    assert "resumed by" in console.err.rest()


def test_when_the_script_dies_its_consoles_end(paused, start, client):
    reader, writer = os.pipe()
    console = start(LAGER, "python", "--console", paused["id"], stdin=reader)
    os.close(reader)
    os.write(writer, b"'ready'\n")
    console.out.expect("'ready'\n")
    os.kill(paused["pid"], signal.SIGKILL)
    assert console.wait() == 1
    os.close(writer)
    assert console.err.rest() == f"lager: {paused['id']} ended with its script; this console ends\n"


ORPHAN = """
import lager, os, signal, threading
go, done = threading.Event(), threading.Event()
def spawn():
    go.wait()
    if os.fork() == 0:
        signal.pause()
    done.set()
threading.Thread(target=spawn).start()
lager.pause(interactive=True)
"""


def test_a_child_of_the_script_keeps_no_console_open(run, client, start):
    """The child has the socket too; the console ends all the same, because lagerd tells the end of the pause."""
    run(ORPHAN)
    pause = client.paused()
    reader, writer = os.pipe()
    console = start(LAGER, "python", "--console", pause["id"], stdin=reader)
    os.close(reader)
    os.write(writer, b"go.set(); done.wait(20)\n")
    console.out.expect("True\n")
    os.kill(pause["pid"], signal.SIGKILL)
    assert console.wait() == 1
    os.close(writer)


def test_a_child_of_the_script_has_the_scripts_streams(run, client, raw):
    text = """
        import lager, os, sys, threading
        before, go = sys.stdout, threading.Event()
        def spawn():
            go.wait()
            if os.fork() == 0:
                print(sys.stdout is before)
                t = threading.Thread(target=print, args=("from a thread of the child",))
                t.start(); t.join()
                os._exit(0)
            os.wait()
            done.set()
        done = threading.Event()
        threading.Thread(target=spawn).start()
        lager.pause(interactive=True)
    """
    process = run(textwrap.dedent(text))
    id = client.paused()["id"]
    assert raw(id).evaluate("go.set(); done.wait(20)\n") == "True\n"
    client.call("Continue", "s", id)
    assert process.out.rest() == "True\nfrom a thread of the child\n"


def test_nothing_is_left_after_50_consoles(paused, client, raw):
    pid, id = paused["pid"], paused["id"]
    console = raw(id)
    measure = (
        "import linecache, os, threading\n"
        "print(threading.active_count(), len(os.listdir('/proc/self/fd')), "
        "sum(f.startswith('<console') for f in linecache.cache))\n"
    )
    before = console.evaluate(measure)
    threads = len(os.listdir(f"/proc/{pid}/task"))
    for turn in range(50):
        other = raw(id)
        assert other.evaluate("def f(): 1/0\nf()\n").endswith("division by zero\n")
        if turn % 2:
            other.send(eval="exit()\n")
            other.until("bye")
        other.close()
        left(client, id)
    end = time.monotonic() + PATIENCE
    while len(os.listdir(f"/proc/{pid}/task")) > threads:
        assert time.monotonic() < end
        time.sleep(0.01)
    after = console.evaluate(measure).split()
    assert after[:2] == before.split()[:2]
    assert int(after[2]) <= int(before.split()[2]) + 2  # its own lines
    assert len(os.listdir(f"/proc/{pid}/fd")) == int(after[1]) - 1  # but that of listing itself
    assert consoles(client, id) == 1


def test_a_console_outlives_lagerd(own_station, run, client, raw):
    run("import lager\nlager.pause(timeout=0, interactive=True)\n")
    id = client.paused()["id"]
    old = raw(id)
    own_station.kill_lagerd()
    assert old.evaluate("1\n") == "1\n"
    own_station.start_lagerd()
    assert client.paused()["id"] == id
    new = raw(id)
    assert old.evaluate("2\n") == "2\n"
    old.send(eval="exit()\n")
    assert old.until("bye") == ("", 0)
    assert new.evaluate("3\n") == "3\n"
    assert consoles(client, id) == 1
    client.call("Continue", "s", id)
    assert new.frame() is None


def remaining(client, id: str) -> float:
    return next(pause["remaining"] for pause in client.list() if pause["id"] == id)


def test_a_line_restarts_the_countdown(run, client, raw):
    run("import lager\nlager.pause(timeout=5, interactive=True)\n")
    id = client.paused()["id"]
    console = raw(id)
    for _ in range(3):
        # Nothing but time makes the countdown smaller; the line is evaluated by lagerd's clock then.
        console.evaluate("import time; time.sleep(0.3)\n")
        signal = client.expect("Extended", lambda s: s.args[0] == id and s.args[2]["why"] == "console")
        assert signal.args[1] > 4.9
    assert client.resumed(id) == ("timeout", {})
    assert console.frame() is None


def test_a_line_never_shortens_what_is_left(run, client, raw):
    run("import lager\nlager.pause(timeout=30, interactive=True)\n")
    id = client.paused()["id"]
    client.call("Extend", "sd", id, 100.0)
    console = raw(id)
    console.evaluate("1\n")
    console.send(eval="exit()\n")
    left(client, id)
    assert remaining(client, id) > 120
    client.call("Extend", "sd", id, 0.0)
    console = raw(id)
    console.evaluate("1\n")
    console.send(eval="exit()\n")
    left(client, id)
    assert remaining(client, id) == 0
    client.call("Continue", "s", id)


def test_a_forgotten_console_holds_nothing(run, client, raw):
    run("import lager\nlager.pause(timeout=0, interactive=True)\n")
    id = client.paused()["id"]
    raw(id)
    client.call("Extend", "sd", id, 0.5)
    assert client.resumed(id) == ("timeout", {})


def test_which_pause_is_meant(run, client, lager, paused):
    assert lager("python", "--console", paused["id"][:5], stdin="local").stdout == "10\n"
    assert lager("python", "--console", paused["run_id"], stdin="local").stdout == "10\n"
    for wrong in ("ffff", "nonsense", "", "../..", "\udcff"):
        done = lager("python", "--console", wrong.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        assert "lager breakpoints" in done.stderr
    with pytest.raises(NoSuchBreakpoint):
        Raw(client, "ffff")


def test_a_pause_without_a_console_says_so(run, client, lager):
    run("import lager\nlager.pause()\n")
    id = client.paused()["id"]
    done = lager("python", "--console", id, stdin="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no console. It gets one with pause(interactive=True)" in done.stderr
    with pytest.raises(NotInteractive):
        Raw(client, id)
    client.call("Continue", "s", id)


def test_only_lagerd_attaches(paused, client, station):
    """Another client finds the script's connection by its pid and calls what lagerd would call."""

    async def attach_everywhere() -> list[str]:
        refusals = []
        for name in await client.bus.names():
            if name.startswith(":") and (await client.bus.credentials(name)).get("ProcessID") == paused["pid"]:
                ours, theirs = socket.socketpair()
                try:
                    details = {"id": paused["id"], "console": 1}
                    await client.bus.call(
                        name, "/com/lager/Script", "Attach", "ha{sv}", 0, details,
                        interface="com.lager.Script", fds=[theirs.detach()],
                    )  # fmt: skip
                except LagerError as refused:
                    refusals.append(type(refused))
                with ours:
                    assert ours.recv(1) == b""  # closed, and nothing was said
        return refusals

    assert client.do(attach_everywhere()) == [AccessDenied]


def test_no_other_process_reports_for_the_script(paused, client):
    for member, signature, more in (("Touch", "sua{sv}", ({},)), ("Detach", "su", ())):
        with pytest.raises(AccessDenied):
            client.call(member, signature, paused["id"], 1, *more)


def test_wrong_frames_end_the_console_and_nothing_else(paused, client, raw):
    for wrong in (b"\xff\xff\xff\xff", b"\0\0\0\x02[]", b"\0\0\0\x01x", b"GET / HTTP/1.1\r\n\r\n"):
        console = raw(paused["id"])
        console.socket.sendall(wrong)
        assert console.frame() is None
        left(client, paused["id"])
    console = raw(paused["id"])
    console.send(nonsense=1)
    console.send(eval=5)
    assert console.evaluate("local\n") == "10\n"


def test_details_of_wrong_types_are_refused(paused, client):
    with pytest.raises(InvalidArgument):
        client.call("OpenConsole", "s", paused["id"])
