"""The words for the settings of a serial line."""

from collections.abc import Mapping
from typing import Any

from lager.wording.values import shown

DEFAULT_BAUDRATE = 9600
PARITIES = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}
FLOW_CONTROLS = ("none", "xonxoff", "rtscts", "dsrdtr")  # all but the first as pyserial calls them


def flow_control(word: object) -> str:
    """Return one of FLOW_CONTROLS, which may be typed as RTS/CTS, too. Raises ValueError."""
    plain = word.lower().replace("/", "") if isinstance(word, str) else ""
    if plain not in FLOW_CONTROLS:
        raise ValueError(f"should be one of {', '.join(FLOW_CONTROLS)}, not {shown(word)}")
    return plain


def for_pyserial(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a line as pyserial takes them. What is named as pyserial names it counts before
    `flow_control`."""
    plain = dict(settings)
    chosen = plain.pop("flow_control", FLOW_CONTROLS[0])
    if chosen != FLOW_CONTROLS[0] and not any(plain.get(name) for name in FLOW_CONTROLS):
        plain.setdefault(chosen, True)
    return plain
