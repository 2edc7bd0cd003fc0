"""The row of a box whose command failed."""

from typing import Any

import click
import pytest
from click.testing import CliRunner

from lager.errors import BoxError, OtherVersion
from lager_cli.boxes.names.box_table import Box
from lager_cli.boxes.several.answers import failed, reason_of

BOX = Box("bench3", "bench3")


@click.group()
def older() -> None:
    """What lager is on a box that has not been updated."""


@older.command()
@click.option("--json", is_flag=True)
def runs(json: Any) -> None:
    pass


@pytest.mark.parametrize(
    ("words", "missing"), [(["status", "--json"], "command status"), (["runs", "--quiet-for=1"], "option --quiet-for")]
)
def test_an_older_box_says_what_it_does_not_have(words: list[str], missing: str) -> None:
    problem = failed(BOX, 2, CliRunner().invoke(older, words).output)
    assert isinstance(problem, OtherVersion)
    assert reason_of(problem) == f"The box bench3 has another version of lager, without the {missing}."


def test_a_long_reason_keeps_its_lines_and_is_one_line_in_a_row() -> None:
    problem = failed(BOX, 1, "lager: The nets file has 2 mistakes:\n  a\n  b\x1b[31m\n")
    assert type(problem) is BoxError
    assert problem.what == "bench3: The nets file has 2 mistakes:\n  a\n  b\\x1b[31m"
    assert reason_of(problem) == "bench3: The nets file has 2 mistakes:   a   b\\x1b[31m"


def test_without_a_reason_there_is_the_exit_code() -> None:
    assert reason_of(failed(BOX, 7, "\n")) == "bench3: exit code 7"
