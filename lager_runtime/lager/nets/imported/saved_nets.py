"""Converts the `saved_nets.json` of the public lager project: a JSON list of nets, each an object such as

    {"name": "supply1", "role": "power-supply", "instrument": "Rigol_DP821",
     "address": "USB0::0x1AB1::0x0E11::DP8A204300001::INSTR", "pin": "1"}

The roles are those of its NetType.from_role. There, several nets name one instrument by repeating its address; here
they become one instrument. The result has a sentence for each thing that cannot be converted. Malformed input never
raises.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from lager.nets import catalog, resource
from lager.nets.checks.settings import limits_of
from lager.nets.imported import saved_settings
from lager.nets.model import NetType

_ROLES = {
    "power-supply": NetType.PowerSupply,
    "battery": NetType.Battery,
    "eload": NetType.ELoad,
    "adc": NetType.ADC,
    "dac": NetType.DAC,
    "gpio": NetType.GPIO,
    "thermocouple": NetType.Thermocouple,
    "uart": NetType.UART,
}
_BAUDRATE = 115200  # of a uart of that project without one; a nets file without one means 9600
_CARRIED = {"name", "role", "instrument", "address", "pin", "channel", "device_path"}
_HARMLESS = {"mappings", "scope_points", "location"}  # that project derives them from the fields above
_KNOWN = frozenset(_CARRIED | _HARMLESS)


class LostLimit(str):
    """A sentence that reports an error: the net would lose a limit that it has in `saved_nets.json`."""


class _Skip(Exception):
    """The reason why one net cannot be converted; a sentence without its subject."""


class _Import:
    def __init__(self) -> None:
        self.instruments: dict[str, tuple[str, str, resource.Resource]] = {}  # key: name, model, address
        self.nets: dict[str, list[str]] = {}
        self.taken: set[tuple[str, NetType]] = set()
        self.left_out: list[str] = []

    def take(self, position: int, entry: object) -> None:
        if not isinstance(entry, dict):
            self.left_out.append(f"Entry {position} is not a JSON object; it was left out.")
            return
        name = entry.get("name")
        label = f"{_shown(name)} (entry {position})"
        try:
            if not isinstance(name, str) or not name.strip() or not name.isprintable():
                raise _Skip("has no usable name")
            extra = self._net(name.strip(), entry)
        except _Skip as reason:
            self.left_out.append(f"{label} {reason}; it was left out.")
            return
        except saved_settings.UnusableLimit as reason:
            self.left_out.append(LostLimit(f"{label} {reason}; it was left out."))
            return
        if extra:
            fields = ", ".join(_shown(key) for key in extra)
            self.left_out.append(f"{label} was imported without its fields {fields}.")

    def _net(self, name: str, entry: Mapping[Any, Any]) -> list[str]:
        """Convert the net; return the fields that the nets file cannot have."""
        type = _type(entry.get("role"))
        called = name, type
        if called in self.taken:
            self._skip_second(entry, type)
        while name in self.nets:
            name = f"{name}-{type.value}"  # there names are unique per role, here in the whole file
        model, place = _instrument(type, entry)
        lines = [f"type = {_toml(type.value)}"]
        family = catalog.SERIAL if type is NetType.UART else catalog.find(model)
        if not family or type not in family.drivers:
            raise _Skip(f"is a {type.value} on a {model}, for which there is no driver")
        channel = _channel(entry, type, model, family)
        settings, left = saved_settings.read(entry, type, _KNOWN)
        if type is NetType.UART and not any("baud" in key.lower() for key in left):
            settings.setdefault("baudrate", _BAUDRATE)
        instrument = self._named(model, place, name if type is NetType.UART else "")
        lines.append(f"instrument = {_toml(instrument)}")
        if channel is not None:
            lines.append(f"channel = {channel}")
        lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        self.nets[name] = lines
        self.taken.add(called)
        return left

    def _skip_second(self, entry: Mapping[Any, Any], type: NetType) -> NoReturn:
        """Raise _Skip, or LostLimit if the entry has a limit that the earlier net may not have."""
        settings, _ = saved_settings.read(entry, type, _KNOWN)
        reason = "has the name and the role of an earlier net"
        if limits := sorted(set(settings) & set(limits_of(type))):
            raise saved_settings.UnusableLimit(f"{reason}, and the limit {limits[0]} = {settings[limits[0]]:g}")
        raise _Skip(reason)

    def _named(self, model: str, place: resource.Resource, preferred: str) -> str:
        if place.key in self.instruments:
            return self._known(model, place)
        base = preferred or re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
        taken = {name for name, _, _ in self.instruments.values()}
        number = 1
        name = base if preferred else f"{base}-{number}"
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        self.instruments[place.key] = (name, model, place)
        return name

    def _known(self, model: str, place: resource.Resource) -> str:
        """Return the name of the instrument that an earlier net has here. Raises _Skip if the models differ."""
        name, other, first = self.instruments[place.key]
        if place.reach is not first.reach:
            raise _Skip(f"is at {first.address}, which an earlier net reaches in another way")
        if place.reach is resource.Reach.SERIAL or catalog.is_model(model, other):
            return name
        if not catalog.is_model(other, model):
            raise _Skip(f"is a {model} at {place.address}, where an earlier net has a {other}")
        self.instruments[place.key] = (name, model, first)  # the shorter name, which matches both
        return name

    def render(self) -> str:
        parts = [
            f"[instruments.{_toml_key(name)}]\nmodel = {_toml(model)}\naddress = {_toml(place.address)}\n"
            for name, model, place in self.instruments.values()
        ]
        parts += [f"[nets.{_toml_key(name)}]\n" + "\n".join(lines) + "\n" for name, lines in self.nets.items()]
        return "\n".join(parts)


def convert(text: str) -> tuple[str, list[str]]:
    """Return the text of a nets.toml, and a sentence for each thing that could not be converted. Never raises.

    A sentence that is a LostLimit is an error: do not use the text then, because a net in it has lost a limit.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        return "", [f"The file is not JSON: {str(error)[:200]}. Nothing was imported."]
    if not isinstance(document, list):
        return "", ["The file is not a list of nets. Nothing was imported."]
    taken = _Import()
    for position, entry in enumerate(document, start=1):
        taken.take(position, entry)
    return taken.render(), taken.left_out


def _type(role: object) -> NetType:
    if not isinstance(role, str) or role not in _ROLES:
        raise _Skip(f"has the role {_shown(role)}, for which there is no net type")
    return _ROLES[role]


def _instrument(type: NetType, entry: Mapping[Any, Any]) -> tuple[str, resource.Resource]:
    model, address = entry.get("instrument"), entry.get("address")
    if not isinstance(model, str) or not model.strip() or not model.isprintable():
        raise _Skip("names no instrument")
    if type is NetType.UART:
        return model.strip(), _serial_place(entry)
    if address == "ANY":
        address = "usb"  # that project opens the first LabJack that it finds
    if not isinstance(address, str):
        raise _Skip(f"has the address {_shown(address)}, which is not text")
    try:
        place = resource.parse(address)
    except ValueError as error:
        raise _Skip(f"has an address that cannot be used: {error}") from None
    family = catalog.find(model)
    if family and place.reach not in family.reach:
        raise _Skip(f"has the address {_shown(address)}, by which a {model} cannot be reached")
    return catalog.plain(model), place


def _serial_place(entry: Mapping[Any, Any]) -> resource.Resource:
    # There the device of a uart is in `pin` (a path, or the serial number of its USB bridge) or in another field.
    for value in (entry.get("device_path"), entry.get("pin"), entry.get("address")):
        if isinstance(value, str) and value.startswith("/") and value.isprintable():
            return resource.parse(value)
    raise _Skip("does not give the path of its serial device (such as /dev/ttyUSB0)")


def _channel(entry: Mapping[Any, Any], type: NetType, model: str, family: catalog.Family) -> int | None:
    allowed = family.channels(model, type)
    if allowed is None or len(allowed) == 1:
        return None
    # There some models have a pin 0 in addition to the channel.
    given = [entry[key] for key in ("pin", "channel") if entry.get(key) not in (None, "")] or [None]
    channels = [channel for channel in (_channel_number(value, type) for value in given) if channel is not None]
    fitting = [channel for channel in channels if channel in allowed]
    if not channels:
        raise _Skip(f"has the pin {_shown(given[0])}, which is not a channel of a {model}")
    if not fitting:
        raise _Skip(f"has the pin {_shown(given[0])}, but a {model} has {allowed[0]} to {allowed[-1]}")
    return fitting[0]


def _channel_number(value: object, type: NetType) -> int | None:
    try:
        return catalog.channel_number(value, type)
    except ValueError:
        return None


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _toml(text: str) -> str:
    return json.dumps(
        text, ensure_ascii=False
    )  # for printable characters, JSON strings and TOML basic strings are the same


def _toml_key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)
