"""Makes text safe to show, and parses and formats numbers and durations."""

import math
import re
from collections.abc import Iterable

from lager.process.raised import by_a_handler

LABEL_LENGTH = 200
# Compiled when they are first used: most commands and most pauses read no number.
_NUMBER = r"(?ai)[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_AMOUNT = r"(?i)([+-]?[0-9.]+)(?:e([+-]?[0-9]+))?\s*(.*)"  # the last part: a unit, such as V, cm2 or 1/min
_TIME = "(?a)" + "".join(rf"(?:(\d+(?:\.\d+)?){unit})?" for unit in ("d", "h", "m", r"(?:s|\Z)", "ms"))
_PREFIXES = {"": 0, "k": 3, "m": -3, "u": -6, "µ": -6, "μ": -6}
_OHM = {"Ω", "\u2126", "ohm", "ohms"}  # Greek, and the OHM SIGN: its \N{} would import a module of the script


def printable(value: object, limit: int = LABEL_LENGTH) -> str:
    """Return `value` as one printable line, with escapes, so that it cannot control a terminal; shortened to `limit`.

    Never raises, whatever `value` is. A megabyte costs no more than a line.
    """
    shown = _as_text(value, limit)[: limit + 1]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else _escaped(c) for c in shown)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def first_line(value: object, limit: int = LABEL_LENGTH) -> str:
    """Return the first line of `value` that is not blank, as `printable` does."""
    text = _as_text(value, 16 * limit)
    return printable(next((line for line in text.split("\n") if line.strip()), ""), limit)


def visible(text: str) -> str:
    """Return `text` with its lines and tabs, and escapes for all else that could control a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def _as_text(value: object, limit: int) -> str:
    try:
        if isinstance(value, bytes | bytearray):
            return bytes(value[: 4 * limit + 4]).decode("utf-8", "backslashreplace")
        text = value if type(value) is str else str(value)
        return text[: limit + 1] if type(text) is str else str.__str__(text)
    except Exception as error:
        if by_a_handler(error):
            raise
        return f"<{type(value).__name__} that cannot be shown>"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def utf8(data: bytes) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark. Raises ValueError that says why not."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("it is UTF-16, not UTF-8")
    if b"\0" in data:
        raise ValueError("it has NUL bytes, like UTF-16, and is not valid UTF-8")
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode()  # "utf-8-sig" replaces what a signal handler raises
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise ValueError(f"line {line} is not valid UTF-8 (byte 0x{data[problem.start]:02x})") from None


def columns(text: str) -> int:
    """Return how many columns printable `text` takes: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, width: int, *, keep_end: bool = False) -> str:
    """Return as much of `text` as fits in `width` columns: its beginning, or with `keep_end` its end."""
    if columns(text) <= width:
        return text
    if width < 1:
        return ""
    kept, left = "", width - 1
    for c in reversed(text) if keep_end else text:
        left -= columns(c)
        if left < 0:
            break
        kept += c
    return "…" + kept[::-1] if keep_end else kept + "…"


def padded(text: str, width: int) -> str:
    """Return `text`, filled with spaces to `width` columns."""
    return text + " " * (width - columns(text))


def wrapped(line: str, width: int, indent: int = 2) -> list[str]:
    """Wrap the line at spaces to at most `width` columns; a longer word stays whole. All lines but the first begin with
    `indent` spaces."""
    lines, now = [], ""
    for number, word in enumerate(line.split(" ")):
        if number and columns(now) + 1 + columns(word) > width and now.strip():
            lines.append(now.rstrip())
            now = " " * indent + word
        else:
            now += " " * bool(number) + word
    return [*lines, now]


def time_left(seconds: float) -> str:
    """Return the time left as text, rounded up: 1s until the end."""
    return duration(math.ceil(seconds - 0.001))


def time_given(id: str, seconds: float) -> str:
    """Return the message about a pause that was extended, with its time left; 0 means no timeout."""
    return f"{id} has {time_left(seconds)} left" if seconds else f"{id} waits until it is resumed"


def duration(seconds: float) -> str:
    """Return a duration as `45s`, `4m05s` or `2h00m`, rounded down."""
    whole = math.floor(seconds)
    if whole < 60:
        return f"{max(whole, 0)}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 48 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def similar(word: object, known: Iterable[str], count: int = 1) -> list[str]:
    """Return up to `count` of the known words that `word` may mean, the most similar first. Case does not matter."""
    import difflib

    spelled: dict[str, list[str]] = {}
    for name in known:
        spelled.setdefault(name.casefold(), []).append(name)
    close = difflib.get_close_matches(str(word).strip().casefold(), spelled, n=count)
    return [name for folded in close for name in spelled[folded]][:count]


def number_of(text: str) -> float | None:
    """Return the finite decimal number in `text`; None if it is invalid. Unlike `float`, it does not accept `1_0`,
    `nan`, `inf` or other digits than 0 to 9."""
    if not re.fullmatch(_NUMBER, text.strip()):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def amount_of(text: str, unit: str) -> float | None:
    """Return the finite decimal number in `text`, with or without its unit, which may have a prefix: 3.3, 3.3V,
    500 mV. None if it is invalid."""
    found = re.fullmatch(_AMOUNT, text.strip())
    power = None if found is None else _power(found[3], unit)
    return None if found is None or power is None else number_of(f"{found[1]}e{int(found[2] or 0) + power}")


def _power(word: str, unit: str) -> int | None:
    """Return the power of ten of the word after a number; None if it is not this unit."""
    if not unit:
        return None if word else 0
    names = _OHM if unit in _OHM else {unit}
    prefixes = {"": 0} if unit == "%" else _PREFIXES | ({"M": 6} if unit in _OHM else {})
    for prefix, power in prefixes.items():
        if word.startswith(prefix) and word[len(prefix) :].lower() in {name.lower() for name in names}:
            return power
    return 0 if not word else None


def seconds_of(text: str) -> float | None:
    """Return the seconds of a duration such as `90`, `45s`, `100ms`, `10m` or `1h30m`; None if it is invalid."""
    found = re.fullmatch(_TIME, text.strip().lower())
    if found is None or not found[0]:
        return None
    seconds = sum(
        float(part or 0) * unit for part, unit in zip(found.groups(), (86400, 3600, 60, 1, 0.001), strict=True)
    )
    return seconds if math.isfinite(seconds) else None
