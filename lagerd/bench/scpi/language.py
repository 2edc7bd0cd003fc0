"""Parses the SCPI language: program messages, headers, parameters.

After SCPI-1999 volume 1, "Syntax and Style" (6.2 the header tree and its path rule, 7 parameters), and IEEE
488.2 chapter 7. Shared by every simulated instrument; nothing here is specific to a model.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

MESSAGES: Mapping[int, str] = {
    -101: "Invalid character",
    -102: "Syntax error",
    -103: "Invalid separator",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -131: "Invalid suffix",
    -151: "Invalid string data",
    -171: "Invalid expression",
    -200: "Execution error",
    -221: "Settings conflict",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
}


class ScpiError(Exception):
    """An entry of an instrument's error queue; `text` replaces the standard wording."""

    def __init__(self, code: int, text: str | None = None) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text or MESSAGES.get(code, "Device-specific error")


@dataclass(frozen=True)
class Range:
    """The range of a numeric parameter, its DEFault, and the unit that its suffix may name."""

    low: float
    high: float
    default: float
    unit: str = ""


@dataclass(frozen=True)
class Unit:
    """One program message unit: a header, spelled out from the root, and its parameters."""

    header: str
    query: bool
    tokens: tuple["Token", ...] = ()
    common: bool = field(default=False)
    relative: str = field(default="", compare=False)
    """The header as it was sent, looked up at the root, if it was sent without a leading colon."""


_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:\s*[eE]\s*[+-]?\d+)?)\s*([A-Za-z]*)$", re.ASCII)
_RADIX = re.compile(r"#(?:[Hh]([0-9A-Fa-f]+)|[Qq]([0-7]+)|[Bb]([01]+))$")
_HEADER = re.compile(r"(\*[A-Za-z]\w*|:?[A-Za-z]\w*(?::[A-Za-z]\w*)*)(\??)(?=\s|$)\s*", re.ASCII)
_PREFIX = {"": 1.0, "G": 1e9, "MA": 1e6, "K": 1e3, "M": 1e-3, "U": 1e-6, "N": 1e-9}
_SPECIAL = {"MINimum": "low", "MAXimum": "high", "DEFault": "default"}


@dataclass(frozen=True)
class Token:
    """One parameter as it was sent; the command decides how to interpret it."""

    text: str

    def special(self, limits: Range) -> float | None:
        """Return the value of MINimum, MAXimum or DEFault; None for anything else."""
        for mnemonic, name in _SPECIAL.items():
            if self.text.upper() in forms(mnemonic):
                return float(getattr(limits, name))
        return None

    def number(self, limits: Range) -> float:
        if (special := self.special(limits)) is not None:
            return special
        match = _NUMBER.match(self.text)
        if match is None:
            raise ScpiError(-104)
        value = float(re.sub(r"\s", "", match[1])) * multiplier(match[2], limits.unit)
        if not limits.low - 1e-9 <= value <= limits.high + 1e-9:
            raise ScpiError(-222)
        return min(max(value, limits.low), limits.high)

    def integer(self, low: int, high: int) -> int:
        match = _RADIX.match(self.text)
        if match is None:
            return round(self.number(Range(low, high, low)))
        value = int(match[match.lastindex or 0], {1: 16, 2: 8, 3: 2}[match.lastindex or 1])
        if not low <= value <= high:
            raise ScpiError(-222)
        return value

    def boolean(self) -> bool:
        word = self.text.upper()
        if word in ("ON", "OFF"):
            return word == "ON"
        return round(self.number(Range(-1e6, 1e6, 0))) != 0

    def choice(self, *mnemonics: str) -> str:
        """Return the short form of the matching mnemonic, for example POW for `power` among ("POWer", "TEST")."""
        for mnemonic in mnemonics:
            if self.text.upper() in forms(mnemonic):
                return forms(mnemonic)[0]
        raise ScpiError(-224)

    def string(self) -> str:
        quote = self.text[:1]
        if len(self.text) < 2 or quote not in "\"'" or self.text[-1] != quote:
            raise ScpiError(-151)
        return self.text[1:-1].replace(quote * 2, quote)

    @property
    def is_channels(self) -> bool:
        return self.text.startswith("(@")

    def channels(self, count: int) -> list[int]:
        """Return the channels of a list: (@1), (@1,2), (@1:3); SCPI-1999 volume 1, 8.3.2."""
        match = re.fullmatch(r"\(@\s*(\d{1,3}(?:\s*[,:]\s*\d{1,3})*)\s*\)", self.text, re.ASCII)
        if match is None:
            raise ScpiError(-171)
        chosen: list[int] = []
        for part in match[1].split(","):
            ends = [int(end) for end in part.split(":")]
            if len(ends) > 2:
                raise ScpiError(-171)
            step = 1 if ends[0] <= ends[-1] else -1
            chosen.extend(range(ends[0], ends[-1] + step, step))
        if not all(1 <= channel <= count for channel in chosen):
            raise ScpiError(-222)
        return chosen


def multiplier(suffix: str, unit: str) -> float:
    """Return the factor of a suffix. MOHM and MHZ are mega, as in IEEE 488.2 7.7.3; every other M is milli."""
    word = suffix.upper()
    if not word:
        return 1.0
    if not unit or not word.endswith(unit):
        raise ScpiError(-131)
    prefix = word.removesuffix(unit)
    if prefix not in _PREFIX:
        raise ScpiError(-131)
    return 1e6 if word == "MOHM" else _PREFIX[prefix]


@lru_cache(maxsize=1024)
def forms(mnemonic: str) -> tuple[str, str]:
    """Return the short and the long form in capitals: the short form is the part that the manual prints in capitals."""
    short = "".join(letter for letter in mnemonic if not letter.islower())
    return short, mnemonic.upper()


_NODE = re.compile(r"(\[)?:?([A-Za-z*]\w*)(<n>)?(\])?")


@lru_cache(maxsize=1024)
def compile_header(pattern: str) -> re.Pattern[str]:
    """Compile a header as manuals print it, `[:SOURce<n>]:VOLTage[:LEVel]`; the groups are its suffixes.

    A node in brackets is optional; so is a numeric suffix, marked by `<n>`.
    """
    parts = []
    for opened, mnemonic, suffix, _closed in _NODE.findall(pattern):
        short, long = (re.escape(form) for form in forms(mnemonic))
        node = f":(?:{long}|{short})" + (r"(\d{0,3})" if suffix else "")
        parts.append(f"(?:{node})?" if opened else node)
    return re.compile("".join(parts) + "$", re.ASCII)


def split(text: str, separator: str) -> list[str]:
    """Split at a separator, except inside quotes or parentheses."""
    pieces, start, depth, quote = [], 0, 0, ""
    for index, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "()":
            depth = max(0, depth + (1 if letter == "(" else -1))
        elif letter == separator and not depth:
            pieces.append(text[start:index])
            start = index + 1
    if quote:
        raise ScpiError(-151)
    return [*pieces, text[start:]]


def parse(message: str) -> Iterator[Unit]:
    """Yield the units of a program message one at a time, so that the units before a mistake are executed.

    The path rule (SCPI-1999 volume 1, 6.2.4): a unit without a leading colon starts at the path of the header before
    it, without its last node; a leading colon starts at the root; common commands do not change the path.
    """
    path = ""
    for piece in split(message, ";"):
        if not (text := piece.strip()):
            continue
        match = _HEADER.match(text)
        if match is None:
            raise ScpiError(-102 if text.isascii() and text.isprintable() else -101)
        header, query = match[1].upper(), match[2] == "?"
        tokens = parameters(text[match.end() :])
        if header.startswith("*"):
            yield Unit(header, query, tokens, common=True)
            continue
        full = header if header.startswith(":") else f"{path}:{header}"
        path = full.rpartition(":")[0]
        yield Unit(full, query, tokens, relative="" if header.startswith(":") else f":{header}")


def parameters(text: str) -> tuple[Token, ...]:
    if not text.strip():
        return ()
    tokens = tuple(Token(piece.strip()) for piece in split(text, ","))
    if not all(token.text for token in tokens):
        raise ScpiError(-109 if tokens[-1].text == "" else -103)
    return tokens
