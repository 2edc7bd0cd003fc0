"""`--through`: carries out an action through the paused script that holds the instrument."""

import json
import os
from collections.abc import Callable
from typing import Any

import click

from lager import variables
from lager.contract import INSTRUMENTS
from lager.errors import InstrumentBusy, NoSuchInstrument
from lager.nets import file as nets_file
from lager.nets.actions import IDENTITY
from lager.nets.model import NetConfig, NetType
from lager.wording.text import printable
from lager_cli import daemon
from lager_cli.readings.answers import described, read, unreadable


def through_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --through, whose default is LAGER_THROUGH."""
    return click.option(
        "--through/--no-through",
        "through",
        default=lambda: os.environ.get(variables.THROUGH, "").strip().lower() not in {"", *variables.OFF},
        help="Run the command inside the paused script that holds the instrument (default: LAGER_THROUGH).",
    )(command)


def ask(net: str, type: NetType, action: str, value: Any, wait: float) -> tuple[Any, str] | None:
    """Return the result, and the id of the pause through which it was done. None if the instrument can be claimed: it
    is free, or it is busy and `wait` allows to wait for it."""
    daemon.ready_address()
    config = nets_file.load().net(net)
    if config.type is not type:
        return None  # opening the net reports what is wrong
    try:
        return read(type, call(config, action, value))
    except NoSuchInstrument:
        return None
    except InstrumentBusy:
        if wait > 0:
            return None
        raise


def call(config: NetConfig, action: str, value: Any = None) -> dict[str, Any]:
    """Return the answer of the script for this net; see `call_for`."""
    arguments = described(config) | ({} if value is None else {"value": value})
    return call_for(config.instrument.key, config.name, action, arguments)


def identity(key: str) -> str | None:
    """Return how a held instrument identifies itself, and through which pause; None if it is free."""
    try:
        answer = call_for(key, "", IDENTITY, {})
    except NoSuchInstrument:
        return None
    return f"{printable(answer.get('value'))}, through {answer['id']}"


def call_for(key: str, net: str, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of the script that holds the instrument.

    Raises NoSuchInstrument if the instrument is free, InstrumentBusy if its holder is not paused, and what the action
    raises.
    """
    text = daemon.ask("Through", "sssa{sv}", key, net, action, arguments, name=INSTRUMENTS, timeout=None)[0]
    try:
        answer = json.loads(text)
        return {**answer, "id": printable(answer["id"], 8)}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise unreadable() from None
