"""Consoles on a terminal that supports only lines: what is typed, what is shown, and what stays with the script."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import ScriptWriter, Starter, TerminalStarter
from tests.processes import LAGER, Terminal

SCRIPT = """
import lager, threading
readings = {"adc1": 1.25}
def work():
    local = 10
    lager.pause("look", interactive=True)
    print("local", local)
work()
print("got", input("name? "))
"""
PROMPT = ">>> "
CTRL_C, CTRL_D = "\x03", "\x04"


@pytest.fixture
def paused(run: Starter, client: Client) -> Iterator[Any]:
    """A script at an interactive pause; its id. Its own standard input is empty."""
    run(SCRIPT)
    id = client.paused()["id"]
    yield id
    if id in [pause["id"] for pause in client.list()]:
        client.call("Continue", "s", id)


@pytest.fixture
def console(terminal: TerminalStarter) -> Callable[..., Any]:
    """Open a console on a terminal of its own, and wait for its first prompt."""

    def opener(id: str) -> Terminal:
        screen = terminal(LAGER, "python", "--console", id, TERM="dumb")
        screen.expect(f"lager: console of {id}: Ctrl-D leaves it")
        screen.expect(PROMPT)
        return screen

    return opener


def answer(screen: Terminal, typed: str, prompt: str = PROMPT) -> str:
    """Type a line; what comes until the next prompt, without the echo of the line."""
    screen.type(typed + "\r")
    screen.expect("\n")
    return screen.expect(prompt)[: -len(prompt)]


def is_paused(client: Client, id: str) -> bool:
    return id in [pause["id"] for pause in client.list()]


def test_a_console_on_a_terminal_evaluates_and_ends(paused: Any, console: Callable[..., Any], client: Client) -> None:
    screen = console(paused)
    assert answer(screen, "readings['adc1']") == "1.25\n"
    assert answer(screen, "_ * 2") == "2.5\n"
    assert answer(screen, "x = local") == ""
    assert answer(screen, "") == ""
    assert answer(screen, "for i in range(2):", "... ") == ""
    assert answer(screen, "    print(i, x)", "... ") == ""
    assert answer(screen, "") == "0 10\n1 10\n"
    assert answer(screen, "[x for _ in 'ab']") == "[10, 10]\n"
    assert answer(screen, "x = (1,", "... ") == ""
    assert answer(screen, "  2)") == ""
    assert answer(screen, "'ä→😀', x") == "('ä→😀', (1, 2))\n"
    failed = answer(screen, "1/0")
    assert re.fullmatch(
        r'Traceback \(most recent call last\):\n  File "<console \d+:\d+>", line 1, in <module>\n'
        r"    1/0\n    ~\^~\nZeroDivisionError: division by zero\n",
        failed,
    )
    assert "SyntaxError" in answer(screen, "x = = 1")
    assert "the keys belong to the script" in answer(screen, "input('? ')")
    assert answer(screen, "x") == "(1, 2)\n"
    screen.type(CTRL_D)
    assert screen.wait() == 0
    client.expect("Extended", lambda s: s.args[2]["why"] == "detached")
    assert is_paused(client, paused)


@pytest.mark.parametrize(("typed", "code"), [("exit()", 0), ("quit()", 0), ("import sys; sys.exit(3)", 3)])
def test_leaving_leaves_the_script_paused(
    paused: Any, console: Callable[..., Any], client: Client, typed: str, code: int
) -> None:
    screen = console(paused)
    screen.type(typed + "\r")
    assert screen.wait() == code
    assert "resumed" not in screen.screen.text
    assert is_paused(client, paused)


@pytest.mark.variant
@pytest.mark.parametrize("source", ["while True: pass", "while True: print('x' * 60)"])
def test_ctrl_c_interrupts_the_evaluation_and_not_the_script(
    paused: Any, console: Callable[..., Any], client: Client, source: str
) -> None:
    screen = console(paused)
    answer(screen, "print('begun'); " + "pass")
    screen.type("if True:\r    print('be' + 'gun')\r    " + source + "\r\r")
    screen.expect("begun\n")
    screen.type(CTRL_C)
    screen.expect("KeyboardInterrupt\n")
    screen.expect(PROMPT)
    assert answer(screen, "1 + 1") == "2\n"
    assert is_paused(client, paused)


def test_ctrl_c_at_the_prompt_clears_the_line(paused: Any, console: Callable[..., Any], client: Client) -> None:
    screen = console(paused)
    screen.type("1 + ")
    screen.expect("1 + ")
    screen.type(CTRL_C)
    screen.expect("KeyboardInterrupt\n>>> ")
    assert answer(screen, "2") == "2\n"
    assert answer(screen, "def f():", "... ") == ""
    screen.type("    retu")
    screen.expect("retu")
    screen.type(CTRL_C)
    screen.expect("KeyboardInterrupt\n>>> ")
    assert answer(screen, "3") == "3\n"
    assert is_paused(client, paused)


SLEEP = (
    "import time\r" + "while True:\r try:\r  print('be' + 'gun'); time.sleep(600)\r except KeyboardInterrupt: pass\r\r"
)


@pytest.mark.variant
def test_ctrl_c_leaves_a_call_that_python_cannot_interrupt(
    paused: Any, console: Callable[..., Any], client: Client
) -> None:
    screen = console(paused)
    screen.type(SLEEP)
    screen.expect("begun\n")
    screen.type(CTRL_C)
    screen.expect("press Ctrl-C again to leave this console")
    screen.type(CTRL_C)
    screen.wait()
    client.expect("Extended", lambda s: s.args[2]["why"] == "detached")
    assert is_paused(client, paused)


def test_ctrl_d_in_the_middle_of_a_line_does_not_lose_it(paused: Any, console: Callable[..., Any]) -> None:
    screen = console(paused)
    screen.type("1 +" + CTRL_D + " 1\r")
    screen.expect("\n")
    assert screen.expect(PROMPT) == "2\n>>> "


@pytest.mark.variant
def test_a_function_with_an_empty_line_can_be_pasted(paused: Any, console: Callable[..., Any]) -> None:
    screen = console(paused)
    screen.type("def f():\r    a = local\r\r    return a + 1\r\rf()\r")
    screen.expect("11\n>>> ")
    assert "Error" not in screen.screen.text


@pytest.mark.variant
def test_input_typed_after_exit_is_left_for_the_next_reader(paused: Any, terminal: TerminalStarter) -> None:
    screen = terminal("/bin/bash", "--norc", "--noprofile", "-i", PS1="$ ", TERM="dumb")
    screen.expect("$ ")
    screen.type(f"lager python --console {paused}\r")
    screen.expect(PROMPT)
    screen.type("exit()\recho the sh''ell\r")
    screen.expect("the shell\n")
    screen.type("exit\r")
    screen.wait()


@pytest.mark.variant
@pytest.mark.parametrize("typed", ["", "1 + 1", "while True: pass\r\r", "import time; time.sleep(600)\r", "def f():\r"])
def test_a_resume_ends_the_console(paused: Any, console: Callable[..., Any], client: Client, typed: str) -> None:
    screen = console(paused)
    screen.type("'re' 'ady'\r")
    screen.expect("'ready'\n>>> ")
    if typed:
        screen.type(typed)
        screen.expect(typed.split("\r")[0])
    client.call("Continue", "s", paused)
    user = client.resumed(paused)[1]["user"]
    screen.expect(f"lager: {paused} resumed by {user} over D-Bus; this console ends\n")
    assert screen.wait() == 0


@pytest.mark.variant
def test_text_typed_at_a_resume_does_not_reach_the_shell(
    paused: Any, terminal: TerminalStarter, client: Client
) -> None:
    screen = terminal("/bin/bash", "--norc", "--noprofile", "-i", PS1="$ ", TERM="dumb")
    screen.expect("$ ")
    screen.type(f"lager python --console {paused}\r")
    screen.expect(PROMPT)
    screen.type("echo a half")
    screen.expect("echo a half")
    client.call("Continue", "s", paused)
    screen.expect("this console ends\n")
    screen.expect("$ ")
    screen.type("echo $?; exit\r")
    screen.expect("\n0\n")
    screen.wait()


def test_two_consoles_beside_a_script_on_its_own_terminal(
    terminal: TerminalStarter, client: Client, script: ScriptWriter, console: Callable[..., Any]
) -> None:
    screen = terminal(LAGER, "python", script(SCRIPT))
    screen.expect("press Enter")
    id = client.paused()["id"]
    one, two = console(id), console(id)
    assert answer(one, "x = 1; print('only one')") == "only one\n"
    assert "NameError" in answer(two, "x")
    assert "the keys belong to the script" in answer(two, "input()")
    assert next(pause["consoles"] for pause in client.list() if pause["id"] == id) == 2
    one.type("exit()\r")
    assert one.wait() == 0
    screen.type("\r")
    screen.expect("name? ")
    two.expect("with Enter; this console ends")
    assert two.wait() == 0
    screen.type("the script's own\r")
    screen.expect("got the script's own\n")
    assert screen.wait() == 0
    assert "only one" not in screen.screen.text
    assert "NameError" not in screen.screen.text


TALK = """
import lager, threading
go, gone = threading.Event(), threading.Event()
def talk():
    go.wait()
    print("from the script's thread")
    gone.set()
threading.Thread(target=talk).start()
lager.pause(interactive=True)
"""


def test_other_threads_keep_their_output(
    terminal: TerminalStarter, client: Client, script: ScriptWriter, console: Callable[..., Any]
) -> None:
    screen = terminal(LAGER, "python", script(TALK))
    id = client.paused()["id"]
    mine = console(id)
    assert answer(mine, "go.set(); gone.wait(20)") == "True\n"
    screen.expect("from the script's thread\n")
    client.call("Continue", "s", id)
    assert screen.wait() == 0
    mine.wait()
    assert "from the script" not in mine.screen.text


def test_a_terminal_that_hangs_up_leaves_the_script_paused(
    paused: Any, terminal: TerminalStarter, client: Client, console: Callable[..., Any]
) -> None:
    screen = console(paused)
    answer(screen, "1")
    os.kill(screen.pid, signal.SIGHUP)  # what the kernel does when the terminal goes
    client.expect("Extended", lambda s: s.args[2]["why"] == "detached")
    assert is_paused(client, paused)


def test_help_and_the_debugger_come_back_to_the_prompt(paused: Any, console: Callable[..., Any]) -> None:
    screen = console(paused)
    assert "Return the number of items" in answer(screen, "help(len)")
    screen.type("help()\r")
    screen.expect("help>")
    screen.expect(PROMPT)
    screen.type("import pdb; pdb.set_trace()\r")
    screen.expect("BdbQuit\n")
    screen.expect(PROMPT)
    assert answer(screen, "local") == "10\n"


def test_a_console_on_nothing_is_refused_before_any_prompt(terminal: TerminalStarter) -> None:
    screen = terminal(LAGER, "python", "--console", "ffff")
    assert screen.wait() == 1
    assert PROMPT not in screen.screen.text
    assert "No paused script has the id" in screen.screen.text


@pytest.mark.variant
def test_the_terminal_is_left_as_it_was(paused: Any, terminal: TerminalStarter) -> None:
    command = f"stty -a > before; lager python --console {paused}; stty -a > after; cmp before after && echo same"
    screen = terminal("/bin/sh", "-c", command, TERM="dumb")
    screen.expect(PROMPT)
    screen.type("exit()\r")
    screen.expect("same\n")
    assert screen.wait() == 0
