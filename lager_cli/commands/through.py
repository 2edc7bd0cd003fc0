"""`--through`: carries out an action through the paused script that holds the instrument."""

import json
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import click

from lager import variables
from lager.contract import INSTRUMENTS
from lager.errors import Failed, InstrumentBusy, NoSuchInstrument
from lager.nets import file as nets_file
from lager.nets.actions import IDENTITY
from lager.nets.model import NetConfig, NetType
from lager.text import printable
from lager_cli import daemon

_STATES = {
    NetType.PowerSupply: ("lager.instruments.drivers.supply", "SupplyState"),
    NetType.Battery: ("lager.instruments.drivers.battery", "BatteryState"),
    NetType.ELoad: ("lager.instruments.drivers.rigol_dl3000", "LoadState"),
}


def through_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --through, whose default is LAGER_THROUGH."""
    return click.option(
        "--through/--no-through",
        "through",
        default=lambda: os.environ.get(variables.THROUGH, "").strip().lower() not in {"", *variables.OFF},
        help="If a paused script holds the instrument, do it inside that script (default: LAGER_THROUGH, else busy).",
    )(command)


def ask(net: str, type: NetType, action: str, value: Any, wait: float) -> tuple[Any, str] | None:
    """Return the result, and the id of the pause through which it was done. None if the instrument can be claimed: it
    is free, or it is busy and `wait` allows to wait for it."""
    daemon.ready_address()
    config = nets_file.load().net(net)
    if config.type is not type:
        return None  # opening it says what is wrong
    try:
        return read(type, call(config, action, value))
    except NoSuchInstrument:
        return None
    except InstrumentBusy:
        if wait > 0:
            return None
        raise


def call(config: NetConfig, action: str, value: Any = None) -> dict[str, Any]:
    """Return what the script answered for this net; see `call_for`."""
    arguments = described(config) | ({} if value is None else {"value": value})
    return call_for(config.instrument.key, config.name, action, arguments)


def identity(key: str) -> str | None:
    """Return how a held instrument identifies itself, and through which pause; None if nobody holds it."""
    try:
        answer = call_for(key, "", IDENTITY, {})
    except NoSuchInstrument:
        return None
    return f"{printable(answer.get('value'))}, through {answer['id']}"


def call_for(key: str, net: str, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return what the script that holds the instrument answered.

    Raises NoSuchInstrument if the instrument is free, InstrumentBusy if its holder is not paused, and what the action
    raises.
    """
    text = daemon.ask("Through", "sssa{sv}", key, net, action, arguments, name=INSTRUMENTS, timeout=None)[0]
    try:
        answer = json.loads(text)
        return {**answer, "id": printable(answer["id"], 8)}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _unreadable() from None


def described(config: NetConfig) -> dict[str, Any]:
    """Return what the script has to know of this net: what it is, and the limits of our nets file."""
    channel = {} if config.channel is None else {"channel": config.channel}
    direction = {"direction": "in"} if config.options.get("direction") == "in" else {}
    return {"type": config.type.value, **channel, **config.limits.as_dict(), **direction}


def read(type: NetType, answer: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the value or the state in an answer: a script can send anything."""
    try:
        value = answer.get("value")
        if "state" in answer:
            module, name = _STATES[type]
            value = getattr(import_module(module), name).from_plain(answer["state"])
            str(value)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise _unreadable() from None
    if isinstance(value, str):
        value = printable(value)
    elif isinstance(value, list | dict):
        raise _unreadable()
    return value, answer["id"]


def _unreadable() -> Failed:
    return Failed("The script's answer cannot be read.", "See which lager the script runs with: lager --version")
