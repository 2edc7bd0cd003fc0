"""A command that lager prints can be typed: with its path where `lager` is not on the PATH."""

import ast
import re
import sys
from pathlib import Path

import pytest

from lager.wording import commands
from lager_cli.main import _COMMANDS

ROOT = Path(__file__).parents[3]
SOURCES = [file for folder in ("lager_cli", "lager_runtime/lager", "lagerd") for file in (ROOT / folder).rglob("*.py")]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `lager` that is not on the PATH; its path."""
    program = tmp_path / "a folder" / "lager"
    program.parent.mkdir()
    program.touch(0o700)
    for name in ("LAGER_COMMAND", "LAGER_BOX", "LAGER_BENCH", "LAGER_PROCESS_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", [str(program), "status"])
    return program


SENTENCES = (
    "Try again; see: lager runs",
    "Type: sudo lager notify test",
    "convert one with 'lager nets import FILE'",
    "  end       lager python --kill 1",
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_command_in_a_sentence_has_the_path_of_lager(elsewhere: Path, sentence: str) -> None:
    assert commands.as_typed(sentence) == sentence.replace("lager ", f"'{elsewhere}' ")


@pytest.mark.parametrize("sentence", ["lager notify is running already.", "Start lager on it", "see /opt/lager status"])
def test_the_name_of_the_program_stays_a_name(elsewhere: Path, sentence: str) -> None:
    assert commands.as_typed(sentence) == sentence


def test_what_is_on_the_path_is_typed_by_its_name(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"/nowhere:{elsewhere.parent}")
    assert (commands.path(), commands.as_typed("see: lager runs")) == ("lager", "see: lager runs")


def test_a_script_names_the_lager_beside_its_python(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["test.py"])
    monkeypatch.setattr(sys, "executable", str(elsewhere.with_name("python")))
    assert commands.path() == f"'{elsewhere}'"


def test_a_run_says_what_its_lager_found_and_names_the_simulated_bench(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"COMMAND": "/venv/bin/lager", "PROCESS_ID": "1", "BENCH": "/run/bench"}.items():
        monkeypatch.setenv(f"LAGER_{name}", value)
    assert commands.as_typed("Do it there: lager python --console 7f3a") == (
        "Do it there: LAGER_BENCH=/run/bench /venv/bin/lager python --console 7f3a"
    )


def test_on_a_box_the_command_is_that_of_the_users_own_machine(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAGER_BOX", "bench3")
    assert commands.path() == "lager"
    monkeypatch.setenv("LAGER_COMMAND", "/home/anna/.venv/bin/lager")
    assert commands.path() == "/home/anna/.venv/bin/lager"


def _told(file: Path) -> list[str]:
    """The texts of a file that may be printed: all but docstrings and the help of options."""
    tree = ast.parse(file.read_text())
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    silent |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "help"}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in silent]
    return [node.value for node in texts if isinstance(node.value, str)]


def test_what_is_taken_for_a_command_in_a_sentence_of_lager_is_one() -> None:
    words = [
        (file.name, word)
        for file in SOURCES
        for text in _told(file)
        for word in re.findall(rf"{commands._BEFORE}lager ([a-z-]+)", text)
    ]
    assert len(words) > 30
    assert not [(file, word) for file, word in words if word not in {*_COMMANDS, "--version"}]
