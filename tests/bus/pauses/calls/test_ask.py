"""ask(): a pause that returns the first answer that anyone gives."""

import os
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from lager.errors import InvalidArgument, NoSuchBreakpoint
from tests.client import NAME, PATH, Client
from tests.documents import ROOT
from tests.fixtures import Command, ScreenStarter, ScriptWriter, Starter, TerminalStarter
from tests.loopback import Loopback
from tests.processes import LAGER, PATIENCE
from tests.screen import Screen
from tests.station import Station

ASKS = "import lager\nprint('got', repr(lager.ask({0})), flush=True)\n"
KINDS = [
    ("'LED green?'", "y", "True"),
    ("'LED green?'", "Off", "False"),
    ("'how long?', kind='number', unit='mm', low=1, high=20", "20 mm", "20.0"),
    ("'how high?', kind='number', unit='V', low=-5", "-500mV", "-0.5"),
    ("'which?', kind='choice', choices=['red', 'dark green']", "Dark Green", "'dark green'"),
    ("'serial?', kind='text'", "  SN 42", "'  SN 42'"),
]


@pytest.mark.parametrize(("arguments", "typed", "answer"), KINDS)
def test_an_answer_is_what_the_question_asks_for(
    run: Starter, client: Client, lager: Command, arguments: str, typed: str, answer: str
) -> None:
    process = run(ASKS.format(arguments))
    id = client.paused()["id"]
    assert lager("answer", id, typed).returncode == 0
    process.out.expect(f"got {answer}\n")
    assert client.resumed(id)[0] == "answered"
    assert process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "typed", "wanted"),
    [
        ("'LED green?'", "maybe", "Give yes or no."),
        ("'how long?', kind='number', unit='mm', low=1, high=20", "20.1", "Give a number from 1 to 20 mm."),
        ("'how long?', kind='number', unit='mm', low=1, high=20", "5 V", "Give a number from 1 to 20 mm."),
        ("'how high?', kind='number', low=1", "nan", "Give a number of at least 1."),
        ("'which?', kind='choice', choices=['red', 'green']", "blue", "Give one of: red, green."),
    ],
)
def test_an_invalid_answer_is_refused_immediately(
    run: Starter, client: Client, lager: Command, arguments: str, typed: str, wanted: str
) -> None:
    run(ASKS.format(arguments))
    id = client.paused()["id"]
    refused = lager("answer", typed)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert wanted in refused.stderr
    assert [pause["id"] for pause in client.list()] == [id]


def test_a_number_and_its_unit_as_two_words_are_no_id_and_value(run: Starter, client: Client, lager: Command) -> None:
    run(ASKS.format("'how long?', kind='number', unit='mm'"))
    id = client.paused()["id"]
    refused = lager("answer", "5.5", "mm")
    assert refused.returncode == 2
    assert "5.5 is not an ID; quote a value of several words: lager answer '5.5 mm'" in refused.stderr
    assert lager("answer", "5.5 mm").stdout == f"Answered {id}: 5.5.\n"


def test_over_d_bus_a_value_of_its_type_answers(run: Starter, client: Client) -> None:
    process = run(ASKS.format("'how long?', kind='number', low=1"))
    id = client.paused()["id"]
    for wrong in (True, 0.5, ["1"]):
        with pytest.raises(InvalidArgument):
            client.call("Answer", "sv", id, wrong)
    assert client.call("Answer", "sv", id, 7) == 7.0
    process.out.expect("got 7.0\n")


def test_a_question_lists_what_it_asks(run: Starter, client: Client) -> None:
    run(ASKS.format("'how long?', kind='number', unit='mm', low=1, default=3, label='gap'"))
    pause = client.paused()
    asked = {key: pause[key] for key in ("question", "kind", "choices", "unit", "low", "default", "label")}
    assert asked == {
        "question": "how long?", "kind": "number", "choices": [], "unit": "mm", "low": 1.0, "default": 3.0,
        "label": "gap: how long?",
    }  # fmt: skip
    assert "high" not in pause
    assert pause["interactive"]


def test_the_second_answer_says_who_was_first(run: Starter, client: Client, lager: Command) -> None:
    process = run(ASKS.format("'LED green?'"))
    id = client.paused()["id"]
    assert client.call("Answer", "sv", id, "no") is False
    with pytest.raises(NoSuchBreakpoint, match=f"has already answered {id}: no. The first answer counts."):
        client.call("Answer", "sv", id, "yes")
    assert "has already answered" in lager("answer", id[:5], "yes").stderr
    process.out.expect("got False\n")


@pytest.mark.variant
def test_of_many_answers_at_once_one_counts_and_every_other_hears_whose(
    run: Starter, client: Client, station: Station, until_the_end: ExitStack
) -> None:
    process = run(ASKS.format("'who?', kind='text'"))
    id = client.paused()["id"]
    others = [until_the_end.enter_context(closing(Client(station.address))) for _ in range(3)]
    given = {f"answer {number}": one for number, one in enumerate([client, *others] * 3)}
    calls = {text: one.start(one.bus.call(NAME, PATH, "Answer", "sv", id, text)) for text, one in given.items()}
    refused = {text: str(call.exception(PATIENCE)) for text, call in calls.items() if call.exception(PATIENCE)}
    [first] = given.keys() - refused.keys()
    assert calls[first].result() == [first]
    assert all(f"has already answered {id}: {first}. The first answer counts." in told for told in refused.values())
    process.out.expect(f"got {first!r}\n")
    assert client.resumed(id)[1]["answer"] == first
    assert process.wait() == 0


@pytest.mark.variant
def test_an_answer_typed_while_another_one_arrives_is_taken_or_told_about(
    asked: Callable[..., Any], client: Client
) -> None:
    screen, id = asked("'LED green?'")
    other = client.start(client.bus.call(NAME, PATH, "Answer", "sv", id, "no"))
    screen.type("yes\r")
    reason, by = client.resumed(id)
    assert (reason, by["how"], by["answer"]) in (("answered", "bus", False), ("answered", "enter", True))
    screen.sees(f"got {by['answer']}")
    if by["answer"]:
        assert f"has already answered {id}: yes." in str(other.exception(PATIENCE))
    else:
        assert other.result(PATIENCE) == [False]
    assert screen.wait() == 0


def test_continue_gives_the_default(run: Starter, client: Client, lager: Command) -> None:
    process = run(ASKS.format("'which?', kind='choice', choices=['red', 'green'], default='green'"))
    id = client.paused()["id"]
    assert lager("continue").returncode == 0
    process.out.expect("got 'green'\n")
    assert client.resumed(id)[1]["answer"] == "green"


def test_without_a_default_continue_is_refused_and_continue_all_skips_the_question(
    run: Starter, client: Client, lager: Command
) -> None:
    run(ASKS.format("'LED green?'"))
    id = client.paused()["id"]
    plain = run("import lager\nlager.pause('plain')\n")
    client.paused()
    refused = lager("continue", id)
    assert refused.returncode == 1
    assert f"Answer it with: lager answer {id} VALUE" in refused.stderr
    assert client.call("ContinueAll") == 1
    assert plain.wait() == 0
    assert [pause["id"] for pause in client.list()] == [id]
    assert lager("answer", "yes").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [
        ("'LED green?', default=False", "got False"),
        ("'LED green?'", "NoAnswer: The question 'LED green?' at script.py:2 in <module> got no answer"),
    ],
)
def test_at_its_timeout_a_question_returns_the_default_or_raises(
    run: Starter, client: Client, arguments: str, outcome: str
) -> None:
    process = run(ASKS.format(f"{arguments}, timeout=0.05"))
    (process.out if outcome.startswith("got") else process.err).expect(outcome)
    assert client.resumed(client.paused()["id"])[0] == "timeout"


@pytest.mark.parametrize(("env", "expected"), [({"LAGER_BREAKPOINTS": "off"}, "got 4.0"), ({}, "got 4.0")])
def test_without_a_terminal_ask_returns_the_default_at_once(
    start: Starter, script: ScriptWriter, run: Starter, client: Client, env: Any, expected: str
) -> None:
    name = script(ASKS.format("'how long?', kind='number', default=4, timeout=0"))
    process = start(LAGER, "python", name, **env) if env else start("python3", name)
    process.out.expect(expected)
    assert process.wait() == 0


@pytest.mark.parametrize(
    "arguments",
    ["'a?', kind='maybe'", "'  '", "'a?', choices=['b']", "'a?', kind='choice'", "'a?', kind='choice', choices='ab'",
     "'a?', kind='choice', choices=['a', 'A']", "'a?', unit='V'", "'a?', kind='number', low=2, high=1",
     "'a?', kind='number', low='x'", "'a?', kind='number', high=5, default=6", "'a?', default='perhaps'"],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_an_error_at_once(start: Starter, script: ScriptWriter, arguments: str) -> None:
    process = start("python3", script(ASKS.format(arguments)))
    assert process.wait() == 1
    assert "lager.errors.InvalidArgument: " in process.err.rest()
    assert InvalidArgument.__module__ == "lager.errors"


def test_a_question_survives_a_new_lagerd(own_station: Station, run: Starter, client: Client, lager: Command) -> None:
    process = run(ASKS.format("'how long?', kind='number', unit='mm', high=9"))
    id = client.paused()["id"]
    own_station.kill_lagerd()
    own_station.start_lagerd()
    assert client.paused()["unit"] == "mm"
    assert "at most 9 mm" in lager("answer", id, "10").stderr
    assert lager("answer", id, "9mm").stdout == f"Answered {id}: 9.\n"
    process.out.expect("got 9.0\n")


def test_several_questions_have_to_be_named(run: Starter, client: Client, lager: Command) -> None:
    processes = [run(ASKS.format(f"'{text}?'")) for text in ("one", "two")]
    ids = [client.paused()["id"] for _ in processes]
    refused = lager("answer", "yes")
    assert "You have 2 questions. Name one of them by its id." in refused.stderr
    for id in ids:
        assert lager("answer", id, "yes").returncode == 0
    assert lager("answer", "yes").stderr.startswith("lager: You have no question.")


@pytest.fixture
def asked(screen: ScreenStarter, script: ScriptWriter, client: Client) -> Callable[..., Any]:
    """A script on a terminal that asks something; its screen and the pause."""

    def asked(arguments: Any) -> tuple[Screen, Any]:
        one = screen(LAGER, "python", script(ASKS.format(arguments)))
        pause = client.paused()
        one.sees("timeout   ")
        return one, pause["id"]

    return asked


def test_on_the_runs_terminal_the_typed_line_is_the_answer(asked: Callable[..., Any]) -> None:
    screen, id = asked("'how long?', kind='number', unit='mm', low=1, high=20")
    assert "answer    type a number from 1 to 20 mm, or: lager answer" in screen.shown
    screen.type("30\r")
    screen.sees("30 is not a valid answer to 'how long?'. Give a number from 1 to 20 mm.")
    screen.type("\r")
    screen.sees("how long? Type a number from 1 to 20 mm.")
    screen.type("2.5mm\r")
    screen.sees("got 2.5")
    screen.sees(f"{id} was answered by")
    assert screen.wait() == 0


@pytest.mark.variant
def test_after_a_resume_the_terminal_says_which_question_a_line_answers(
    screen: ScreenStarter, script: ScriptWriter, client: Client, tmp_path: Path
) -> None:
    text = (
        "import lager, pathlib, threading, time\n"
        "threading.Thread(target=lambda: print('got', lager.ask('in a thread?'), flush=True)).start()\n"
        "while not pathlib.Path('go').exists():\n    time.sleep(0.01)\n"
        "lager.pause('main')\n"
    )
    one = screen(LAGER, "python", script(text))
    asked = client.paused()["id"]
    (tmp_path / "go").touch()
    one.until(lambda shown: "- main" in shown and "2 paused" in shown)  # lager python knows of both
    one.type("\r")
    one.sees(f"1 more paused; your next line answers {asked}")
    one.type("yes\r")
    one.sees("got True")
    assert one.wait() == 0


@pytest.mark.variant
def test_enter_gives_the_default_answer(asked: Callable[..., Any]) -> None:
    screen, _ = asked("'LED green?', default=True")
    assert "default   yes (Enter)" in screen.shown
    screen.type("\r")
    screen.sees("got True")
    assert screen.wait() == 0


@pytest.mark.variant
def test_words_with_a_colon_extend_and_show_while_it_is_asked(asked: Callable[..., Any], client: Client) -> None:
    screen, id = asked("'serial?', kind='text'")
    screen.type(":e 1h\r")
    screen.sees(f"{id} has 1h0")
    screen.type(":s\r")
    screen.sees("Variables")
    assert [pause["id"] for pause in client.list()] == [id]
    screen.type("SN 42\r")
    screen.sees("got 'SN 42'")
    assert screen.wait() == 0


def test_the_console_has_the_keys_until_it_ends(asked: Callable[..., Any]) -> None:
    screen, _ = asked("'LED green?'")
    screen.type(":o\r")
    screen.sees(">>>")
    screen.type("1 + 41\r")
    screen.until(lambda shown: re.search(r"\n42\n>>>", shown))  # before that, the terminal itself may take the key
    screen.type("\x04")
    screen.until(lambda shown: "time left" in shown.splitlines()[-1])  # the console has ended, and the keys are free
    screen.type("no\r")
    screen.sees("got False")
    assert screen.wait() == 0


IS_ROW_KEPT = """
import fcntl, os, time
def is_kept():
    with open(os.environ["LAGER_COUNTDOWN"]) as row:
        try:
            fcntl.flock(row, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
"""


@pytest.mark.variant
def test_the_script_says_how_it_was_answered_below_what_is_typed_in_a_console(
    screen: ScreenStarter, script: ScriptWriter, client: Client, lager: Command
) -> None:
    view = screen(
        LAGER,
        "python",
        script(IS_ROW_KEPT + ASKS.format("'LED green?'") + "while is_kept(): time.sleep(0.01)\nprint('free')"),
    )
    view.sees("time left")
    view.type(":o\r")
    view.sees(">>>")
    view.type("is_kept()\r")
    view.sees("\nTrue")
    view.type("half a li")
    view.sees("half a li")
    assert lager("answer", client.list()[0]["id"], "yes").returncode == 0
    view.sees("this console ends")
    view.sees("free")
    assert view.wait() == 0


@pytest.mark.parametrize("words", [(LAGER, "python"), (sys.executable,)], ids=["a run", "no run"])
def test_text_typed_before_the_question_is_not_an_answer(
    screen: ScreenStarter, script: ScriptWriter, client: Client, words: Any
) -> None:
    wait = "import select\nprint('now')\nselect.select([0], [], [])\n"
    one = screen(*words, script(wait + ASKS.format("'LED green?'")))
    one.sees("now")
    one.type("no\r")
    if words[0] == LAGER:
        client.paused()
    one.sees("yes or no")
    one.type("yes\r")
    one.sees("got True")
    assert one.wait() == 0


def test_without_a_terminal_standard_input_is_not_read(start: Starter, script: ScriptWriter) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"yes\nthe rest\n")
    os.close(writer)
    name = script(ASKS.format("'LED green?', default=False") + "print(input(), input())\n")
    process = start("python3", name, stdin=reader)
    os.close(reader)
    process.out.expect("got False\nyes the rest\n")
    assert process.wait() == 0


def test_a_question_of_a_detached_run_is_answered_from_elsewhere(
    lager: Command, script: ScriptWriter, client: Client
) -> None:
    lager("python", "--detach", script(ASKS.format("'serial?', kind='text'")))
    id = client.paused()["id"]
    assert lager("answer", "SN 42").stdout == f"Answered {id}: SN 42.\n"
    followed = lager("attach", client.resumed(id) and lager("runs").stdout.split("\n")[1].split()[0])
    assert "got 'SN 42'" in followed.stdout


@pytest.mark.variant
@pytest.mark.parametrize(
    ("arguments", "words", "answer"),
    [
        ("'how high?', kind='number', unit='V'", ["-500mV"], "-0.5"),
        ("'serial?', kind='text'", ["SN 42 'é' \" $HOME *"], "SN 42 \\'é\\' \" $HOME *"),
        ("'which?', kind='choice', choices=['-x', 'y']", ["--", "-X"], "-x"),
    ],
)
def test_a_question_on_a_box_is_answered_from_the_desk(
    near: Loopback, run: Starter, client: Client, lager: Command, arguments: str, words: list[str], answer: str
) -> None:
    process = run(ASKS.format(arguments))
    client.paused()
    assert lager("answer", "--box", "near", *words).returncode == 0
    process.out.expect("got " + (answer if answer == "-0.5" else f"'{answer}'"))


def test_the_example_asks_four_things(
    terminal: TerminalStarter, client: Client, lager: Command, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "breakpoints.md").read_text()
    example = (ROOT / "examples" / "ask_operator.py").read_text()
    assert example.split("from lager")[1].rpartition("\nprint")[0] in page
    (tmp_path / "ask_operator.py").write_text(example)
    run = terminal(LAGER, "python", "ask_operator.py")
    for typed in ("", "2.5mm", "Long"):
        client.paused()
        run.expect("timeout   ")
        run.type(f"{typed}\r")
    assert lager("answer", client.paused()["id"], "SN 42").returncode == 0
    run.expect("SN 42: 2.5 mm, long cable")
    assert run.wait() == 0
