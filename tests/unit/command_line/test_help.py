"""Every command says what it does, and shows how it is typed."""

from collections.abc import Iterator
from typing import Any

import click
import pytest

import lager_cli.main
import lagerd.main


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    yield context.command_path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            if not inner.hidden:
                yield from commands(inner, click.Context(inner, parent=context, info_name=name))


ALL = {
    path: command
    for root, name in ((lager_cli.main.cli, "lager"), (lagerd.main.cli, "lagerd"))
    for path, command in commands(root, click.Context(root, info_name=name))
}


@pytest.mark.parametrize("path", ALL)
def test_help_says_what_for_and_shows_an_example(path: Any) -> None:
    command = ALL[path]
    shown = command.get_help(click.Context(command, info_name=path))
    assert "\nExample" in shown or "  Example" in shown
    assert f"\n    {path.split()[0]} " in shown or f"\n    sudo {path.split()[0]} " in shown


@pytest.mark.parametrize("path", ALL)
def test_every_option_says_what_it_does(path: Any) -> None:
    silent = [
        one.opts[0] for one in ALL[path].params if isinstance(one, click.Option) and not one.hidden and not one.help
    ]
    assert not silent
