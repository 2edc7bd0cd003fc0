"""The manual pages: one for each command, configuration file and interface, from the text of the commands and docs/."""

import re
from typing import Any

import click
import pytest

from lager_cli.main import cli
from package import manual_pages

PAGES = {page.file: page.text for page in manual_pages.pages()}


@pytest.mark.parametrize("word", sorted(cli.list_commands(click.Context(cli))))
def test_each_command_has_a_page_that_shows_its_options(word: Any) -> None:
    text = PAGES[f"lager-{word}.1"]
    command = cli.get_command(click.Context(cli), word)
    assert command is not None
    for option in (each for each in command.params if isinstance(each, click.Option) and not each.hidden):
        assert option.opts[0] in text
    assert f"# NAME\n\nlager-{word} - " in text
    assert f"**lager-{word}**(1)" in PAGES["lager.1"]


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("lagerd.8", "# lagerd check-config"),
        ("lagerd.toml.5", "`default_timeout`"),
        ("nets.toml.5", "`max_voltage`"),
        ("boxes.toml.5", "`groups.NAME`"),
        ("notify.toml.5", "`urls`"),
        ("com.lager.Breakpoints.5", "`ContinueAll() → (u count)`"),
    ],
)
def test_each_file_and_interface_has_a_page(file: str, part: str) -> None:
    assert part in PAGES[file]


@pytest.mark.parametrize("file", sorted(PAGES))
def test_a_page_has_no_link_that_man_cannot_follow(file: Any) -> None:
    assert not re.search(r"\]\([\w.#/-]+\.md", PAGES[file])


def test_options_that_a_command_does_not_show_are_not_shown_here() -> None:
    assert "lager-session" not in PAGES["lager.1"]
