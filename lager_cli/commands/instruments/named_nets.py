"""The net that a command line names, or means without naming it."""

import os
from collections.abc import Container
from typing import Any

import click

from lager import variables
from lager.nets import file as nets_file
from lager.nets.model import NetType
from lager_cli import daemon
from lager_cli.options import default_nets


def placed(type: NetType, words: tuple[str, ...], others: Container[str]) -> tuple[str, tuple[str, ...]]:
    """Return the net that the words name, and the words after it.

    If the first word is one of `others`, such as an action, and no net has this name, use the default net. Raises
    UsageError if there is none.
    """
    if words and (words[0] not in others or words[0] in names()):
        return words[0], words[1:]
    if net := default_nets.of(type):
        return net, words
    mine = ", ".join(names(type)) or "none"
    raise click.UsageError(f"Name a net ({mine}), or set a default: lager defaults add --{type.value}-net NAME")


def names(type: NetType | None = None) -> list[str]:
    """Return the names of the nets of this bench, or of those of one type. Raises NetsFileError."""
    if not os.environ.get(variables.NETS):
        daemon.ready_address()
    nets: Any = nets_file.load().nets
    return [net.name for net in nets.values() if type in (None, net.type)]
