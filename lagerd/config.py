"""Reads /etc/lager/lagerd.toml, the configuration of lagerd, and its drop-ins.

The drop-ins in lagerd.toml.d are read after it, in the order of their names; a later file overrides the keys of an
earlier one.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from lager.contract import CONFIG_FILE, DEFAULT_TIMEOUT, LONGEST_RUN
from lager.errors import LagerError
from lager.wording import text_files
from lager.wording.text import similar

PATH = Path(CONFIG_FILE)


class ConfigError(LagerError):
    """The configuration file cannot be read or is invalid."""

    exit_code = 78  # EX_CONFIG of sysexits.h, for which lagerd.service does not restart


class ConsolePolicy(Enum):
    """Who may open a console, besides root and the user of the script."""

    POLKIT = "polkit"
    OWNER = "owner"


@dataclass(frozen=True)
class UserLimits:
    """The maximum for each user at a time, and the maximum of calls a second that change something."""

    pauses: int = 4096
    consoles: int = 64
    claims: int = 1024
    calls: int = 250


@dataclass(frozen=True)
class Config:
    """Times are in seconds; a default_timeout of 0 means no timeout."""

    default_timeout: float = DEFAULT_TIMEOUT
    max_run_timeout: float = LONGEST_RUN
    console: ConsolePolicy = ConsolePolicy.POLKIT
    log_console_input: bool = False
    metrics: bool = False
    limits: UserLimits = field(default_factory=UserLimits)
    rejected: tuple[ConfigError, ...] = ()  # why a drop-in is not used


def load(path: Path = PATH) -> Config:
    """Return the values in the file and its drop-ins, or the defaults if there are none.

    Raises ConfigError, which names every mistake in the file itself. A drop-in with a mistake is ignored, and listed in
    `rejected`.
    """
    values, limits = _read(path)
    rejected = []
    for file in text_files.drop_ins(path):
        try:
            more = _read(Path(file))
        except ConfigError as error:
            rejected.append(error)
        else:
            values |= more[0]
            limits |= more[1]
    return Config(**values, limits=UserLimits(**limits), rejected=tuple(rejected))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values in one file, and its limits. Raises ConfigError."""
    try:
        text = text_files.read(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}, {}
    except text_files.Unreadable as error:
        hint = "Save it as UTF-8" if error.is_encoding else "Make it a file that the user lager can read"
        raise ConfigError(
            f"{path} cannot be read: {error.reason}.", f"{hint}, then: systemctl restart lagerd"
        ) from None
    try:
        table = text_files.toml(text)
    except ValueError as error:
        raise _wrong(path, [f"it is not valid TOML: {error}"]) from None
    mistakes: list[str] = []
    limits = _take(table.pop("limits", {}), _LIMITS, "limits.", mistakes)
    values = _take(table, _KEYS, "", mistakes)
    if mistakes:
        raise _wrong(path, mistakes)
    return values, limits


def _wrong(path: Path, mistakes: list[str]) -> ConfigError:
    return ConfigError(f"{path} is invalid: {'; '.join(mistakes)}.", "Fix it, then: systemctl restart lagerd")


def _take(table: object, known: Mapping[str, "_Reader"], prefix: str, mistakes: list[str]) -> dict[str, Any]:
    if not isinstance(table, dict):
        mistakes.append(f"{prefix.rstrip('.')} must be a table")
        return {}
    mistakes.extend(_unknown(table, [*known, *([] if prefix else ["limits"])], prefix))
    values = {}
    for key in table.keys() & known.keys():
        try:
            values[key] = known[key](table[key])
        except ValueError as error:
            mistakes.append(f"{prefix}{key} must be {error}, not {table[key]!r}")
    mistakes.sort()
    return values


def _unknown(table: Mapping[str, object], known: list[str], prefix: str) -> Iterator[str]:
    for key in table.keys() - set(known):
        near = similar(key, known)
        yield f"unknown key {prefix}{key}" + (f" (did you mean {prefix}{near[0]}?)" if near else "")


_Reader = Callable[[object], Any]


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError("a number of seconds, 0 or more")
    return float(value)


def _seconds_over_0(value: object) -> float:
    if not (isinstance(value, int | float) and value > 0):
        raise ValueError("a number of seconds greater than 0")
    return _seconds(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("a whole number, 1 or more")
    return value


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _console(value: object) -> ConsolePolicy:
    try:
        return ConsolePolicy(value)
    except ValueError:
        raise ValueError('"polkit" or "owner"') from None


_KEYS: dict[str, _Reader] = {
    "default_timeout": _seconds,
    "max_run_timeout": _seconds_over_0,
    "console": _console,
    "log_console_input": _yes_or_no,
    "metrics": _yes_or_no,
}
_LIMITS: dict[str, _Reader] = {"pauses": _count, "consoles": _count, "claims": _count, "calls": _count}
