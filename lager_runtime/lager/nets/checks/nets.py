"""Reads the nets of a nets file, on the instruments that it describes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lager.nets import catalog, resource
from lager.nets.catalog import SERIAL
from lager.nets.checks.instruments import family_at, is_at, is_visa
from lager.nets.checks.mistakes import Mistakes, number_between, option, suggestion, text
from lager.nets.checks.settings import HIGHEST_LIMIT, limits_of, settings_of
from lager.nets.model import Instrument, Limits, NetConfig, NetType, Safe
from lager.nets.settings import safe, watchdogs


def read_net(
    name: str, table: dict[str, Any], instruments: Mapping[str, Instrument], named: set[str], mistakes: Mistakes
) -> NetConfig | None:
    prefix = f"nets.{name}."
    before = len(mistakes)
    type = _type(prefix + "type", table, mistakes)
    instrument = _used_instrument(prefix + "instrument", table, instruments, named, mistakes)
    mistakes.unknown(prefix, table, _keys_of(type) if type else _keys_of_any())
    if not type:
        return None
    channel = _channel(prefix, table, type, instrument, mistakes) if instrument else None
    limits = {
        key: number_between(prefix + key, table[key], mistakes, 0, HIGHEST_LIMIT)
        for key in limits_of(type)
        if key in table
    }
    options = {
        key: option(prefix + key, table[key], test, mistakes) for key, test in settings_of(type).items() if key in table
    }
    if "unit" in options and instrument:
        on_line = is_at(instrument, resource.Reach.RTU)
        if not on_line and not is_at(instrument, resource.Reach.MODBUS):
            mistakes.add(prefix + "unit", "is a setting of a Modbus device")
        if on_line and options["unit"] == 0:
            mistakes.add(prefix + "unit", "0 addresses all devices on a serial line, and none of them answers")
    if len(mistakes) > before or not instrument:
        return None
    bounds = Limits(**limits)
    state = _safe(prefix, type, table, bounds, mistakes)
    keepalive, deadman = _watchdogs(prefix, type, table, instrument, mistakes)
    return NetConfig(
        name, type, instrument, channel, bounds, MappingProxyType(options),
        safe=state, keepalive=keepalive, deadman=deadman,
    )  # fmt: skip


def _keys_of(type: NetType) -> tuple[str, ...]:
    return ("type", "instrument", "channel", *limits_of(type), *settings_of(type), *safe.keys_of(type), *watchdogs.KEYS)


def _watchdogs(
    prefix: str, type: NetType, table: dict[str, Any], instrument: Instrument, mistakes: Mistakes
) -> tuple[float, int]:
    guarding = ", ".join(catalog.guarding_models())
    try:
        return watchdogs.read(type, table, instrument.model, family_at(instrument).guarded, guarding)
    except ValueError as error:
        key, reason = error.args
        mistakes.add(prefix + key, reason)
        return 0.0, 0


def _keys_of_any() -> list[str]:
    return sorted({key for type in NetType for key in _keys_of(type)})


def _safe(prefix: str, type: NetType, table: dict[str, Any], limits: Limits, mistakes: Mistakes) -> Safe | None:
    if type is NetType.GPIO and table.get("direction") == "in" and "safe" in table:
        mistakes.add(prefix + "safe", 'an input is never driven (direction = "in"), so it has no safe state')
        return None
    try:
        return safe.read(type, table, limits)
    except ValueError as error:
        key, reason = error.args
        mistakes.add(prefix + key, reason)
        return None


def _type(key: str, table: dict[str, Any], mistakes: Mistakes) -> NetType | None:
    word = text(key, table, mistakes)
    values = [member.value for member in NetType]
    if word and word not in values:
        mistakes.add(key, f"{word!r} is not a net type{suggestion(word, values)}")
    return NetType(word) if word in values else None


def _used_instrument(
    key: str, table: dict[str, Any], instruments: Mapping[str, Instrument], named: set[str], mistakes: Mistakes
) -> Instrument | None:
    name = text(key, table, mistakes)
    # For an instrument that has a mistake of its own, the mistake has already been added.
    if name and name not in named:
        mistakes.add(key, f"there is no [instruments.{name}]{suggestion(name, sorted(named))}")
    return instruments.get(name) if name else None


def _channel(
    prefix: str, table: dict[str, Any], type: NetType, instrument: Instrument, mistakes: Mistakes
) -> int | None:
    family = family_at(instrument)
    if type is NetType.SCPI and is_visa(instrument):
        family = catalog.SCPI
    if type not in family.drivers:
        scpi_too = {NetType.SCPI} if is_visa(instrument) else set()
        offered = ", ".join(member.value for member in NetType if member in {*family.drivers, *scpi_too})
        reason = f"a {instrument.model} has no {type.value} nets; it has: {offered}"
        if family is SERIAL and (scpi := catalog.find(instrument.model)) and type in scpi.drivers:
            wanted = f"ASRL{instrument.address}::INSTR"
            reason = f"a {type.value} on a serial port needs the address {wanted!r} in [instruments.{instrument.name}]"
        mistakes.add(prefix + "type", reason)
        return None
    allowed = family.channels(instrument.model, type)
    given = table.get("channel")
    if allowed is None or (given is None and len(allowed) == 1):
        if given is not None:
            mistakes.add(prefix + "channel", f"a net of type {type.value} on {instrument.name} has no channel")
        return allowed[0] if allowed else None
    if given is None:
        mistakes.add(prefix + "channel", f"is missing; a {instrument.model} has {allowed[0]} to {allowed[-1]}")
        return None
    return _allowed_channel(prefix + "channel", given, type, instrument, allowed, mistakes)


def _allowed_channel(
    key: str, given: object, type: NetType, instrument: Instrument, allowed: range, mistakes: Mistakes
) -> int | None:
    try:
        channel = catalog.channel_number(given, type)
    except ValueError as error:
        mistakes.add(key, str(error))
        return None
    if channel not in allowed:
        mistakes.add(key, f"{given!r} is out of range; a {instrument.model} has {allowed[0]} to {allowed[-1]}")
        return None
    return channel
