"""Converts the limits and settings of a net of the public lager project to keys of the nets file.

There limits are in `safety_limits` (`max_voltage`, `max_current`, `allow_destructive`) and the settings of a uart in
`params`; both may also be at the top level of the net. Names may be spelled max_voltage, maxVoltage or max-voltage.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lager.nets.checks.settings import HIGHEST_LIMIT, limits_of, settings_of
from lager.nets.model import NetType
from lager.nets.settings import serial_line
from lager.wording.values import number, shown

_TABLES = ("safety_limits", "params")
_OTHER_NAMES = {
    "voltage_max": "max_voltage",
    "voltage_limit": "max_voltage",
    "current_max": "max_current",
    "current_limit": "max_current",
    "power_max": "max_power",
    "power_limit": "max_power",
    "baud": "baudrate",
    "baud_rate": "baudrate",
    "data_bits": "bytesize",
    "stop_bits": "stopbits",
    "resolution_index": "resolution",
    "negative": "negative_channel",
}
_LIMIT_WORDS = {
    "max", "maximum", "min", "minimum", "limit", "limits", "safety", "ovp", "ocp", "ceiling", "allow", "vmax", "imax",
    "pmax", "vlimit", "ilimit", "vlim", "ilim", "clamp", "compliance", "cutoff", "protection", "overvoltage",
    "overcurrent", "overpower",
}  # fmt: skip
_DEEPEST = 8  # tables in tables
_UNITS = {"v", "a", "w", "volt", "volts", "ampere", "amperes", "amp", "amps", "watt", "watts"}  # those of our limits


class UnusableLimit(Exception):
    """A limit that the nets file cannot keep; a sentence without its subject."""


def read(entry: Mapping[Any, Any], type: NetType, known: frozenset[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the limits and settings of an entry as keys of the nets file, and the fields that were not converted.

    `known` are the fields that every entry has. Raises UnusableLimit for a limit that a net of this type cannot have.
    """
    taken: dict[str, Any] = {}
    left: list[str] = []
    unit = ""
    for key in known & entry.keys():
        if isinstance(entry[key], dict | list) and _names_limit("", entry[key]):
            raise UnusableLimit(f"has a limit in {_shown(key, entry[key])}, which is not imported from there")
    for place, key, value in _given(entry, known):
        name, value = _named(key, value)
        if value in (None, "", [], {}):
            continue
        if name in limits_of(type):
            limit = _amount(key, value)
            taken[name] = min(limit, taken.get(name, limit))
        elif place == "safety_limits" or _names_limit(key, value):
            # lager never erases or flashes a device, so this limit is kept whatever its value.
            if name != "allow_destructive" or not isinstance(value, bool):
                raise UnusableLimit(f"has the limit {_shown(key, value)}, which a net of type {type.value} cannot keep")
        elif name not in taken and (fit := _setting(type, name, value)) is not None:
            taken[name] = fit
        else:
            left.append(key)
            unit = _shown(key, value) if _is_other_unit(key, value) else unit
    if unit and (limits := sorted(taken.keys() & limits_of(type))):
        raise UnusableLimit(f"has the limit {limits[0]} and {unit}, but limits are in V, A and W")
    return taken, sorted(left)


def _is_other_unit(key: str, value: object) -> bool:
    """Return whether the field names a unit in which a limit would have another meaning here."""
    return bool({"unit", "units", "scale"} & {*_snake(key).split("_")}) and str(value).strip().lower() not in _UNITS


def _given(entry: Mapping[Any, Any], known: frozenset[str]) -> Iterator[tuple[str, str, Any]]:
    """Yield table (or an empty string), key and value of all other fields than the known ones."""
    for key, value in entry.items():
        if key in known:
            continue
        if _snake(key) in _TABLES and isinstance(value, dict):
            yield from ((_snake(key), inner, value[inner]) for inner in value)
        else:
            yield ("", key, value)


def _named(key: str, value: Any) -> tuple[str, Any]:
    """Return the key of the nets file for a field, and its value. The key is None if the field is no longer used."""
    name = _OTHER_NAMES.get(_snake(key), _snake(key))
    if name in serial_line.FLOW_CONTROLS and isinstance(value, bool):
        return "flow_control", name if value else None
    return name, value


def _snake(key: str) -> str:
    """Return max_voltage for max_voltage, maxVoltage, MAX-VOLTAGE and "max voltage"."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()).strip("_")


def _names_limit(key: str, value: object, depth: int = 0) -> bool:
    """Return whether the key says that the value is a limit, or whether a table or a list in it contains one."""
    words = set(_snake(key).split("_"))
    if _LIMIT_WORDS & words or {"over"} < words & {"over", "voltage", "current", "power"} or depth > _DEEPEST:
        return True
    if isinstance(value, dict):
        return any(_names_limit(str(inner), value[inner], depth + 1) for inner in value)
    return isinstance(value, list) and any(_names_limit("", inner, depth + 1) for inner in value)


def _amount(key: str, value: object) -> float:
    text = value if isinstance(value, str) and re.fullmatch(r"\s*\d{1,9}(\.\d{1,9})?\s*", value, re.ASCII) else None
    amount = number(float(text)) if text else number(value)
    if amount is None or not 0 < amount <= HIGHEST_LIMIT:
        raise UnusableLimit(f"has the limit {_shown(key, value)}, which is not a number above 0")
    return amount


def _setting(type: NetType, name: str, value: Any) -> Any:
    """Return the value as the nets file writes it; None if the net type has no such setting or value."""
    test = settings_of(type).get(name)
    for spelling in _spellings(name, value) if test else ():
        try:
            return test(spelling) if test else None
        except ValueError:
            continue
    return None


def _spellings(name: str, value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, str):
        text = value.strip()
        yield serial_line.PARITIES.get(text.lower(), text.upper()) if name == "parity" else text.lower()
        if name == "negative_channel" and re.fullmatch(r"AIN\d{1,2}", text, re.IGNORECASE | re.ASCII):
            yield int(text[3:])
        if re.fullmatch(r"\d{1,8}", text, re.ASCII):
            yield int(text)
        if re.fullmatch(r"\d{1,3}\.\d{1,3}", text, re.ASCII):
            yield float(text)
    elif isinstance(value, float) and value.is_integer():
        yield int(value)


def _shown(key: str, value: object) -> str:
    return f"{shown(key)[1:-1]} = {shown(value)}"
