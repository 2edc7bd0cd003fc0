"""Reads `safe` of a net: the settings that make it safe.

    safe = "off"                            # switch it off
    safe = {voltage = 0, output = "off"}    # these settings, in this order
    safe_after = "crash"                    # or "always": also after each release by a script
    safe_order = 1                          # nets of the instrument with a smaller number come first (default 0)

Nothing here can switch an output on. A dac is off at 0 V. A gpio line is off when nothing drives it high: a line that
is driven is driven low, and an input stays an input; "release" makes it an input. A switch is off when it is open.
"""

from collections.abc import Mapping
from typing import Any

from lager.nets.model import Limits, NetConfig, NetType, Safe
from lager.wording.values import number, shown

KEYS = ("safe", "safe_after", "safe_order")
AFTER = ("crash", "always")
ON_EXIT = "exit"  # for Net.get(off_on_exit=True); not possible in a nets file
_OFF = "off"
_OUTPUT = (("output", _OFF),)
OFF = {
    NetType.PowerSupply: _OUTPUT,
    NetType.Battery: _OUTPUT,
    NetType.ELoad: _OUTPUT,
    NetType.DAC: (("voltage", 0.0),),
    NetType.GPIO: _OUTPUT,
    NetType.Switch: _OUTPUT,
}
OUTPUTS = (NetType.PowerSupply, NetType.Battery, NetType.ELoad)  # switched off by `lager off` even without a safe state
_SETTINGS = {
    NetType.PowerSupply: ("voltage", "current", "output"),
    NetType.Battery: ("output",),
    NetType.ELoad: ("output",),
    NetType.DAC: ("voltage",),
    NetType.GPIO: ("level", "output"),
    NetType.Switch: ("output",),
}


def keys_of(type: NetType) -> tuple[str, ...]:
    """Return the keys about the safe state that a net of this type may have."""
    return KEYS if type in OFF else ()


def read(type: NetType, table: Mapping[str, Any], limits: Limits) -> Safe | None:
    """Return the safe state from `safe`, `safe_after` and `safe_order` of a net; None without them.

    Raises ValueError for the first mistake, as the key and the reason.
    """
    if "safe" not in table:
        if stray := next((key for key in KEYS if key in table), None):
            raise ValueError(stray, "needs a key safe in the same net")
        return None
    after, order = table.get("safe_after", AFTER[0]), table.get("safe_order", 0)
    if after not in AFTER:
        raise ValueError("safe_after", f'should be "crash" or "always", not {shown(after)}')
    if isinstance(order, bool) or not isinstance(order, int) or not -1000 <= order <= 1000:
        raise ValueError("safe_order", f"should be a whole number from -1000 to 1000, not {shown(order)}")
    return Safe(_settings(type, table["safe"], limits), after, order)


def beyond(net: NetConfig) -> tuple[str, str] | None:
    """Return the key of a safe setting that a net on the same terminal forbids, and the reason; None if none does."""
    for key, value in net.safe.settings if net.safe is not None else ():
        limit = net.limits.as_dict().get(f"max_{key}")
        if limit is not None and value > limit:
            other, source = net.bounded_by.get(f"max_{key}", (net.name, f"max_{key}"))
            return f"safe.{key}", f"{value:g} is over the limit of its terminal, {limit:g} ({source} of [nets.{other}])"
    if "direction" in net.bounded_by:
        return "safe", f'its line is never driven (direction = "in" of [nets.{net.bounded_by["direction"][0]}])'
    return None


def _settings(type: NetType, given: object, limits: Limits) -> tuple[tuple[str, Any], ...]:
    if given == _OFF:
        return OFF[type]
    if given == "release" and type is NetType.GPIO:
        return (("output", "release"),)
    allowed = _SETTINGS[type]
    if not isinstance(given, dict) or not given:
        words = '"off" or "release"' if type is NetType.GPIO else '"off"'
        raise ValueError("safe", f"should be {words}, or a table with {', '.join(allowed)}, not {shown(given)}")
    if unknown := next((key for key in given if key not in allowed), None):
        raise ValueError(f"safe.{unknown}", f"unknown key (known: {', '.join(allowed)})")
    return tuple((key, _setting(type, key, value, limits)) for key, value in given.items())


def _setting(type: NetType, key: str, value: object, limits: Limits) -> Any:
    if key == "output":
        words = (_OFF, "release") if type is NetType.GPIO else (_OFF,)
        if value not in words:
            raise ValueError("safe.output", f"should be {' or '.join(map(repr, words))}, not {shown(value)}")
        return value
    given = number(value)
    if key == "level":
        if given not in (0, 1):
            raise ValueError("safe.level", f"should be 0 or 1, not {shown(value)}")
        return int(given)
    highest = 5.0 if type is NetType.DAC else float("inf")
    highest = min(highest, limits.as_dict().get(f"max_{key}", highest))
    if given is None or not 0 <= given <= highest:
        up_to = "0 or more" if highest == float("inf") else f"from 0 to {highest:g}"
        raise ValueError(f"safe.{key}", f"should be a number {up_to}, not {shown(value)}")
    return given
