"""The options of `lager python` for the files that are sent to a box and downloaded from it."""

import os
from collections.abc import Callable
from typing import Any

import click

from lager import variables
from lager_cli.options import completion

_ADD = "With --box: also send this file or folder, to the same place in the run's folder. Can be repeated."
_DOWNLOAD = (
    "With --box: download files that the run wrote or changed and that match PATTERN, relative to its folder (** is "
    "allowed), to the same place in the current folder. Can be repeated."
)
_OVERWRITE = "Let --download replace existing files."


def file_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--allow-overwrite", "overwrite", is_flag=True, help=_OVERWRITE),
        click.option("--download", "downloads", multiple=True, metavar="PATTERN", help=_DOWNLOAD),
        click.option("--add-file", "added", multiple=True, metavar="FILE", help=_ADD, shell_complete=completion.files),
    ):
        command = option(command)
    return command


def check(added: tuple[str, ...]) -> None:
    """Check that the files of --add-file exist if the run is on this machine. Raises UsageError."""
    if variables.RUN_FOLDER not in os.environ:
        for name in added:
            if not os.path.exists(name):
                raise click.UsageError(f"--add-file: no such file or folder: {name}")
