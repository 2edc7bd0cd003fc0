"""Options and types that several commands share."""

from collections.abc import Callable
from typing import Any

import click

from lager.wording.text import number_of, printable, seconds_of


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def wait_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "How long to wait for a busy instrument (default: do not wait)."
    return click.option("--wait", type=seconds, default=0.0, help=text)(command)


def seconds(value: Any) -> float:
    """Convert the value of an option: seconds, or a duration such as 10m. Raises BadParameter."""
    number = number_of(value) if isinstance(value, str) else float(value)
    if number is None:
        number = seconds_of(value)
    if number is None or number < 0:
        shown = printable(value, 40)
        raise click.BadParameter(
            f"{shown!r} is not a valid duration. Give seconds, 0 or more, or a time like 10m or 1h30m."
        )
    return number
