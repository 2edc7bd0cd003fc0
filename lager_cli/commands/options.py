"""Options and types of values that several commands share."""

import math
from collections.abc import Callable
from typing import Any

import click

from lager.text import seconds_of


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def wait_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "Wait so long for an instrument that is in use (default: not at all)."
    return click.option("--wait", type=seconds, default=0.0, help=text)(command)


def seconds(value: Any) -> float:
    """The type of an option that takes seconds, or a length of time such as 10m."""
    try:
        number = float(value)
    except ValueError:
        known = seconds_of(value)
        number = math.nan if known is None else known
    if not (math.isfinite(number) and number >= 0):
        raise click.BadParameter(f"{value!r} is no length of time; give seconds, 0 or more, or one like 10m or 1h30m.")
    return number
