"""A terminal here is a terminal on the box, and it is restored, however the command ends."""

import os
import signal
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bus.boxes.test_remote import children
from tests.fixtures import TerminalStarter
from tests.loopback import Loopback
from tests.processes import LAGER, Terminal

FACTS = """
import os, signal, sys, termios
print([os.isatty(fd) for fd in (0, 1, 2)], os.environ["TERM"], *os.get_terminal_size(), flush=True)
print("erase", termios.tcgetattr(0)[6][termios.VERASE], flush=True)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
print("waiting", flush=True)
signal.sigwait([signal.SIGWINCH])
print("now", *os.get_terminal_size(), flush=True)
input("name? ")
"""


@pytest.fixture
def screen(near: Loopback, terminal: TerminalStarter, tmp_path: Path) -> Callable[..., Any]:
    """Start a script with --box on a terminal; what it was like before, and the terminal."""

    def start(text: Any, **env: Any) -> tuple[list[Any], Terminal]:
        (tmp_path / "script.py").write_text(text)
        one = terminal(
            "/bin/sh",
            "-c",
            'stty rows 33 cols 77 erase "^H"; read go; exec "$0" python script.py --box near',
            LAGER,
            **env,
        )
        before = termios.tcgetattr(one.screen.fd)
        one.type("\n")
        return before, one

    return start


def attributes(screen: Terminal) -> list[Any]:
    return termios.tcgetattr(screen.screen.fd)


def test_the_box_has_the_size_keys_and_name_of_the_terminal(screen: Callable[..., Any]) -> None:
    _, one = screen(FACTS, TERM="screen")
    one.expect("[True, True, True] screen 77 33")
    one.expect("erase b'\\x08'")
    one.expect("waiting")
    termios.tcsetwinsize(one.screen.fd, (44, 99))
    one.expect("now 99 44")
    one.expect("name? ")
    one.type("bob\r")
    assert one.wait() == 0


def test_enter_resumes_and_the_keys_are_the_scripts(screen: Callable[..., Any]) -> None:
    _, one = screen("import lager\nlager.pause('here')\nprint('got', input('name? '))\n")
    one.expect("press Enter, or: lager python --continue")
    one.expect("resumes in")
    one.type("\r")
    one.expect("with Enter")
    one.expect("name? ")
    one.type("x\x7f\x08bob\r")
    one.expect("got ")
    assert one.wait() == 0


WAYS = {"end": 3, "ctrl-c": 130, "ctrl-d": 1, "ssh killed": 255, "SIGTERM": 143, "SIGHUP": 129}


@pytest.mark.parametrize("way", WAYS)
def test_the_terminal_is_restored(screen: Callable[..., Any], way: str) -> None:
    text = "import sys\ninput('up\\n')\nsys.exit(3)\n"
    before, one = screen(text)
    one.expect("up")
    assert not attributes(one)[3] & termios.ICANON
    if way == "end":
        one.type("\r")
    elif way == "ctrl-c":
        one.type("\x03\r")  # a Ctrl-C that comes before input() reads waits for the next key
        one.expect("KeyboardInterrupt")
    elif way == "ctrl-d":
        one.type("\x04")
        one.expect("EOFError")
    elif way == "ssh killed":
        (ssh,) = children(one.pid)
        os.kill(ssh, signal.SIGKILL)
        one.expect("is lost")
    else:
        os.kill(one.pid, signal.Signals[way])
    assert one.wait() == WAYS[way]
    assert attributes(one)[3] & (termios.ICANON | termios.ECHO | termios.ISIG) == before[3] & (
        termios.ICANON | termios.ECHO | termios.ISIG
    )
    assert attributes(one)[:2] == before[:2]


@pytest.mark.variant
def test_only_a_terminal_here_is_a_terminal_on_the_box(
    near: Loopback, terminal: TerminalStarter, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(
        "import os, sys\nfor stream in (sys.stdout, sys.stderr):\n"
        "    print([os.isatty(fd) for fd in (0, 1, 2)], file=stream)\n"
    )
    one = terminal("/bin/sh", "-c", '"$0" python script.py --box near > told </dev/null', LAGER)
    one.expect("[False, False, True]")
    assert one.wait() == 0
    assert (tmp_path / "told").read_text() == "[False, False, True]\n"
