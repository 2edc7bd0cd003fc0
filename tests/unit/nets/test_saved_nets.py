"""Taking over saved_nets.json: what is kept, what is said, and that odd JSON is never more than a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lager.nets import catalog
from lager.nets import file as nets_file
from lager.nets.imported import saved_nets
from lager.nets.model import Limits, NetType
from lager_cli import main

DP821 = "USB0::0x1AB1::0x0E11::DP8A204300001::INSTR"
SMU = "USB0::0x05E6::0x2281::4412345::INSTR"
SAVED: list[dict[str, Any]] = [
    {"name": "supply2", "role": "power-supply", "instrument": "Rigol_DP821", "address": DP821, "pin": "1"},
    {"name": "supply3", "role": "power-supply", "instrument": "Rigol_DP821", "address": DP821, "pin": 2},
    {"name": "supply1", "role": "power-supply", "instrument": "Keithley_2281S", "address": SMU, "pin": 1,
     "mappings": [{"net": "supply1", "pin": 1}], "scope_points": [[1, "1"]]},
    {"name": "battery1", "role": "battery", "instrument": "Keithley_2281S", "address": SMU, "pin": 1},
    {"name": "eload1", "role": "eload", "instrument": "Rigol_DL3021",
     "address": "TCPIP0::192.168.1.9::INSTR", "pin": 1},
    {"name": "adc1", "role": "adc", "instrument": "LabJack_T7", "address": "ANY", "pin": "AIN3"},
    {"name": "gpi1", "role": "gpio", "instrument": "LabJack_T7", "address": "ANY", "pin": "FIO4"},
    {"name": "uart1", "role": "uart", "instrument": "FTDI_FT232R", "address": "NA", "pin": "/dev/ttyUSB0"},
]  # fmt: skip


def test_nets_with_a_driver_are_imported() -> None:
    text, left_out = saved_nets.convert(json.dumps(SAVED))
    bench = nets_file.parse(text)
    assert left_out == []
    assert {name: net.type for name, net in bench.nets.items()} == {
        "supply2": NetType.PowerSupply,
        "supply3": NetType.PowerSupply,
        "supply1": NetType.PowerSupply,
        "battery1": NetType.Battery,
        "eload1": NetType.ELoad,
        "adc1": NetType.ADC,
        "gpi1": NetType.GPIO,
        "uart1": NetType.UART,
    }
    assert bench.net("supply3").channel == 2
    assert bench.net("adc1").channel == 3
    assert bench.net("supply2").instrument is bench.net("supply3").instrument
    assert bench.net("supply1").instrument is bench.net("battery1").instrument
    assert bench.net("supply2").instrument.model == "DP821"
    assert bench.net("uart1").instrument.address == "/dev/ttyUSB0"
    assert bench.net("uart1").options == {"baudrate": 115200}  # that project's default, which is not ours


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"role": "webcam"}, "'supply2' (entry 1) has the role 'webcam', for which there is no net type"),
        ({"role": None}, "has the role None"),
        ({"instrument": "EA_PSB_10080_60"}, "for which there is no driver"),
        ({"instrument": "Keysight_E36233A"}, "for which there is no driver"),
        ({"instrument": None}, "names no instrument"),
        ({"address": 17}, "has the address 17, which is not text"),
        ({"address": "NA::"}, "has an address that cannot be used"),
        ({"address": "host"}, "by which a Rigol_DP821 cannot be reached"),
        ({"pin": 9}, "has the pin 9, but a DP821 has 1 to 2"),
        ({"pin": "left"}, "has the pin 'left', which is not a channel"),
        ({"name": ""}, "has no usable name"),
        ({"role": "uart", "pin": "A50285BI"}, "does not give the path of its serial device"),
    ],
)
def test_fields_that_cannot_be_imported_are_reported(change: dict[str, Any], said: str) -> None:
    text, left_out = saved_nets.convert(json.dumps([SAVED[0] | change]))
    assert text == ""
    assert len(left_out) == 1
    assert said in left_out[0]
    assert left_out[0].endswith("it was left out.")


def test_fields_that_mean_nothing_here_are_named() -> None:
    _, left_out = saved_nets.convert(json.dumps([SAVED[0] | {"tags": ["bench"], "jlink": "x", "purpose": ""}]))
    assert left_out == ["'supply2' (entry 1) was imported without its fields 'jlink', 'tags'."]


def test_limits_are_imported() -> None:
    limits = {"max_voltage": 3.6, "max_current": 1, "allow_destructive": False, "max_power": None}
    text, left_out = saved_nets.convert(json.dumps([SAVED[0] | {"safety_limits": limits}]))
    assert left_out == []
    assert nets_file.parse(text).net("supply2").limits == Limits(max_voltage=3.6, max_current=1)


@pytest.mark.parametrize(
    ("change", "limits"),
    [
        ({"max_voltage": 3.6}, Limits(max_voltage=3.6)),
        ({"params": {"max_power": "5"}}, Limits(max_power=5)),
        ({"voltage_limit": 5, "safety_limits": {"max_voltage": 3.6}}, Limits(max_voltage=3.6)),
        ({"safety_limits": {"MAX_VOLTAGE": 3.6, "max_current": 0.5, "max_power": 1.5}}, Limits(3.6, 0.5, 1.5)),
        ({"safetyLimits": {"maxVoltage": 3.6, "current-limit": "0.5"}}, Limits(3.6, 0.5)),
        ({"MaxVoltage": 3.6, "Power Limit": 2}, Limits(3.6, None, 2)),
        ({"safety_limits": {}}, Limits()),
        ({"safety_limits": None}, Limits()),
    ],
)
def test_limits_are_imported_from_every_place(change: dict[str, Any], limits: Limits) -> None:
    text, left_out = saved_nets.convert(json.dumps([SAVED[0] | change]))
    assert left_out == []
    assert nets_file.parse(text).net("supply2").limits == limits


@pytest.mark.parametrize(
    ("entry", "change", "said"),
    [
        (SAVED[3], {"safety_limits": {"max_power": 10}}, "max_power = 10, which a net of type battery cannot keep"),
        (SAVED[5], {"safety_limits": {"max_voltage": 5}}, "max_voltage = 5, which a net of type adc cannot keep"),
        (SAVED[7], {"max_current": 1}, "max_current = 1, which a net of type uart cannot keep"),
        (
            SAVED[0],
            {"voltage_limit": 3600, "unit": "mV"},
            "has the limit max_voltage and unit = 'mV', but limits are in",
        ),
        (SAVED[0], {"mappings": [{"pin": 1, "max_voltage": 3.6}]}, "has a limit in mappings = "),
        (SAVED[0], {"safety_limits": {"max_temperature": 40}}, "max_temperature = 40, which a net of type supply"),
        (SAVED[0], {"safety_limits": {"rate": 3}}, "rate = 3, which a net of type supply cannot keep"),
        (SAVED[0], {"safety_limits": {"allow_destructive": "no"}}, "allow_destructive = 'no'"),
        (SAVED[0], {"safety_limits": [1, 2]}, "safety_limits = [1, 2]"),
        (SAVED[0], {"min_voltage": 1}, "min_voltage = 1, which a net of type supply cannot keep"),
        (SAVED[0], {"params": {"ovp": 4}}, "ovp = 4, which a net of type supply cannot keep"),
        (SAVED[0], {"vMax": 4}, "vMax = 4, which a net of type supply cannot keep"),
        (SAVED[0], {"overVoltage": 4}, "overVoltage = 4, which a net of type supply cannot keep"),
        (SAVED[0], {"config": {"supply": [{"max_voltage": 3.6}]}}, "which a net of type supply cannot keep"),
        (SAVED[7], {"params": {"line": {"Vlimit": 3.6}}}, "which a net of type uart cannot keep"),
        (SAVED[0], {"safety_limits": {"max_voltage": "5 volts"}}, "'5 volts', which is not a number above 0"),
        (SAVED[0], {"safety_limits": {"max_voltage": 0}}, "max_voltage = 0, which is not a number above 0"),
        (SAVED[0], {"safety_limits": {"max_voltage": True}}, "max_voltage = True, which is not a number above 0"),
        (SAVED[0], {"safety_limits": {"max_current": float("nan")}}, "max_current = nan, which is not a number"),
    ],
)
def test_a_limit_that_cannot_be_imported_is_an_error(entry: dict[str, Any], change: dict[str, Any], said: str) -> None:
    text, left_out = saved_nets.convert(json.dumps([entry | change]))
    assert text == ""
    assert len(left_out) == 1
    assert isinstance(left_out[0], saved_nets.LostLimit)
    assert said in left_out[0]
    assert left_out[0].endswith("it was left out.")


def test_a_thermocouple_is_imported() -> None:
    change = {"role": "thermocouple", "name": "oven", "pin": "AIN4", "channel": "AIN4"}
    text, left_out = saved_nets.convert(json.dumps([SAVED[5] | change]))
    assert left_out == []
    net = nets_file.parse(text).net("oven")
    assert (net.type, net.channel) == (NetType.Thermocouple, 4)
    phidget = {"role": "thermocouple", "name": "oven", "instrument": "TMP1101", "address": "TCPIP::10.0.0.4::INSTR"}
    _, left_out = saved_nets.convert(json.dumps([phidget]))
    assert left_out == [
        "'oven' (entry 1) is a thermocouple on a TMP1101, for which there is no driver; it was left out."
    ]


def test_settings_are_imported() -> None:
    uart = {
        "params": {
            "baudrate": 115200,
            "parity": "even",
            "stopbits": "1.5",
            "bytesize": "7",
            "xonxoff": True,
            "rtscts": False,
        }
    }
    adc = {"range": "1.0", "params": {"negative_channel": "AIN5", "resolution_index": 8}}
    text, left_out = saved_nets.convert(json.dumps([SAVED[7] | uart, SAVED[5] | adc]))
    bench = nets_file.parse(text)
    assert left_out == []
    line = {"baudrate": 115200, "parity": "E", "stopbits": 1.5, "bytesize": 7, "flow_control": "xonxoff"}
    assert bench.net("uart1").options == line
    assert bench.net("adc1").options == {"range": 1, "negative_channel": 5, "resolution": 8}


@pytest.mark.parametrize("change", [{"baud": "115200"}, {"baud_rate": 115200.0}, {"params": {"BaudRate": 115200}}])
def test_a_baudrate_is_imported_in_every_spelling(change: dict[str, Any]) -> None:
    text, left_out = saved_nets.convert(json.dumps([SAVED[7] | change]))
    assert left_out == []
    assert nets_file.parse(text).net("uart1").options == {"baudrate": 115200}


def test_a_setting_that_makes_no_sense_is_named() -> None:
    text, left_out = saved_nets.convert(json.dumps([SAVED[7] | {"params": {"baudrate": "fast"}}]))
    assert left_out == ["'uart1' (entry 1) was imported without its fields 'baudrate'."]
    assert nets_file.parse(text).net("uart1").options == {}


def test_the_channel_counts_where_the_pin_is_none() -> None:
    psu = {"instrument": "Keysight_E36312A", "address": "USB0::0x2A8D::0x1102::MY1::INSTR", "pin": 0, "channel": 2}
    text, left_out = saved_nets.convert(json.dumps([SAVED[0] | psu]))
    assert left_out == []
    assert nets_file.parse(text).net("supply2").channel == 2


DP832 = {"name": "supply9", "instrument": "Rigol_DP832", "pin": 3}


def test_one_address_with_two_models_keeps_the_first() -> None:
    text, left_out = saved_nets.convert(json.dumps([SAVED[0], SAVED[0] | DP832]))
    assert left_out == [
        f"'supply9' (entry 2) is a DP832 at {DP821}, where an earlier net has a DP821; it was left out."
    ]
    assert set(nets_file.parse(text).nets) == {"supply2"}


@pytest.mark.parametrize(("one", "other"), [("Rigol_DP821", "Rigol_DP821A"), ("Keithley_2281S", "Keithley_2281S_20_6")])
def test_two_names_of_one_model_are_one_instrument(one: str, other: str) -> None:
    for first, second in ((one, other), (other, one)):
        entries = [SAVED[0] | {"instrument": first}, SAVED[0] | {"instrument": second, "name": "again"}]
        text, left_out = saved_nets.convert(json.dumps(entries))
        bench = nets_file.parse(text)
        assert left_out == []
        assert bench.net("again").instrument is bench.net("supply2").instrument
        assert bench.net("again").instrument.model == catalog.plain(one)


def test_one_name_in_two_roles_becomes_two_names() -> None:
    text, left_out = saved_nets.convert(json.dumps([SAVED[2] | {"name": "vbat"}, SAVED[3] | {"name": "vbat"}]))
    assert left_out == []
    assert set(nets_file.parse(text).nets) == {"vbat", "vbat-battery"}


def test_a_second_net_of_one_name_and_role_is_left_out_and_never_with_its_limit() -> None:
    text, left_out = saved_nets.convert(json.dumps([SAVED[0], SAVED[0] | {"pin": 2}]))
    assert left_out == ["'supply2' (entry 2) has the name and the role of an earlier net; it was left out."]
    assert nets_file.parse(text).net("supply2").channel == 1
    text, left_out = saved_nets.convert(json.dumps([SAVED[0], SAVED[0] | {"max_voltage": 3.6}]))
    assert isinstance(left_out[0], saved_nets.LostLimit)
    assert "an earlier net, and the limit max_voltage = 3.6; it was" in left_out[0]


@pytest.mark.parametrize("text", ["", "{", "null", "{}", '"nets"', "[" * 100_000, "1" * 5000])
def test_a_file_that_is_not_a_list_is_refused_in_one_sentence(text: str) -> None:
    assert saved_nets.convert(text)[0] == ""
    assert len(saved_nets.convert(text)[1]) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
_FIELD = st.sampled_from(
    [
        "name",
        "role",
        "instrument",
        "address",
        "pin",
        "channel",
        "mappings",
        "x",
        "safety_limits",
        "params",
        "max_voltage",
    ]
)
_LIMITS = st.dictionaries(st.sampled_from(["max_voltage", "max_current", "baudrate", "rate"]), _JSON, max_size=3)
_VALUE = _LIMITS | st.sampled_from(
    [entry[key] for entry in SAVED for key in ("name", "role", "instrument", "address", "pin")]
)
_ENTRY = st.dictionaries(_FIELD, _VALUE | _JSON) | st.builds(
    lambda base, change: base | change, st.sampled_from(SAVED), st.dictionaries(_FIELD, _VALUE | _JSON, max_size=2)
)


@example([SAVED[0], SAVED[0] | DP832])
@example([SAVED[1], SAVED[2] | {"address": DP821}])
@example([SAVED[7], SAVED[0] | {"address": "ASRL/dev/ttyUSB0::INSTR"}])
@given(st.lists(_ENTRY | _JSON, max_size=5))
def test_odd_entries_never_crash_and_the_result_is_a_good_nets_file(entries: list[Any]) -> None:
    text, left_out = saved_nets.convert(json.dumps(entries))
    taken = nets_file.parse(text).nets
    assert len(taken) + sum(line.endswith("left out.") for line in left_out) == len(entries)


@pytest.mark.parametrize(
    "saved", ["[]", "\ufeff[]", '[{"name": "cam", "role": "webcam", "instrument": "x", "pin": 0}]']
)
def test_a_file_without_a_net_to_import_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], saved: str
) -> None:
    (tmp_path / "saved.json").write_text(saved, encoding="utf-8")
    assert main.run(["nets", "import", str(tmp_path / "saved.json")]) == 1
    out, err = capsys.readouterr()
    assert (out, "saved.json has no net that can be imported" in err) == ("", True)


def test_a_unit_that_limits_have_here_too_changes_nothing() -> None:
    text, left_out = saved_nets.convert(json.dumps([SAVED[0] | {"max_voltage": 3.6, "unit": "V"}]))
    assert nets_file.parse(text).net("supply2").limits == Limits(max_voltage=3.6)
    assert [type(sentence) for sentence in left_out] == [str]
