"""Reads the instruments of a nets file."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lager.nets import catalog, own_drivers, resource
from lager.nets.catalog import SERIAL, Family
from lager.nets.checks.mistakes import Mistakes, number_between, option, suggestion, text
from lager.nets.checks.settings import BYTES, SERIAL_LINE
from lager.nets.model import ANSWER_TIMEOUT, Instrument


def read_instrument(
    name: str, table: dict[str, Any], mistakes: Mistakes, *, any_model: bool, bench: str
) -> Instrument | None:
    """Return the instrument, or None if its model is unknown; `any_model` is known where an scpi net uses it."""
    prefix = f"instruments.{name}."
    address = text(prefix + "address", table, mistakes)
    place = _place(prefix + "address", address, mistakes) if address else None
    serial = place is not None and place.reach is resource.Reach.SERIAL
    mistakes.unknown(prefix, table, ("model", "address", "timeout", *SERIAL_LINE))
    serial_line = _serial_line(prefix, table, place, mistakes)
    model = "serial" if serial and "model" not in table else text(prefix + "model", table, mistakes)
    any_model = any_model and place is not None and place.reach is resource.Reach.VISA
    if model and not serial and not (any_model and not catalog.find(model)):
        _check_model(prefix, model, place, mistakes)
    timeout = number_between(prefix + "timeout", table.get("timeout", ANSWER_TIMEOUT), mistakes, 0.01, 120)
    if not model or not (serial or any_model or catalog.find(model)):
        return None
    # Even after another mistake: its nets can then be checked against its model. The file is rejected anyway.
    return Instrument(name, model, address or "", timeout or ANSWER_TIMEOUT, serial_line, bench)


def _serial_line(
    prefix: str, table: dict[str, Any], place: resource.Resource | None, mistakes: Mistakes
) -> Mapping[str, Any]:
    given = {key: option(prefix + key, table[key], test, mistakes) for key, test in SERIAL_LINE.items() if key in table}
    if place and place.reach is resource.Reach.RTU:
        for key in given.keys() - BYTES.keys():
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
        meant = suggestion(model, catalog.known_models())
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


def has_place(instrument: Instrument) -> bool:
    return any(is_at(instrument, reach) for reach in resource.Reach)


def is_visa(instrument: Instrument) -> bool:
    return is_at(instrument, resource.Reach.VISA)


def is_at(instrument: Instrument, reach: resource.Reach) -> bool:
    try:
        return instrument.resource.reach is reach
    except ValueError:  # the mistake has already been added
        return False


def family_at(instrument: Instrument) -> Family:
    try:
        if instrument.resource.reach is resource.Reach.SERIAL:
            return SERIAL
    except ValueError:  # the mistake has already been added; the model still says which nets it has
        pass
    return catalog.find(instrument.model) or catalog.SCPI  # checked by _check_model
