"""Finds nets that share a terminal, and applies the smallest limit of each kind to all of them.

A terminal is where the wires of a net go: a channel of a supply, a load or a DAC, whatever the nets file calls the net
and the instrument. The two roles of an instrument that is a supply or a battery share their terminal. Of several nets
on one digital line, a `direction = "in"` of one applies to all. A net without a safe state has that of another net on
its terminal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from lager.nets.model import Limits, NetConfig, NetType, Safe
from lager.nets.settings.safe import OFF

_OUTPUTS = frozenset((NetType.PowerSupply, NetType.Battery, NetType.ELoad))
_HIGHEST_VOLTAGE = 21.0  # of a battery; Keithley 2281S Reference Manual, 7-47

Terminal = tuple[str, str, int]


def terminal(net: NetConfig) -> Terminal | None:
    """Return the terminal of the net; None for a net type without limits."""
    if net.type in _OUTPUTS:
        return net.instrument.key, "output", net.channel or 1
    if net.type in (NetType.DAC, NetType.GPIO, NetType.Switch):
        return net.instrument.key, net.type.value, net.channel or 0
    return None


def place(net: NetConfig) -> str:
    """Return where the net is on its instrument, for a message and to compare: its type and its channel."""
    channel = f" on channel {net.channel}" if net.channel is not None else ""
    unit = f" of unit {net.options['unit']}" if "unit" in net.options else ""
    return f"a net of type {net.type.value}{channel}{unit}"


def bounded(nets: Mapping[str, NetConfig]) -> dict[str, NetConfig]:
    """Return the nets, each with the smallest limits of all nets on its terminal."""
    together: dict[Terminal | str, list[NetConfig]] = {}
    for net in nets.values():
        together.setdefault(terminal(net) or net.name, []).append(net)
    return {name: _bounded(net, together[terminal(net) or name]) for name, net in nets.items()}


def shared_limits(nets: Iterable[NetConfig]) -> list[str]:
    """Return a sentence for each net that has a limit from another net."""
    return [_sentence(net) for net in nets if net.bounded_by]


def _bounded(net: NetConfig, together: Iterable[NetConfig]) -> NetConfig:
    limits, by = net.limits.as_dict(), dict(net.bounded_by)
    options = dict(net.options)
    for other in together:
        for key, value in other.limits.as_dict().items():
            if value < limits.get(key, float("inf")):
                limits[key], by[key] = value, (other.name, key)
        if other.options.get("direction") == "in" and options.get("direction") != "in":
            options["direction"], by["direction"] = "in", (other.name, "direction")
    if net.type is NetType.Battery and "max_power" in limits:
        _as_current(limits, by)
    return replace(
        net, limits=Limits(**limits), options=MappingProxyType(options), bounded_by=MappingProxyType(by),
        safe=net.safe or _safe(net, together),
    )  # fmt: skip


def _safe(net: NetConfig, together: Iterable[NetConfig]) -> Safe | None:
    """Return the safe state of another net on the terminal. Of the other role of an instrument, only "off" applies."""
    others = [other for other in together if other.safe is not None]
    same = [other for other in others if other.type is net.type]
    off = [other for other in others if other.safe is not None and other.safe.settings == OFF.get(net.type)]
    return next((other.safe for other in [*same, *off]), None)


def _as_current(limits: dict[str, float], by: dict[str, tuple[str, str]]) -> None:
    """Replace max_power, which a battery does not have, by the current that gives this power at its highest voltage."""
    current = limits.pop("max_power") / limits.get("max_voltage", _HIGHEST_VOLTAGE)
    source = by.pop("max_power")
    if current < limits.get("max_current", float("inf")):
        limits["max_current"], by["max_current"] = current, source


def _sentence(net: NetConfig) -> str:
    others = sorted({name for name, _ in net.bounded_by.values()})
    parts = []
    for key, (name, source) in net.bounded_by.items():
        value = net.limits.as_dict().get(key, net.options.get(key))
        shown = f"{value:g}" if isinstance(value, float) else repr(value)
        parts.append(f"the {key} of {name}, {shown}" if source == key else f"{key} {shown} from the {source} of {name}")
    place = f"channel {net.channel} of {net.instrument.name}"
    return f"{net.name} shares a terminal with {', '.join(others)}, {place}: it keeps {', '.join(parts)}."
