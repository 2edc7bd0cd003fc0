"""Options of lager's behind a script's name."""

import pytest

from tests.fixtures import ScriptWriter, Starter
from tests.processes import LAGER, ended

SHOWS = "import os, sys; print(sys.argv[1:], os.environ.get('A'), os.environ.get('B'))"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--env", "A=1", "x"], "['x'] 1 7"),
        (["x", "--env=A=1=2", "y"], "['x', 'y'] 1=2 7"),
        (["--out", "--env", "A=--env", "--passenv=B"], "['--out'] --env 7"),
        (["--env", "A=1", "--", "--env", "B=1", "--"], "['--env', 'B=1', '--'] 1 7"),
        (["--", "--", "--env"], "['--', '--env'] None 7"),
        (["--envs", "--tim", "-m", "-h", "--help", "--version", ""],
         "['--envs', '--tim', '-m', '-h', '--help', '--version', ''] None 7"),
        (["--pause", "--continue", "--kill", "--extend", "--watch", "--here", "-"],
         "['--pause', '--continue', '--kill', '--extend', '--watch', '--here', '-'] None 7"),
    ],
)  # fmt: skip
def test_a_script_gets_what_is_not_lagers(run: Starter, words: list[str], shown: str) -> None:
    process = run(SHOWS, *words, B="7")
    assert process.out.rest() == f"{shown}\n"
    assert process.err.rest() == ""


def test_all_words_behind_a_module_are_the_modules(start: Starter, script: ScriptWriter) -> None:
    script(SHOWS, "tool.py")
    process = start(LAGER, "python", "--env", "B=2", "-m", "tool", "--env", "A=1", "--box", "nowhere", "--", "-h")
    assert process.out.rest() == "['--env', 'A=1', '--box', 'nowhere', '--', '-h'] None 2\n"


@pytest.mark.parametrize("words", [["-mtool"], ["--env", "-m=1", "-mtool"], ["--pause-on-error", "-m", "tool"]])
def test_a_module_may_follow_its_option_without_a_space(start: Starter, script: ScriptWriter, words: list[str]) -> None:
    script(SHOWS, "tool.py")
    process = start(LAGER, "python", *words, "-mother", "--env", "A=1")
    assert process.out.rest() == "['-mother', '--env', 'A=1'] None None\n"


def test_an_empty_name_is_not_a_script(start: Starter) -> None:
    process = start(LAGER, "python", "", "x")
    assert process.wait() == 2
    assert "No such file or folder: ''" in process.err.rest()


def test_all_words_behind_two_dashes_and_the_script_are_the_scripts(start: Starter, script: ScriptWriter) -> None:
    process = start(LAGER, "python", "--", script(SHOWS), "--env", "A=1", "--", "--timeout")
    assert process.out.rest() == "['--env', 'A=1', '--', '--timeout'] None None\n"
    assert process.err.rest() == ""


def test_options_that_scripts_often_have_are_noted(run: Starter) -> None:
    process = run("import sys; print(sys.argv[1:])", "a", "--timeout=60", "--download", "x", "--", "--timeout")
    assert process.out.rest() == "['a', '--timeout']\n"
    told = "lager: took --timeout=60, --download x for itself; put -- before the script's own options\n"
    assert process.err.rest() == told


def test_detach_may_follow_the_script(run: Starter, start: Starter) -> None:
    process = run("", "--detach")
    code, out, err = ended(process)
    assert (code, "took --detach for itself" in err) == (0, True), err
    assert start(LAGER, "python", "--reattach", out.split()[0]).wait() == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--timeout", "soon"], "If it is the script's own option, put -- before it."),
        (["--timeout"], "Option '--timeout' requires an argument. If it is the script's own option, put -- before it."),
        (["--env", "--", "A=1"], "Option '--env' requires an argument."),
        (["--detach=yes"], "Option '--detach' does not take a value. If it is"),
    ],
)
def test_a_word_that_cannot_be_lagers_says_how_to_give_it_to_the_script(
    run: Starter, words: list[str], said: str
) -> None:
    process = run("print('ran')", *words)
    assert process.wait() == 2
    assert said in process.err.rest()
    assert process.out.rest() == ""
