"""The names that a console sees: those of any kind of frame, in a copy."""

import textwrap
from collections.abc import Callable

import pytest

from tests.bus.console.raw import SCRIPT, Raw
from tests.client import Client
from tests.fixtures import Command, Starter


def test_assignments_in_a_console_do_not_change_the_script(run: Starter, client: Client, lager: Command) -> None:
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
def test_the_names_of_every_kind_of_frame(run: Starter, client: Client, raw: Callable[..., Raw], kind: str) -> None:
    process = run(FRAMES[kind])
    id = client.paused()["id"]
    console = raw(id)
    assert console.evaluate("x, [x for _ in (1,)], (lambda: x)()\n") == "(1, [1], 1)\n"
    if kind == "exit is a variable":
        assert console.evaluate("2\n_, exit, quit\n") == "2\n(5, 5, 5)\n"
    client.call("Continue", "s", id)
    assert process.wait() == 0


@pytest.mark.variant
def test_a_console_uses_the_current_globals(run: Starter, client: Client, raw: Callable[..., Raw]) -> None:
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
