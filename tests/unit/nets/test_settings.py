"""Each setting of a nets file: its valid values, the ends of its range, and the errors, which name its key."""

from typing import Any

import pytest

from lager.errors import NetsFileError
from lager.nets import file as nets_file
from lager.nets.checks import settings
from lager.nets.model import Limits, NetType

PLACES = {
    "DP821": "TCPIP::h::INSTR",
    "2281S": "TCPIP::i::INSTR",
    "DL3021": "TCPIP::j::INSTR",
    "T7": "h",
    "modbus-coils": "h:1502",
    "DS1054Z": "TCPIP::k::INSTR",
    "serial": "/dev/ttyS7",
}
NETS: dict[str, tuple[str, str]] = {
    "supply": ("DP821", "channel = 1"),
    "battery": ("2281S", ""),
    "eload": ("DL3021", ""),
    "dac": ("T7", "channel = 0"),
    "adc": ("T7", "channel = 1"),
    "gpio": ("T7", "channel = 1"),
    "thermocouple": ("T7", "channel = 1"),
    "switch": ("modbus-coils", "channel = 1"),
    "scpi": ("DS1054Z", ""),
    "uart": ("serial", ""),
}


def text(type: str, setting: str, of_instrument: str = "") -> str:
    model, lines = NETS[type]
    head = f"[instruments.a]\nmodel = '{model}'\naddress = '{PLACES[model]}'\n{of_instrument}\n"
    return f"{head}[nets.x]\ntype = '{type}'\ninstrument = 'a'\n{lines}\n{setting}\n"


def refusal(source: str) -> str:
    with pytest.raises(NetsFileError) as caught:
        nets_file.parse(source)
    return caught.value.what


_WORDS = ("True", "False")  # as Python has them; TOML in small letters
SETTINGS: list[tuple[str, str, list[str], list[str]]] = [
    ("uart", "baudrate", ["50", "9600", "4000000"], ["49", "4000001", "true", "9600.0", "'9600'"]),
    ("uart", "bytesize", ["5", "6", "7", "8"], ["4", "9", "true", "'8'"]),
    ("uart", "parity", ["'N'", "'E'", "'O'", "'M'", "'S'"], ["'n'", "'X'", "0", "''"]),
    ("uart", "stopbits", ["1", "1.5", "2"], ["0", "3", "true", "'1'"]),
    ("uart", "flow_control", ["'none'", "'xonxoff'", "'rtscts'", "'dsrdtr'"], ["'hardware'", "true", "1", "''"]),
    ("gpio", "direction", ["'in'"], ["'out'", "'IN'", "1"]),
    ("adc", "range", ["10", "1", "0.1", "0.01"], ["2", "0", "11", "100", "true", "'10'"]),
    ("adc", "negative_channel", ["0", "13"], ["-1", "14", "199", "1.0"]),
    ("adc", "resolution", ["0", "12"], ["-1", "13", "false"]),
    ("thermocouple", "kind", [f"'{kind}'" for kind in "EJKRST"], ["'k'", "'Z'", "1"]),
    ("thermocouple", "range", ["10", "1", "0.1", "0.01"], ["2", "0", "11", "100", "true"]),
    ("thermocouple", "negative_channel", ["0", "13"], ["-1", "14", "199", "1.0"]),
    ("thermocouple", "resolution", ["0", "12"], ["-1", "13", "false"]),
    ("supply", "hardware_limits", ["True", "False"], ["1", "'true'"]),
    ("switch", "unit", ["0", "1", "247"], ["-1", "248", "true", "1.0"]),
    ("scpi", "unlimited", ["True", "False"], ["1", "'true'"]),
    ("scpi", "error_queue", ["True", "False"], ["0", "'no'"]),
]


@pytest.mark.parametrize(("type", "key", "values", "wrong"), SETTINGS, ids=[f"{one[0]} {one[1]}" for one in SETTINGS])
def test_a_setting_accepts_its_values_and_no_others(type: str, key: str, values: list[str], wrong: list[str]) -> None:
    for value in values:
        options = nets_file.parse(text(type, f"{key} = {value.lower() if value in _WORDS else value}")).net("x").options
        assert dict(options) == {key: eval(value)}
    for value in wrong:
        said = refusal(text(type, f"{key} = {value}"))
        assert f"nets.x.{key}: should be " in said
        assert said.count("should be") == 1


@pytest.mark.parametrize("type", NETS)
def test_a_net_has_the_settings_and_limits_of_its_type_only(type: str) -> None:
    allowed = {key for one, key, _, _ in SETTINGS if one == type}
    assert set(settings.settings_of(NetType(type))) == allowed
    for key, value in {(key, values[0]) for _, key, values, _ in SETTINGS if key not in allowed}:
        given = value.lower() if value in _WORDS else value
        assert f"nets.x.{key}: unknown key" in refusal(text(type, f"{key} = {given}"))


LIMITS = {
    "supply": ("max_voltage", "max_current", "max_power"),
    "battery": ("max_voltage", "max_current"),
    "eload": ("max_voltage", "max_current", "max_power"),
    "dac": ("max_voltage",),
    "adc": (),
    "gpio": (),
    "switch": (),
    "scpi": (),
    "thermocouple": (),
    "uart": (),
}


@pytest.mark.parametrize("type", NETS)
@pytest.mark.parametrize("key", LIMITS["supply"])
def test_a_limit_is_above_zero_and_belongs_to_its_type(type: str, key: str) -> None:
    assert settings.limits_of(NetType(type)) == LIMITS[type]
    if key not in LIMITS[type]:
        assert f"nets.x.{key}: unknown key" in refusal(text(type, f"{key} = 1"))
        return
    for value in (1e-6, 5, 1e6):
        assert nets_file.parse(text(type, f"{key} = {value}")).net("x").limits == Limits(**{key: value})
    for wrong in ("0", "-1", "1000000.1", "nan", "inf", "'5'", "true"):
        assert f"nets.x.{key}: should be " in refusal(text(type, f"{key} = {wrong}"))
    assert "at most 1e+06, not 1e+07" in refusal(text(type, f"{key} = 1e7"))


def test_a_timeout_is_a_hundredth_of_a_second_to_two_minutes() -> None:
    for value in (0.011, 5, 120):
        assert nets_file.parse(text("eload", "", f"timeout = {value}")).net("x").instrument.timeout == value
    for wrong in ("0.01", "120.1", "true", "'1'"):
        assert "instruments.a.timeout: should be " in refusal(text("eload", "", f"timeout = {wrong}"))
    assert nets_file.parse(text("eload", "")).net("x").instrument.timeout == 2.0


SERIAL_LINE: list[tuple[str, list[Any]]] = [
    ("read_termination", ["\n", "\r", "\r\n"]), ("write_termination", ["\n", "\r", "\r\n"]), ("baudrate", [50, 9600]),
    ("bytesize", [7]), ("parity", ["E"]), ("stopbits", [2]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "values"), SERIAL_LINE)
def test_a_serial_instrument_has_the_settings_of_its_line(key: str, values: list[Any]) -> None:
    serial = "[instruments.a]\nmodel = 'DL3021'\naddress = 'ASRL/dev/ttyS1::INSTR'\n"
    for value in values:
        shown = repr(value).replace("'", '"')
        instrument = (
            nets_file.parse(f"{serial}{key} = {shown}\n[nets.x]\ntype='eload'\ninstrument='a'").net("x").instrument
        )
        assert dict(instrument.serial_line) == {key: value}
        wrong = f"{serial.replace('ASRL/dev/ttyS1::INSTR', 'TCPIP::h::INSTR')}{key} = {shown}\n"
        assert f"instruments.a.{key}: is a setting of an ASRL/dev/NAME::INSTR" in refusal(wrong)
    assert f"instruments.a.{key}: should be " in refusal(f"{serial}{key} = 'x'")


def test_every_mistake_says_what_would_be_right() -> None:
    assert "instruments.a.model: is missing" in refusal("[instruments.a]\naddress = 'TCPIP::h::INSTR'")
    assert "instruments.a.address: is missing" in refusal("[instruments.a]\nmodel = 'T7'")
    assert "instruments.a.model: should be text, not '\\x1b'" in refusal(
        '[instruments.a]\nmodel = "\\u001b"\naddress = "h"'
    )
    assert "nets.x.instrument: is missing" in refusal("[nets.x]\ntype = 'adc'")
    known = ", ".join(member.value for member in NetType)
    assert f": {known})" in refusal("[nets.x]\ntype = 'zzz'\ninstrument = 'a'")
    assert "nets: should be tables [nets.NAME]" in refusal("nets = 1")
    assert "instruments.a: should be a table [instruments.a]" in refusal("[instruments]\na = 1")
    said = refusal(text("battery", "channel = 1").replace("2281S", "DL3021"))
    assert "nets.x.type: a DL3021 " in said
    assert ": eload, scpi\n" in said
    said = refusal(text("uart", "channel = 1"))
    assert "nets.x.channel: a net of type uart on a has no channel" in said
    said = refusal(text("adc", "").replace("channel = 1", ""))
    assert "nets.x.channel: is missing; a T7 has 0 to 13" in said
    said = refusal(text("adc", "").replace("channel = 1", "channel = 'X'"))
    assert "nets.x.channel: " in said
    said = refusal("[instruments.a]\nmodel = 'T7'\naddress = 'TCPIP::h::INSTR'")
    assert "a T7 needs" in said
    assert " or " in said.partition("a T7 needs")[2]
    assert refusal("[instruments.a]\nmodel = 'nope'\naddress = 'TCPIP::h::INSTR'\n[nets.x]\ntype='adc'\ninstrument='a'")


@pytest.mark.parametrize("word", ['"off"', '"release"', "{ level = 0 }"])
def test_a_line_that_is_only_read_has_no_safe_state(word: str) -> None:
    said = refusal(text("gpio", f'direction = "in"\nsafe = {word}'))
    assert "nets.x.safe: an input is never driven" in said
    assert nets_file.parse(text("gpio", f"safe = {word}")).net("x").safe is not None


@pytest.mark.parametrize("folder", ["5", "''", "' '", '"\\u001b"', "true"])
def test_the_folder_of_drivers_is_a_path(folder: str) -> None:
    assert "drivers: should be the path of a folder, not " in refusal(f"drivers = {folder}\n")
    assert "drivers: " in refusal("drivers = '/nowhere/at/all'\n")


def test_what_is_simulated_is_a_table() -> None:
    for text in ("simulate = 1", "simulate = 'yes'", "simulate = []"):
        assert "simulate: should be a table [simulate]" in refusal(text)
    assert nets_file.parse("[simulate.load]\nohms = 5\n").nets == {}


@pytest.mark.parametrize("key", ["safe = {voltage = 4}", "safe = {current = 4, voltage = 1}"])
def test_a_safe_state_keeps_the_limits_of_the_other_net_on_its_output(key: str) -> None:
    other = "[nets.y]\ntype='supply'\ninstrument='a'\nchannel=1\n"
    word = key.split()[2].strip("{")
    assert nets_file.parse(f"{text('supply', key)}{other}max_{word} = 4\n").net("x").safe is not None
    assert f"nets.x.safe.{word}: 4 is over the limit of its terminal, 3.9 (max_{word} of [nets.y])" in refusal(
        f"{text('supply', key)}{other}max_{word} = 3.9\n"
    )


def test_the_type_on_a_serial_port_and_its_missing_model_say_what_is_needed() -> None:
    table = "[instruments.a]\naddress = '/dev/ttyS7'\n{}[nets.x]\ntype = 'eload'\ninstrument = 'a'\n"
    said = refusal(table.format("model = 'DL3021'\n"))
    assert "nets.x.type: a eload on a serial port needs the address 'ASRL/dev/ttyS7::INSTR'" in said
    assert "nets.x.type: a serial has no eload nets; it has: uart" in refusal(table.format(""))
    assert "has no eload nets" in refusal(table.format("model = 'T7'\n"))
