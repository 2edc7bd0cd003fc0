"""Checks a nets file key by key, and collects every mistake instead of stopping at the first."""

import os
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from lager.contract import LIMITS
from lager.nets import catalog, lines, own_drivers, resource, safe, terminals, watchdogs
from lager.nets.catalog import SERIAL, Family
from lager.nets.model import ANSWER_TIMEOUT, Instrument, Limits, NetConfig, NetType, Safe
from lager.wording.text import printable, similar
from lager.wording.values import number, shown

_VOLTAGE, _CURRENT, _POWER = LIMITS
_LIMITS = {
    NetType.PowerSupply: (_VOLTAGE, _CURRENT, _POWER),
    NetType.Battery: (_VOLTAGE, _CURRENT),
    NetType.ELoad: (_VOLTAGE, _CURRENT, _POWER),
    NetType.DAC: (_VOLTAGE,),
}


class Mistakes(list[str]):
    def add(self, key: str, reason: str) -> None:
        self.append(printable(f"{key}: {reason}", 1000))  # keys are user input

    def unknown(self, prefix: str, given: Iterable[str], known: Iterable[str]) -> None:
        names = list(known)
        for key in (key for key in given if key not in names):
            self.add(f"{prefix}{key}", f"unknown key{_meant(key, names)}")


def _meant(word: object, known: Iterable[str]) -> str:
    names = list(known)
    close = similar(word, names)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(names) or 'none'})"


HIGHEST_LIMIT = 1e6  # volts, amperes or watts


def limits_of(type: NetType) -> tuple[str, ...]:
    """Return the keys of the limits that a net of this type may have."""
    return _LIMITS.get(type, ())


def settings_of(type: NetType) -> Mapping[str, "Test"]:
    """Return the settings of a net of this type, each with a function that raises ValueError for an invalid value."""
    return _OPTIONS[type]


def check(
    document: Mapping[str, Any], where: str = "", bench: str = ""
) -> tuple[dict[str, Instrument], dict[str, NetConfig], list[str]]:
    """Return the instruments and nets of a parsed file, and a sentence for each mistake in it. `where` is its path,
    `bench` the name of its bench."""
    mistakes = Mistakes()
    mistakes.unknown("", document, ("instruments", "nets", "drivers", "simulate", "bench"))
    if not isinstance(document.get("simulate", {}), dict):  # what is in it matters only to the simulation
        mistakes.add("simulate", "should be a table [simulate]")
    if "drivers" in document:
        _drivers(document["drivers"], where, mistakes)
    tables = {kind: _tables(document, kind, mistakes) for kind in ("instruments", "nets")}
    by_scpi = [table for table in tables["nets"].values() if table.get("type") == NetType.SCPI.value]
    any_model = {str(table.get("instrument")) for table in by_scpi}
    found = {
        name: _instrument(name, table, mistakes, any_model=name in any_model, bench=bench)
        for name, table in tables["instruments"].items()
    }
    instruments = {name: instrument for name, instrument in found.items() if instrument}
    nets = {}
    for name, table in tables["nets"].items():
        if net := _net(name, table, instruments, set(found), mistakes):
            nets[name] = net
    # The mistake of an instrument with an invalid address has already been added.
    bounded = terminals.bounded({name: net for name, net in nets.items() if _has_place(net.instrument)})
    for name, net in bounded.items():
        # Of a net that has the safe state of another one, the mistake is in that one.
        if nets[name].safe is not None and (mistake := safe.beyond(net)):
            mistakes.add(f"nets.{name}.{mistake[0]}", mistake[1])
    _refuse_unlimited(bounded, mistakes)
    return instruments, bounded, mistakes


def _drivers(folder: object, where: str, mistakes: Mistakes) -> None:
    """Load the drivers in the folder that the file names, relative to its own."""
    if not isinstance(folder, str) or not folder.strip() or not folder.isprintable():
        mistakes.add("drivers", f"should be the path of a folder, not {shown(folder)}")
        return
    try:
        own_drivers.read_folder(os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(where)), folder)))
    except ValueError as error:
        mistakes.add("drivers", str(error))


def _refuse_unlimited(nets: Mapping[str, NetConfig], mistakes: Mistakes) -> None:
    """Add a mistake for each scpi net beside a net with a limit or a safe state, which it would bypass."""
    for net in nets.values():
        if net.type is not NetType.SCPI or net.options.get("unlimited") or not _is_visa(net.instrument):
            continue
        others = [other for other in nets.values() if _is_visa(other.instrument)]
        here = [other for other in others if other.instrument.key == net.instrument.key]
        guarded = [other.name for other in here if other.limits.as_dict() or other.safe is not None]
        if guarded:
            reason = f"an scpi net bypasses the limits and the safe state of {', '.join(guarded)}"
            mistakes.add(f"nets.{net.name}.type", f"{reason}; add unlimited = true if that is meant")


def _tables(document: Mapping[str, Any], kind: str, mistakes: Mistakes) -> dict[str, dict[str, Any]]:
    section = document.get(kind, {})
    if not isinstance(section, dict):
        mistakes.add(kind, f"should be tables [{kind}.NAME]")
        return {}
    for name, table in section.items():
        if not isinstance(table, dict):
            mistakes.add(f"{kind}.{name}", f"should be a table [{kind}.{name}]")
    return {name: table for name, table in section.items() if isinstance(table, dict)}


def _instrument(
    name: str, table: dict[str, Any], mistakes: Mistakes, *, any_model: bool, bench: str
) -> Instrument | None:
    """Return the instrument, or None if its model is unknown; `any_model` is known where an scpi net uses it."""
    prefix = f"instruments.{name}."
    address = _text(prefix + "address", table, mistakes)
    place = _place(prefix + "address", address, mistakes) if address else None
    serial = place is not None and place.reach is resource.Reach.SERIAL
    mistakes.unknown(prefix, table, ("model", "address", "timeout", *_SERIAL_LINE))
    serial_line = _serial_line(prefix, table, place, mistakes)
    model = "serial" if serial and "model" not in table else _text(prefix + "model", table, mistakes)
    any_model = any_model and place is not None and place.reach is resource.Reach.VISA
    if model and not serial and not (any_model and not catalog.find(model)):
        _check_model(prefix, model, place, mistakes)
    timeout = _number(prefix + "timeout", table.get("timeout", ANSWER_TIMEOUT), mistakes, 0.01, 120)
    if not model or not (serial or any_model or catalog.find(model)):
        return None
    # Even after another mistake: its nets can then be checked against its model. The file is rejected anyway.
    return Instrument(name, model, address or "", timeout or ANSWER_TIMEOUT, serial_line, bench)


def _serial_line(
    prefix: str, table: dict[str, Any], place: resource.Resource | None, mistakes: Mistakes
) -> Mapping[str, Any]:
    given = {
        key: _option(prefix + key, table[key], test, mistakes) for key, test in _SERIAL_LINE.items() if key in table
    }
    if place and place.reach is resource.Reach.RTU:
        for key in given.keys() - _BYTES.keys():
            mistakes.add(prefix + key, "is a setting of lines of text, and Modbus RTU sends none")
    if place and not place.is_serial_line:
        where = "of a net of type uart" if place.reach is resource.Reach.SERIAL else "of an ASRL/dev/NAME::INSTR"
        for key in given:
            mistakes.add(prefix + key, f"is a setting {where}, not of {place.address!r}")
    return MappingProxyType(given)


def _check_model(prefix: str, model: str, place: resource.Resource | None, mistakes: Mistakes) -> None:
    family = catalog.find(model)
    if not family:
        failed = "".join(f"; {one.where} cannot be used: {one.reason.rstrip('.')}" for one in own_drivers.broken())
        meant = _meant(model, catalog.known_models())
        mistakes.add(prefix + "model", f"there is no driver for {model!r}{meant}{failed}")
    elif place and place.reach not in family.reach:
        wanted = " or ".join(sorted(reach.value for reach in family.reach))
        mistakes.add(prefix + "address", f"{place.address!r} is {place.reach.value}, but a {model} needs {wanted}")


def _place(key: str, address: str, mistakes: Mistakes) -> resource.Resource | None:
    try:
        return resource.parse(address)
    except ValueError as error:
        mistakes.add(key, str(error))
        return None


def _net(
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
        key: _number(prefix + key, table[key], mistakes, 0, HIGHEST_LIMIT) for key in limits_of(type) if key in table
    }
    options = {
        key: _option(prefix + key, table[key], test, mistakes) for key, test in _OPTIONS[type].items() if key in table
    }
    if "unit" in options and instrument:
        on_line = _is(instrument, resource.Reach.RTU)
        if not on_line and not _is(instrument, resource.Reach.MODBUS):
            mistakes.add(prefix + "unit", "is a setting of a Modbus device")
        if on_line and options["unit"] == 0:
            mistakes.add(prefix + "unit", "0 is all the devices on a serial line, and none of them answers")
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
    return ("type", "instrument", "channel", *limits_of(type), *_OPTIONS[type], *safe.keys_of(type), *watchdogs.KEYS)


def _watchdogs(
    prefix: str, type: NetType, table: dict[str, Any], instrument: Instrument, mistakes: Mistakes
) -> tuple[float, int]:
    guarding = ", ".join(catalog.guarding_models())
    try:
        return watchdogs.read(type, table, instrument.model, _family(instrument).guarded, guarding)
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
    word = _text(key, table, mistakes)
    values = [member.value for member in NetType]
    if word and word not in values:
        mistakes.add(key, f"{word!r} is not a net type{_meant(word, values)}")
    return NetType(word) if word in values else None


def _used_instrument(
    key: str, table: dict[str, Any], instruments: Mapping[str, Instrument], named: set[str], mistakes: Mistakes
) -> Instrument | None:
    name = _text(key, table, mistakes)
    # For an instrument that has a mistake of its own, the mistake has already been added.
    if name and name not in named:
        mistakes.add(key, f"there is no [instruments.{name}]{_meant(name, sorted(named))}")
    return instruments.get(name) if name else None


def _has_place(instrument: Instrument) -> bool:
    return any(_is(instrument, reach) for reach in resource.Reach)


def _is_visa(instrument: Instrument) -> bool:
    return _is(instrument, resource.Reach.VISA)


def _is(instrument: Instrument, reach: resource.Reach) -> bool:
    try:
        return instrument.resource.reach is reach
    except ValueError:  # the mistake has already been added
        return False


def _family(instrument: Instrument) -> Family:
    try:
        if instrument.resource.reach is resource.Reach.SERIAL:
            return SERIAL
    except ValueError:  # the mistake has already been added; the model still says which nets it has
        pass
    return catalog.find(instrument.model) or catalog.SCPI  # checked by _check_model


def _channel(
    prefix: str, table: dict[str, Any], type: NetType, instrument: Instrument, mistakes: Mistakes
) -> int | None:
    family = _family(instrument)
    if type is NetType.SCPI and _is_visa(instrument):
        family = catalog.SCPI
    if type not in family.drivers:
        scpi_too = {NetType.SCPI} if _is_visa(instrument) else set()
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


def _text(key: str, table: dict[str, Any], mistakes: Mistakes) -> str | None:
    value = table.get(key.rpartition(".")[2])
    if value is None:
        mistakes.add(key, "is missing")
    elif not isinstance(value, str) or not value.strip() or not value.isprintable():
        mistakes.add(key, f"should be text, not {shown(value)}")
    else:
        return value.strip()
    return None


def _number(key: str, value: Any, mistakes: Mistakes, low: float, high: float) -> float | None:
    given = number(value)
    if given is None:
        mistakes.add(key, f"should be a number, not {shown(value)}")
    elif not low < given <= high:
        mistakes.add(key, f"should be above {low:g} and at most {high:g}, not {given:g}")
    else:
        return given
    return None


Test = Callable[[Any], Any]


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


def _option(key: str, value: object, test: Test, mistakes: Mistakes) -> Any:
    try:
        return test(value)
    except ValueError as error:
        mistakes.add(key, str(error))
        return None


def _true_or_false(value: object) -> object:
    if not isinstance(value, bool):
        raise ValueError(f"should be true or false, not {shown(value)}")
    return value


def _line_end(value: object) -> object:
    if value not in ("\n", "\r", "\r\n"):
        raise ValueError(f'should be "\\n", "\\r" or "\\r\\n", not {shown(value)}')
    return value


_BYTES: dict[str, Test] = {
    "baudrate": _whole(50, 4_000_000),
    "bytesize": _one_of(5, 6, 7, 8),
    "parity": _one_of("N", "E", "O", "M", "S"),
    "stopbits": _one_of(1, 1.5, 2),
}
_UART: dict[str, Test] = {**_BYTES, "flow_control": lines.flow_control}
_SERIAL_LINE: dict[str, Test] = {**_UART, "read_termination": _line_end, "write_termination": _line_end}
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
