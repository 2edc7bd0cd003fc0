"""The options of `lager python` that say which files go to a box with a run, and which come back."""

import os
from collections.abc import Callable
from typing import Any

import click

from lager_cli.commands import completion

_ADD = "With --box: send this file or folder along, to the same place relative to the run's folder. Can be repeated."
_DOWNLOAD = (
    "With --box: bring back what the run wrote or changed and fits this pattern, relative to its folder (** too), to "
    "the same place in the current folder. Can be repeated."
)
_OVERWRITE = "Let --download replace files that are here."


def file_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--allow-overwrite", "overwrite", is_flag=True, help=_OVERWRITE),
        click.option("--download", "downloads", multiple=True, metavar="PATTERN", help=_DOWNLOAD),
        click.option("--add-file", "added", multiple=True, metavar="FILE", help=_ADD, shell_complete=completion.files),
    ):
        command = option(command)
    return command


def check(added: tuple[str, ...]) -> None:
    """Where the run is to be here, all files are here, too; so the same words do on the box. Raises UsageError."""
    if "LAGER_RUN_FOLDER" not in os.environ:
        for name in added:
            if not os.path.exists(name):
                raise click.UsageError(f"There is no file or folder {name}, which --add-file names.")
