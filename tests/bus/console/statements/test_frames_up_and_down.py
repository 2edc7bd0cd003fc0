"""`:up` and `:down`: names are looked up in another frame of the pause."""

import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.bus.console.frames import Frames
from tests.client import Client
from tests.fixtures import Command, ScreenStarter, Starter
from tests.processes import LAGER

NESTED = """
import lager
limit = 3
def inner(x):
    local = "inner"
    lager.pause(interactive=True, timeout=60)
def generator():
    local = "generator"
    yield inner(1)
class Rail:
    volts = 5
    def measure(self):
        local = "measure"
        return list(generator())
print(Rail().measure())
"""


@pytest.fixture
def nested(run: Starter, client: Client) -> Iterator[Any]:
    script = run(NESTED)
    id = client.paused()["id"]
    yield id
    if id in [pause["id"] for pause in client.list()]:
        client.call("Continue", "s", id)
    assert script.wait() == 0


def typed(lager: Command, id: Any, *lines: Any) -> "subprocess.CompletedProcess[str]":
    return lager("python", "--console", id, stdin="".join(f"{line}\n" for line in lines))


def test_up_uses_the_names_of_the_calling_frame_until_down(nested: Any, lager: Command) -> None:
    done = typed(
        lager, nested, "local", ":up", "local", ":up", "local", "self.volts", ":up", "limit", ":down 3", "local, x"
    )
    assert (done.stderr, done.returncode) == ("", 0)
    said = [line for line in done.stdout.splitlines() if not line.startswith(("->", "   "))]
    assert said == [
        "'inner'",
        "in script.py:9 in generator", "'generator'",
        "in script.py:14 in Rail.measure", "'measure'", "5",
        "in script.py:15 in <module>", "3",
        "in script.py:6 in inner", "('inner', 1)",
    ]  # fmt: skip
    assert "-> 14          return list(generator())" in done.stdout


@pytest.mark.variant
def test_what_is_assigned_stays_in_the_copy_of_its_frame(nested: Any, lager: Command, client: Client) -> None:
    done = typed(
        lager, nested, "own = 1", ":up 2", "local = 'changed'; other = 2", ":down 2", "own, local, 'other' in dir()",
        ":up 2", "local, other, 'own' in dir()",
    )  # fmt: skip
    assert (done.stderr, done.returncode) == ("", 0)
    assert "(1, 'inner', False)" in done.stdout
    assert "('changed', 2, False)" in done.stdout
    assert "'measure'" in typed(lager, nested, ":up 2", "local").stdout


def test_vars_where_and_help_are_those_of_the_frame(nested: Any, lager: Command) -> None:
    done = typed(lager, nested, ":up", ":vars", ":where", "local?")
    assert re.search(r"local +str +'generator'\n", done.stdout)
    assert "> script.py:9 in generator" in done.stdout
    assert "  script.py:6 in inner" in done.stdout
    assert "value      'generator'" in done.stdout


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([":down"], "This is the innermost frame, of inner. See: :where"),
        ([":up 3", ":up"], "This is the outermost frame, of <module>. See: :where"),
        ([":up 99", ":up 99"], "This is the outermost frame, of <module>. See: :where"),
        ([":up soon"], "That is not a number of frames. Type one like: :up 2"),
        ([":up 0"], "That is not a number of frames. Type one like: :up 2"),
        ([":down -1"], "That is not a number of frames. Type one like: :up 2"),
        ([":up 99999999999999999999"], "That is not a number of frames. Type one like: :up 2"),
    ],
)
def test_an_impossible_step_is_refused_in_one_sentence_and_ends_a_pipe(
    nested: Any, lager: Command, lines: list[str], said: str
) -> None:
    done = typed(lager, nested, *lines, "print('next')")
    assert (done.returncode, done.stderr) == (1, f"lager: {said}\n")
    assert "next" not in done.stdout


def test_each_console_has_its_own_frame(nested: Any, opened: Callable[..., Frames]) -> None:
    one, other = opened(nested), opened(nested)
    one.send(ask=1, move=1)
    assert one.until("answer")["move"]["function"] == "generator"
    for console, name in ((one, "'generator'"), (other, "'inner'")):
        console.send(eval="local")
        assert console.until("out")["out"].strip() == name


@pytest.mark.variant
def test_what_was_sent_before_the_step_runs_before_it(nested: Any, opened: Callable[..., Frames]) -> None:
    console = opened(nested)
    console.send(eval="import time; time.sleep(0.3); local")
    console.send(ask=1, move=1)
    assert console.until("out")["out"].strip() == "'inner'"
    assert console.until("answer")["move"]["moved"]
    console.send(eval="local")
    assert console.until("out")["out"].strip() == "'generator'"


@pytest.mark.variant
@pytest.mark.parametrize("what", ["soon", None, [], {}, 1e400])
def test_an_invalid_step_is_answered_with_null_and_changes_nothing(
    nested: Any, opened: Callable[..., Frames], what: Any
) -> None:
    console = opened(nested)
    console.send(ask=1, move=what)
    assert console.until("answer") == {"answer": 1, "move": None}
    console.send(eval="local")
    assert console.until("out")["out"].strip() == "'inner'"


@pytest.mark.variant
def test_a_watcher_selects_no_frame(nested: Any, opened: Callable[..., Frames]) -> None:
    watcher = opened(nested, watch=True)
    watcher.until("hello")
    watcher.send(ask=1, move=1)
    watcher.send(ask=2, where=True)
    assert watcher.until("answer")["answer"] == 2


@pytest.mark.variant
def test_on_a_terminal_completion_follows_the_frame(nested: Any, screen: ScreenStarter) -> None:
    console = screen(LAGER, "python", "--console", nested, columns=160, rows=50)
    console.until(lambda shown: re.search(r"\n>>>\n.* left", shown))
    console.type(":up 2\r")
    console.until(lambda shown: re.search(r"in script.py:14 in Rail.measure(\n.*)+\n>>>\n.* left", shown))
    console.type("self.vo\t")
    console.sees(">>> self.volts")
    console.type("\r")
    console.sees("\n5\n")


def test_nothing_of_a_selected_frame_is_kept_after_the_pause(
    run: Starter, client: Client, opened: Callable[..., Frames]
) -> None:
    script = run(
        "import gc, lager, time, weakref\nclass Meter: pass\n"
        "def inner():\n    lager.pause(interactive=True)\n"
        "def outer():\n    meter = Meter()\n    inner()\n    return weakref.ref(meter)\n"
        "ref = outer()\ninput()\n"
        "while gc.collect() >= 0 and ref(): time.sleep(0.01)\n"  # the console's thread may still be ending
        "print(ref())\n",
        stdin=-1,
    )
    id = client.paused()["id"]
    console = opened(id)
    console.send(ask=1, move=1)
    assert console.until("answer")["move"]["moved"]
    client.call("Continue", "s", id)
    script.err.expect("resumed by")
    with pytest.raises(AssertionError, match="closed"):
        console.until("never")
    script.stdin.write(b"go\n")
    script.stdin.close()
    script.out.expect("None\n")
