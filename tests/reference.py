"""Writes docs/api.md from the docstrings of the package: `python -m tests.reference` from the top folder."""

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import lager
from lager import errors
from lager.instruments.net import Net
from lager.nets import catalog
from lager.nets.model import NetType

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
UNITS = (
    ("ampere-hours", "Ah"), ("percent", "%"), (" %", "%"), ("volts", "V"), ("amperes", "A"), ("watts", "W"),
    ("ohms", "Ω"), ("hertz", "Hz"), ("degrees celsius", "°C"), ("seconds", "s"),
)  # fmt: skip
MODULES = {
    NetType.PowerSupply: ("base.supply", "Supply"),
    NetType.Battery: ("batteries.keithley_2281s", "Battery"),
    NetType.ELoad: ("loads.rigol_dl3000", "Load"),
    NetType.ADC: ("data_acquisition.labjack_t7", "Adc"),
    NetType.DAC: ("data_acquisition.labjack_t7", "Dac"),
    NetType.GPIO: ("data_acquisition.labjack_t7", "Gpio"),
    NetType.Switch: ("base.switch", "Switch"),
    NetType.DMM: ("base.dmm", "Dmm"),
    NetType.Thermocouple: ("data_acquisition.labjack_t7", "Thermocouple"),
    NetType.UART: ("serial_port", "Uart"),
    NetType.SCPI: ("scpi_net", "ScpiNet"),
}
ANY = {NetType.UART: "any serial device", NetType.SCPI: "any at a VISA address"}
COMMON = ("close", "is_open", "name", "type", "channel")
HEAD = """# The Python interface

This page is generated from the docstrings of the package. `help()` in a console shows them in full.

A method that measures is named after the quantity: `voltage()` and `measured_voltage()` of a supply, `input()` of an
adc. A method that sets a value returns the readback of the instrument: `set_voltage(3.3)`, or a method with an optional
value, such as `soc(80)`. To read a setting without changing it, use `state()`, or the method without a value.

Before anything is sent, a method that sets a value raises `InvalidArgument` if the value is not valid, or
`LimitExceeded` if it exceeds a limit of the nets file. It raises `Rejected` if the instrument does not accept the
value. Every method that talks to an instrument may also raise `InstrumentError` or another of its subclasses, such as
`InstrumentUnreachable`, `InstrumentTimeout` and `BadReply`. They are in `lager.errors`; the base class of all errors of
lager is `LagerError`.

## lager

| name | what it does | raises |
|---|---|---|
"""


EVERY_NET = """## Every net

A net is a context manager: the end of its `with` block closes it.

| name | what it does |
|---|---|"""


def _first_sentence(text: str) -> str:
    whole = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<=[.])\s(?=[A-Z])", whole)[0].replace("|", "\\|")


def _unit(name: str, text: str) -> str:
    sentence = _first_sentence(text).lower()
    return next((unit for word, unit in UNITS if word in sentence), "")


def _raises(text: str) -> str:
    known = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    found = [word for word in re.findall(r"\b[A-Z]\w+\b", text) if word in known and word != "InstrumentError"]
    return ", ".join(f"`{name}`" for name in dict.fromkeys(found))


def _signature(name: str, member: Any) -> str:
    if isinstance(member, property):
        return f"`.{name}`"
    try:
        given = [one for one in inspect.signature(member).parameters.values() if one.name != "self"]
    except ValueError:
        given = []
    words = [
        f"**{one.name}" if one.kind is one.VAR_KEYWORD else one.name + ("" if one.default is one.empty else "=…")
        for one in given
    ]
    return f"`{name}({', '.join(words)})`"


def _text(driver: type, name: str, member: Any) -> str:
    text = inspect.getdoc(member)
    if text is None:  # a property without one
        text = {
            "name": "The name of the net.",
            "type": "The NetType of the net.",
            "channel": "Its channel; 0 if none.",
        }[name]
    return text


def _table(driver: type) -> list[str]:
    lines = ["| method | unit | what it does | raises |", "|---|---|---|---|"]
    for name in public(driver):
        if name in COMMON:
            continue
        member = inspect.getattr_static(driver, name)
        text = _text(driver, name, member)
        like = re.search(r"Raises like (\w+)", text)
        other = inspect.getdoc(getattr(driver, like[1], None)) or "" if like else ""
        row = (_signature(name, member), _unit(name, text), _first_sentence(text), _raises(f"{text} {other}"))
        lines.append("| " + " | ".join(row) + " |")
    return lines


def public(driver: type) -> list[str]:
    from lager.instruments.drivers.base.driver import public_names

    return public_names(driver)


def classes() -> dict[NetType, type]:
    found = {}
    for type, (module, name) in MODULES.items():
        found[type] = getattr(importlib.import_module(f"lager.instruments.drivers.{module}"), name)
    return found


def written() -> str:
    """Return the text of the page."""
    lines = []
    for name in dir(lager):
        member = getattr(lager, name)
        text = inspect.getdoc(member) or ""
        called = _signature(name, member) if inspect.isfunction(member) else f"`{name}`"
        if inspect.isclass(member) and issubclass(member, errors.LagerError):
            told = re.search(rf"\b{name} +(.*)", errors.__doc__ or "")  # in the tree of the errors
            text = f"Error: {told[1]}." if told else text
        lines.append(f"| {called} | {_first_sentence(text)} | {_raises(text) if callable(member) else ''} |")
    parts = [HEAD + "\n".join(lines), "## Net\n\n| method | what it does | raises |\n|---|---|---|"]
    for name in dir(Net):
        member = inspect.unwrap(getattr(Net, name))
        text = inspect.getdoc(member) or ""
        parts[-1] += f"\n| {_signature(name, member)} | {_first_sentence(text)} | {_raises(text)} |"
    drivers = classes()
    some = next(iter(drivers.values()))
    parts.append(EVERY_NET)
    for name in COMMON:
        member = inspect.getattr_static(some, name)
        parts[-1] += f"\n| {_signature(name, member)} | {_first_sentence(_text(some, name, member))} |"
    for type, driver in drivers.items():
        makers = ", ".join(
            f"{family.maker} {', '.join(family.examples)}" for family in catalog.FAMILIES if type in family.drivers
        )
        title = f"## NetType.{type.name} (`{type.value}`)"
        parts.append(
            "\n".join(
                [
                    title,
                    "",
                    f"Instruments: {makers or ANY[type]}.",
                    "",
                    *_table(driver),
                ]
            )
        )
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(written())
