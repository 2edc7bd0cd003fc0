"""The console's prompt on a real terminal, its screen read back by an emulator."""

import os
import re
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import ScreenStarter, Starter, TerminalStarter
from tests.patterns import search
from tests.processes import LAGER
from tests.screen import SIZES, Screen

CTRL_C, CTRL_D, TAB, UP, ENTER = "\x03", "\x04", "\t", "\x1b[A", "\r"
PASTE, END_OF_PASTE = "\x1b[200~", "\x1b[201~"

SCRIPT = """
import lager, threading, time

class Supply:
    touched = 0

    @property
    def voltage(self):
        "Volts at the output, measured now."
        Supply.touched += 1

    def __getattr__(self, name):
        Supply.touched += 1
        raise AttributeError(name)

    def __dir__(self):
        Supply.touched += 1
        return []

    def set_voltage(self, volts, *, settle=True):
        "Set the output."

class Hangs:
    def __repr__(self):
        threading.Event().wait()

def work():
    supply = Supply()
    readings = {"adc1": 1.25, "adc2": 3.3}
    lager.pause("before the load", interactive=True, timeout=200)

work()
print("went on")
"""


HANGING = SCRIPT.replace("supply = Supply()", "supply, hangs, big = Supply(), Hangs(), [0] * 10_000_000")


@pytest.fixture
def paused(run: Starter, client: Client, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The id of a pause. Values that hang, so that each look at them waits, are for a test that asks for them."""
    run(getattr(request, "param", SCRIPT))
    id = client.paused()["id"]
    yield id
    if id in [pause["id"] for pause in client.list()]:
        client.call("Continue", "s", id)


@pytest.fixture
def console(screen: Callable[..., Screen], tmp_path: Path) -> Callable[..., Screen]:
    """Open a console on a screen of its own; what it remembers is the test's."""

    def opener(id: str, *options: str, size: Any = (80, 24), **env: str) -> Screen:
        env = {"XDG_STATE_HOME": str(tmp_path / "state"), **env}
        return screen(LAGER, "python", "--console", id, *options, columns=size[0], rows=size[1], **env)

    return opener


def at_prompt(screen: Screen) -> str:
    """Wait until the last line above the bar is an empty prompt; the whole screen."""
    return screen.until(lambda shown: re.search(r"(^|\n)>>>\n.* left", shown))


def answered(screen: Screen, typed: str, answer: str) -> str:
    screen.type(typed + ENTER)
    screen.sees(answer)
    return at_prompt(screen)


@pytest.mark.parametrize("paused", [HANGING], indirect=True, ids=["hanging"])
@pytest.mark.parametrize("size", SIZES)
def test_the_first_screen(paused: Any, console: Callable[..., Screen], size: Any) -> None:
    screen = console(paused, size=size)
    shown = at_prompt(screen)
    assert f"lager: console of {paused}: Ctrl-D leaves it" in shown
    assert "paused at script.py:30 in work - before the load" in shown
    assert '-> 30      lager.pause("before the load", interactive=True, timeout=200)' in shown
    assert re.search(r"\n  hangs +Hangs +<Hangs whose repr hangs>\n", shown)
    assert re.search(r"\n  readings +dict +{'adc1': 1.25, 'adc2': 3.3}\n", shown)
    assert re.search(r"\n  big +list +\[0, 0, .* 10000000 in all\]\n", shown)
    assert re.search(rf"\n {paused}  3m\d\ds left  :help *$", shown)
    assert all(len(line) <= size[0] for line in screen.lines)


@pytest.mark.variant
def test_the_prompt_shows_values_and_runs_statements(
    paused: Any, console: Callable[..., Screen], client: Client
) -> None:
    screen = console(paused)
    at_prompt(screen)
    answered(screen, "readings['adc1'] * 2", "\n2.5\n")
    answered(screen, "_ + 1", "\n3.5\n")
    answered(screen, "1/0", "ZeroDivisionError: division by zero\n")
    answered(screen, "'ä→😀'", "\n'ä→😀'\n")
    screen.type(CTRL_D)
    assert screen.wait() == 0
    client.expect("Extended", lambda s: s.args[2]["why"] == "detached")
    assert paused in [pause["id"] for pause in client.list()]


def test_a_statement_of_several_lines_is_evaluated(paused: Any, console: Callable[..., Screen]) -> None:
    screen = console(paused)
    at_prompt(screen)
    screen.type("for name in readings:" + ENTER)
    screen.sees("\n...\n")
    screen.type("print(name, 'is there')" + ENTER)
    screen.until(lambda shown: shown.count("\n...") == 2)
    screen.type(ENTER)
    shown = at_prompt(screen)
    assert ">>> for name in readings:\n...     print(name, 'is there')\n...\nadc1 is there\nadc2 is there\n" in shown
    screen.type("x = (1," + ENTER)
    screen.sees("x = (1,\n...")
    answered(screen, "  2)" + ENTER + "x", "\n(1, 2)\n")


@pytest.mark.variant
def test_500_lines_pasted_at_once(paused: Any, console: Callable[..., Screen]) -> None:
    screen = console(paused)
    at_prompt(screen)
    text = "total = 0\n" + "def add(n):\n    global total\n\n    total += n\n\nadd(1)\n" * 83 + "print('sum', total)"
    assert text.count("\n") == 499
    screen.type(PASTE + text + END_OF_PASTE)
    screen.sees("print('sum', total)")
    screen.type(ENTER)
    screen.sees("\nsum 83\n")
    at_prompt(screen)


@pytest.mark.variant
def test_500_lines_pasted_without_bracketed_paste(paused: Any, console: Callable[..., Screen]) -> None:
    screen = console(paused)
    at_prompt(screen)
    screen.type(("def add(n):\r    a = n\r\r    return a\r\r" * 40) + "add(83)\r")
    screen.sees("\n83\n")
    assert "Error" not in at_prompt(screen)


def test_completion_runs_no_property(paused: Any, console: Callable[..., Screen]) -> None:
    screen = console(paused)
    at_prompt(screen)
    screen.type("supply.s" + TAB)
    screen.sees(">>> supply.set_voltage\n")
    screen.type("(" + TAB)
    screen.sees("volts=")
    screen.type(CTRL_C)
    screen.sees("KeyboardInterrupt")
    at_prompt(screen)
    screen.type("supply.vol" + TAB)
    screen.sees(">>> supply.voltage\n")
    screen.type(CTRL_C)
    at_prompt(screen)
    screen.type("readings['" + TAB + TAB)
    screen.sees("'adc2']")
    screen.type(CTRL_C)
    at_prompt(screen)
    answered(screen, "supply.voltage?", "Volts at the output, measured now.")
    answered(screen, "supply.set_voltage?", "set_voltage(volts, *, settle=True)")
    answered(screen, "type(supply).touched", "\n0\n")


def test_ctrl_c_interrupts_the_running_statement(paused: Any, console: Callable[..., Screen]) -> None:
    screen = console(paused)
    at_prompt(screen)
    screen.type("while True: print('going on')" + ENTER + ENTER)
    screen.sees("going on\ngoing on\n")
    screen.type(CTRL_C)
    screen.sees("\nKeyboardInterrupt\n")
    at_prompt(screen)
    answered(screen, "6 * 7", "\n42\n")


@pytest.mark.variant
def test_ctrl_c_clears_the_line(paused: Any, console: Callable[..., Screen]) -> None:
    screen = console(paused)
    at_prompt(screen)
    screen.type("1 + " + CTRL_C)
    screen.sees(">>> 1 +\nKeyboardInterrupt\n")
    at_prompt(screen)
    screen.type("def f():" + ENTER + "retu" + CTRL_C)
    screen.until(lambda shown: shown.count("\nKeyboardInterrupt\n") == 2)
    at_prompt(screen)
    answered(screen, "6 * 7", "\n42\n")


@pytest.mark.variant
@pytest.mark.parametrize("paused", [HANGING], indirect=True, ids=["hanging"])
def test_a_repr_that_sleeps_forever_is_interrupted_and_a_value_of_ten_million_shortened(
    paused: Any, console: Callable[..., Screen]
) -> None:
    screen = console(paused, size=(200, 60))
    at_prompt(screen)
    answered(screen, "big", "… 10000000 in all]  # shortened; print(_) shows all of it")
    screen.type("print('be' + 'gun') or hangs" + ENTER)
    screen.sees("\nbegun")
    screen.type(CTRL_C)
    screen.sees("\nKeyboardInterrupt\n")
    at_prompt(screen)
    answered(screen, "len(big)", "\n10000000\n")


@pytest.mark.variant
@pytest.mark.parametrize("paused", [HANGING], indirect=True, ids=["hanging"])
def test_a_value_with_a_repr_that_sleeps_forever_is_given_up(paused: Any, console: Callable[..., Screen]) -> None:
    screen = console(paused, size=(200, 60))
    at_prompt(screen)
    answered(screen, "[hangs]", "<list whose repr takes longer than 5 s>")
    answered(screen, "len(big)", "\n10000000\n")


def test_a_call_that_cannot_be_interrupted_can_be_left(
    paused: Any, console: Callable[..., Screen], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "begun")
    screen = console(paused, size=(200, 60))
    at_prompt(screen)
    screen.type("import os; os.system('echo > begun; sleep 600')" + ENTER)
    assert (tmp_path / "begun").read_text() == "\n"  # told from within the call
    screen.type(CTRL_C)
    screen.sees("press Ctrl-C again to leave this console")
    screen.type(CTRL_C)
    screen.wait()


def test_the_history_is_kept_for_the_user_alone(paused: Any, console: Callable[..., Screen], tmp_path: Path) -> None:
    screen = console(paused)
    at_prompt(screen)
    answered(screen, "'from the first'", "\n'from the first'\n")
    screen.type(CTRL_D)
    assert screen.wait() == 0
    path = tmp_path / "state/lager/console-history"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"\n# 2026\n+'x'\n" * 100_000 + path.read_bytes())
    screen = console(paused)
    at_prompt(screen)
    assert path.stat().st_size < 600_000
    screen.type(UP + ENTER)
    screen.sees("\n'from the first'\n")
    at_prompt(screen)


@pytest.mark.variant
def test_without_a_writable_home_there_is_no_history(
    paused: Any, console: Callable[..., Screen], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    screen = console(paused, XDG_STATE_HOME=str(tmp_path / "file"))
    at_prompt(screen)
    answered(screen, "6 * 7", "\n42\n")
    screen.type(UP + ENTER)
    screen.until(lambda shown: shown.count("\n42\n") == 2)


def test_console_commands(paused: Any, console: Callable[..., Screen], client: Client) -> None:
    screen = console(paused, size=(200, 60))
    at_prompt(screen)
    answered(screen, ":where", "script.py:30 in work\n    lager.pause(")
    answered(screen, ":vars", "readings  dict")
    answered(screen, ":consoles", "(this one)")
    answered(screen, ":help", ":extend 10m")
    answered(screen, ":vars?", "\n:vars         show the variables, one a line\n")
    screen.type(":extend 10m" + ENTER)
    screen.until(lambda shown: re.search(r"\n1[23]m\d\ds left\.\n>>>\n .*1[23]m\d\ds left  :help", shown))
    screen.type(":extend 0" + ENTER)
    screen.sees("The script waits until it is resumed.\n>>>\n")
    screen.sees("no time limit")
    screen.type(":continue" + ENTER)
    user = client.resumed(paused)[1]["user"]
    assert screen.wait() == 0
    screen.sees(f"lager: {paused} resumed by {user} from a console; this console ends")


@pytest.mark.variant
def test_a_console_explains_what_was_mistyped_and_what_a_name_is(paused: Any, console: Callable[..., Screen]) -> None:
    screen = console(paused, size=(200, 60))
    at_prompt(screen)
    names = ":next, :step, :finish, :until, :where, :up, :down, :vars, :answer"
    answered(screen, ":zzz", f"lager: Unknown command :zzz. The commands are: {names}")
    answered(screen, ":wher", "lager: Unknown command :wher. Did you mean :where? The commands are: ")
    answered(screen, ":zzz?", "lager: Unknown command :zzz. ")
    answered(screen, ":extend soon", "lager: That is not a valid duration.")
    answered(screen, "missing?", "lager: There is no name 'missing' here. Type :vars to see the names.")
    answered(screen, "reading?", "lager: There is no name 'reading' here. Did you mean readings? Type :vars")
    answered(screen, "readings.missing?", "lager: Cannot look up readings.missing without running code.")
    answered(screen, "f(1)?", "lager: Cannot look up f(1) without running code.")
    screen.resize(60, 60)
    shown = answered(screen, "lager.pause?", "\nPause here until the script is resumed").rpartition("lager.pause?")[2]
    assert re.search(r"signature +pause\(label=None, .*,\n.*on_change='warn'\)\n", shown)  # wrapped, not cut
    assert "…" not in shown


@pytest.mark.parametrize("pasted", [PASTE + "{}" + END_OF_PASTE, "{}"])
def test_an_indented_block_is_pasted(paused: Any, console: Callable[..., Screen], pasted: Any) -> None:
    screen = console(paused)
    at_prompt(screen)
    block = "    if readings:\r        total = 40\r    total += 2\r    print('is', total)"
    screen.type(pasted.format(block) + ENTER)
    screen.sees("\nis 42\n")


@pytest.mark.variant
def test_tab_completes_the_commands(paused: Any, console: Callable[..., Screen]) -> None:
    screen = console(paused)
    at_prompt(screen)
    screen.type(":wh" + TAB)
    screen.sees(">>> :where\n")
    answered(screen, "", "script.py:30 in work")
    screen.type(":e" + TAB)
    screen.sees(">>> :extend\n")
    screen.type(CTRL_C + ":con" + TAB + TAB)
    screen.until(lambda shown: re.search(r":consoles\s+:continue", shown))


@pytest.mark.parametrize("size", SIZES)
def test_resumed_by_another_user_while_a_line_is_half_typed(
    paused: Any, screen: ScreenStarter, client: Client, size: Any, tmp_path: Path
) -> None:
    shell = screen("/bin/sh", columns=size[0], rows=size[1], PS1="$ ", XDG_STATE_HOME=str(tmp_path))
    shell.sees("$")
    shell.type(f"stty -a > before; lager python --console {paused}; stty -a > after; cmp before after && echo same\r")
    at_prompt(shell)
    shell.type("print('half")
    shell.sees("print('half")
    client.call("Continue", "s", paused)
    user = client.resumed(paused)[1]["user"]
    shown = shell.until(lambda shown: "\nsame\n$" in shown)
    assert f">>> print('half\nlager: {paused} resumed by {user} over D-Bus; this console ends\nsame\n$" in shown
    shell.type("exit\r")
    shell.wait()


def test_the_bar_counts_down_and_says_who_else_is_here(
    paused: Any, console: Callable[..., Screen], client: Client
) -> None:
    one = console(paused)
    at_prompt(one)
    before = search(r"(\dm\d\ds) left", one.shown)[1]
    one.until(lambda shown: (bar := re.search(r"\n .*(\dm\d\ds) left", shown)) and bar[1] != before)
    two = console(paused, "--watch")
    two.sees(f"lager: watching the consoles of {paused}: Ctrl-C leaves")
    one.until(lambda shown: re.search(r"left  also here: \w+ \(watching\)  :help", shown))
    two.type(CTRL_C)
    assert two.wait() == 0
    assert two.screen.text.endswith("^C\n")
    one.until(lambda shown: "also here" not in shown)


@pytest.mark.variant
def test_a_watcher_sees_what_two_writers_type(paused: Any, console: Callable[..., Screen], client: Client) -> None:
    one, two = console(paused), console(paused)
    at_prompt(one)
    at_prompt(two)
    watcher = console(paused, "--watch", size=(200, 60))
    watcher.sees("watching")
    one.sees("(watching)")
    two.sees("(watching)")
    answered(one, "x = 'mine'; print('by one', end='')", "by one")
    watcher.sees("] by one")
    two.type("if True: x" + ENTER)
    two.sees("\n...")
    two.type(ENTER)
    two.sees("NameError: name 'x' is not defined")
    shown = watcher.sees("NameError: name 'x' is not defined")
    numbers = re.findall(r"\[\w+ (\d+)\] >>> ", shown)
    assert len(set(numbers)) == 2
    assert f"{numbers[0]}] >>> x = 'mine'; print('by one', end='')\n" in shown
    assert re.search(rf"{numbers[1]}\] >>> if True: x\n\[\w+ {numbers[1]}\] Traceback", shown)
    assert "by one" not in two.shown
    assert "NameError" not in one.shown
    # Watching, typing there and leaving neither run anything nor start the countdown again.
    watcher.type("print('not evaluated')" + ENTER + CTRL_C)
    assert watcher.wait() == 0
    watcher = console(paused, "--watch", size=(200, 60))
    watcher.sees("watching")
    answered(one, "'the last'", "\n'the last'\n")
    watcher.sees("] 'the last'")
    assert "not evaluated" not in watcher.shown + one.shown + two.shown
    client.call("Continue", "s", paused)
    watcher.sees(f"lager: {paused} resumed by")
    assert watcher.wait() == one.wait() == two.wait() == 0
    client.resumed(paused)
    extended = [signal.args[2] for signal in client.passed if signal.member == "Extended"]
    assert {by["pid"] for by in extended if by["why"] == "console"} == {one.pid, two.pid}


def test_no_color_switches_colours_off(paused: Any, console: Callable[..., Screen]) -> None:
    plain, coloured = console(paused, NO_COLOR="1"), console(paused)
    for screen in (plain, coloured):
        at_prompt(screen)
        screen.type("for x in 'ab': pass")
        screen.sees("pass")
    assert "\x1b[3" not in re.sub(r"\x1b\[39", "", plain.screen.text)
    assert "\x1b[3" in re.sub(r"\x1b\[39", "", coloured.screen.text)


@pytest.mark.variant
def test_a_dumb_terminal_has_a_plain_prompt(paused: Any, terminal: TerminalStarter) -> None:
    screen = terminal(LAGER, "python", "--console", paused, TERM="dumb")
    screen.expect("Ctrl-D leaves it")
    screen.expect(">>> ")
    screen.type("6 * 7\r")
    screen.expect("\n42\n>>> ")
    screen.type(":vars\r")
    screen.expect("readings  dict")
    screen.expect(">>> ")
    screen.type(CTRL_D)
    assert screen.wait() == 0
    assert "\x1b" not in screen.screen.text


def test_the_window_is_resized_while_a_line_is_typed(paused: Any, console: Callable[..., Screen]) -> None:
    screen = console(paused)
    at_prompt(screen)
    screen.type("len('" + "x" * 60)
    screen.sees("x" * 60)
    screen.resize(40, 24)
    screen.until(lambda shown: ">>> len('" in shown and f" {paused}  3m" in shown.splitlines()[-1])
    screen.type("')" + ENTER)
    screen.sees("\n60\n")


@pytest.mark.variant
def test_a_console_that_is_ended_leaves_the_terminal_as_it_was(screen: ScreenStarter, paused: Any) -> None:
    kept = f"stty -a > before; lager python --console {paused}; echo code $?; stty -a > after; cmp before after"
    view = screen("/bin/bash", "--norc", "-c", f"{kept} && echo same")
    view.sees(":help")
    [console] = Path(f"/proc/{view.pid}/task/{view.pid}/children").read_text().split()
    os.kill(int(console), signal.SIGTERM)
    shown = view.sees("same")
    assert "code 143" in shown
    assert "Traceback" not in shown
