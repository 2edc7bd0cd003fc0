"""The limits and settings that a net of each type, and a serial line, may have, and the values that each may be."""

from collections.abc import Mapping
from typing import Any

from lager.contract import LIMITS
from lager.nets.checks.mistakes import Test
from lager.nets.model import NetType
from lager.nets.settings import serial_line
from lager.wording.values import shown

HIGHEST_LIMIT = 1e6  # volts, amperes or watts
_VOLTAGE, _CURRENT, _POWER = LIMITS
_LIMITS = {
    NetType.PowerSupply: (_VOLTAGE, _CURRENT, _POWER),
    NetType.Battery: (_VOLTAGE, _CURRENT),
    NetType.ELoad: (_VOLTAGE, _CURRENT, _POWER),
    NetType.DAC: (_VOLTAGE,),
}


def limits_of(type: NetType) -> tuple[str, ...]:
    """Return the keys of the limits that a net of this type may have."""
    return _LIMITS.get(type, ())


def settings_of(type: NetType) -> Mapping[str, Test]:
    """Return the settings of a net of this type, each with a function that raises ValueError for an invalid value."""
    return _OPTIONS[type]


def _one_of(*values: Any) -> Test:
    def test(value: Any) -> Any:
        if isinstance(value, bool) or value not in values:
            raise ValueError(f"should be one of {', '.join(map(str, values))}, not {shown(value)}")
        return value

    return test


def _whole(low: int, high: int) -> Test:
    def test(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"should be a whole number from {low} to {high}, not {shown(value)}")
        return value

    return test


def _true_or_false(value: object) -> object:
    if not isinstance(value, bool):
        raise ValueError(f"should be true or false, not {shown(value)}")
    return value


def _line_end(value: object) -> object:
    if value not in ("\n", "\r", "\r\n"):
        raise ValueError(f'should be "\\n", "\\r" or "\\r\\n", not {shown(value)}')
    return value


BYTES: dict[str, Test] = {
    "baudrate": _whole(50, 4_000_000),
    "bytesize": _one_of(5, 6, 7, 8),
    "parity": _one_of("N", "E", "O", "M", "S"),
    "stopbits": _one_of(1, 1.5, 2),
}
_UART: dict[str, Test] = {**BYTES, "flow_control": serial_line.flow_control}
SERIAL_LINE: dict[str, Test] = {**_UART, "read_termination": _line_end, "write_termination": _line_end}
_OPTIONS: dict[NetType, dict[str, Test]] = {
    NetType.PowerSupply: {"hardware_limits": _true_or_false},
    NetType.Battery: {},
    NetType.ELoad: {},
    NetType.DAC: {},
    NetType.GPIO: {"direction": _one_of("in")},
    NetType.ADC: {
        "range": _one_of(10, 1, 0.1, 0.01),
        "negative_channel": _whole(0, 13),
        "resolution": _whole(0, 12),
    },
    NetType.DMM: {},
    NetType.Thermocouple: {
        "kind": _one_of("E", "J", "K", "R", "S", "T"),
        "range": _one_of(10, 1, 0.1, 0.01),
        "negative_channel": _whole(0, 13),
        "resolution": _whole(0, 12),
    },
    NetType.Switch: {"unit": _whole(0, 247)},
    NetType.UART: _UART,
    NetType.SCPI: {"unlimited": _true_or_false, "error_queue": _true_or_false},
}
