"""The requests to a paused script about a net, and its answers."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from lager.errors import Failed
from lager.nets.model import NetConfig, NetType
from lager.wording.text import printable

_STATES = {
    NetType.PowerSupply: ("lager.instruments.drivers.base.supply_state", "SupplyState"),
    NetType.Battery: ("lager.instruments.drivers.base.battery", "BatteryState"),
    NetType.ELoad: ("lager.instruments.drivers.loads.rigol_dl3000", "LoadState"),
    NetType.DMM: ("lager.instruments.drivers.base.dmm", "DmmState"),
    NetType.Switch: ("lager.instruments.drivers.base.switch", "SwitchState"),
}


def described(config: NetConfig) -> dict[str, Any]:
    """Return the description of this net for the script: its type and channel, and the limits of this nets file."""
    channel = {} if config.channel is None else {"channel": config.channel}
    direction = {"direction": "in"} if config.options.get("direction") == "in" else {}
    return {"type": config.type.value, **channel, **config.limits.as_dict(), **direction}


def read(type: NetType, answer: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the value or the state in an answer. The answer is checked, because a script can send anything."""
    try:
        value = answer.get("value")
        if "state" in answer:
            module, name = _STATES[type]
            value = getattr(import_module(module), name).from_plain(answer["state"])
            str(value)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise unreadable() from None
    if isinstance(value, str):
        value = printable(value)
    elif isinstance(value, list | dict):
        raise unreadable()
    return value, answer["id"]


def unreadable() -> Failed:
    return Failed(
        "The script's answer cannot be read.", "Check which version of lager the script uses: lager --version"
    )
