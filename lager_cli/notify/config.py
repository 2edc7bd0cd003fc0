"""Reads notify.toml: where messages go, and which events send one.

A URL has the password of a service in it. No error shows any value of the file, nor a key that resembles no known one.
"""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lager.contract import NOTIFY_FILE
from lager.errors import LagerError
from lager.wording import text_files
from lager.wording.text import printable, seconds_of, similar

PATH = Path(NOTIFY_FILE)
EVENTS = ("paused", "question", "resumes-soon", "auto-resumed", "waiting", "quarantined")
_PLAIN = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_SCHEME = re.compile(r"([a-z][a-z0-9]{0,19})://.", re.IGNORECASE)
_PLACE = re.compile(r"\(at (?:line \d+, column \d+|end of document)\)$")
_MOST_URLS = 20  # each has a process of about 35 MB while messages go there
_BOX_LENGTH = 100


class ConfigError(LagerError):
    """The file is missing, cannot be read or is invalid."""

    exit_code = 78  # EX_CONFIG of sysexits.h, for which lager-notify.service does not restart


@dataclass(frozen=True)
class Target:
    """A URL, and its number in the file, which names it in messages."""

    number: int
    url: str

    @property
    def name(self) -> str:
        """Return the name that may be shown: the number and the service."""
        found = _SCHEME.match(self.url)
        return f"url {self.number} ({found[1].lower()})" if found else f"url {self.number}"


@dataclass(frozen=True)
class Limits:
    """`messages` a minute to each URL, 0 for no limit; `tries` of each message; `timeout` of a try in seconds."""

    messages: int = 10
    tries: int = 8
    timeout: float = 30.0


@dataclass(frozen=True)
class NotifyConfig:
    """Times are in seconds: `resumes_soon` before the timeout of a pause, `waiting` after its begin."""

    targets: tuple[Target, ...] = ()
    events: frozenset[str] = frozenset(EVENTS)
    resumes_soon: float = 60.0
    waiting: float = 600.0
    box: str = ""
    limits: Limits = Limits()


def default_path() -> Path:
    """Return the file to read: a copy that systemd made for the service (LoadCredential=), else the one in /etc."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    copy = Path(folder) / PATH.name
    return copy if os.path.isabs(folder) and copy.exists() else PATH


def others_read(path: Path | None) -> str:
    """Return a warning if every user can read the file, else ""."""
    shown = PATH if path is None else path
    try:
        is_open = shown.stat().st_mode & 0o004
    except OSError:
        return ""
    return f"every user can read {shown}, which has passwords. Type: chmod 600 {shown}" if is_open else ""


def load(path: Path | None = None) -> NotifyConfig:
    """Read the file, (default: /etc/lager/notify.toml). Raises ConfigError that names every mistake."""
    shown = PATH if path is None else path
    try:
        text = text_files.read(default_path() if path is None else path)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(
            f"There is no file {shown}.", 'Write one that says at least: urls = ["mailto://..."]'
        ) from None
    except text_files.Unreadable as error:
        hint = "Save it as UTF-8." if error.is_encoding else "It has passwords: read it as root, with sudo."
        raise ConfigError(f"{shown} cannot be read: {error.reason}.", hint) from None
    try:
        table = text_files.toml(text)
    except ValueError as error:
        place = _PLACE.search(str(error))
        raise _wrong(shown, [f"it is not valid TOML{f' {place[0]}' if place else ''}"]) from None
    mistakes: list[str] = []
    given = table.pop("limits", {})
    if not isinstance(given, dict):
        mistakes.append("limits must be a table")
        given = {}
    limits = _take(given, _LIMITS, "limits.", mistakes)
    values = _take(table, _KEYS, "", mistakes)
    if "urls" in values:
        values["targets"] = values.pop("urls")
    elif not mistakes:
        mistakes.append("it names no urls")
    if mistakes:
        raise _wrong(shown, mistakes)
    return NotifyConfig(**values, limits=Limits(**limits))


def _wrong(path: Path, mistakes: Iterable[str]) -> ConfigError:
    return ConfigError(f"{path} is invalid: {'; '.join(mistakes)}.", "Fix it, then try: lager notify test")


def _take(table: dict[str, Any], known: "dict[str, Callable[[object], Any]]", prefix: str, mistakes: list[str]) -> Any:
    values = {}
    for key, value in sorted(table.items()):
        if key not in known:
            mistakes.append(_unknown(key, [*known, *([] if prefix else ["limits"])], prefix))
            continue
        try:
            values[key] = known[key](value)
        except ValueError as error:
            mistakes.append(f"{prefix}{key} must be {error}")
    return values


def _unknown(key: str, known: list[str], prefix: str) -> str:
    near = similar(key, known)
    if not near or not _PLAIN.fullmatch(key):
        return "a key is not one of " + ", ".join(f"{prefix}{one}" for one in known)
    return f"unknown key {prefix}{key} (did you mean {prefix}{near[0]}?)"


def _urls(value: object) -> tuple[Target, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise ValueError('a list of at least one URL, as in urls = ["mailto://..."]')
    if len(value) > _MOST_URLS:
        raise ValueError(f"a list of at most {_MOST_URLS} URLs")
    wrong = [number for number, one in enumerate(value, 1) if not _SCHEME.match(one) or not one.isprintable()]
    if wrong:
        raise ValueError(f"a list of URLs: number {wrong[0]} does not begin like mailto:// or json://")
    return tuple(Target(number, url) for number, url in enumerate(dict.fromkeys(value), 1))


def _events(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not value or not all(one in EVENTS for one in value):
        raise ValueError(f"a list of some of {', '.join(EVENTS)}")
    return frozenset(value)


def _time(value: object) -> float:
    seconds = seconds_of(value) if isinstance(value, str) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 365 * 86400:
        raise ValueError('a time greater than 0, like 90, "90s" or "10m"')
    return float(seconds)


def _box(value: object) -> str:
    if not isinstance(value, str) or not value or printable(value, _BOX_LENGTH) != value or value.startswith("-"):
        raise ValueError("the name that --box takes for this machine")
    return value


def _whole(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return read


_KEYS: dict[str, Callable[[object], Any]] = {
    "urls": _urls,
    "events": _events,
    "resumes_soon": _time,
    "waiting": _time,
    "box": _box,
}
_LIMITS: dict[str, Callable[[object], Any]] = {
    "messages": _whole(0, 10_000),
    "tries": _whole(1, 100),
    "timeout": _time,
}
