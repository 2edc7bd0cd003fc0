"""Taking over saved_nets.json: what is kept, what is said, and that odd JSON is never more than a sentence."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lager.nets import file as nets_file
from lager.nets import saved_nets
from lager.nets.model import NetType

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


def test_the_nets_that_have_a_driver_are_taken_over() -> None:
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
        ({"pin": "left"}, "has the pin 'left', which is no channel"),
        ({"name": ""}, "has no usable name"),
        ({"role": "uart", "pin": "A50285BI"}, "does not say the path of its serial device"),
    ],
)
def test_what_cannot_be_taken_over_is_said(change: dict[str, Any], said: str) -> None:
    text, left_out = saved_nets.convert(json.dumps([SAVED[0] | change]))
    assert text == ""
    assert len(left_out) == 1
    assert said in left_out[0]
    assert left_out[0].endswith("it was left out.")


def test_fields_that_mean_nothing_here_are_named() -> None:
    _, left_out = saved_nets.convert(json.dumps([SAVED[0] | {"safety_limits": {"max_voltage": 5}, "purpose": ""}]))
    assert left_out == ["'supply2' (entry 1) was taken over without its fields 'safety_limits'."]


def test_one_name_in_two_roles_becomes_two_names() -> None:
    text, left_out = saved_nets.convert(json.dumps([SAVED[2] | {"name": "vbat"}, SAVED[3] | {"name": "vbat"}]))
    assert left_out == []
    assert set(nets_file.parse(text).nets) == {"vbat", "vbat-battery"}


@pytest.mark.parametrize("text", ["", "{", "null", "{}", '"nets"', "[" * 100_000, "1" * 5000])
def test_a_file_that_is_no_list_is_one_sentence(text: str) -> None:
    assert saved_nets.convert(text)[0] == ""
    assert len(saved_nets.convert(text)[1]) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
_FIELD = st.sampled_from(["name", "role", "instrument", "address", "pin", "channel", "mappings", "x"])
_VALUE = st.sampled_from([entry[key] for entry in SAVED for key in ("name", "role", "instrument", "address", "pin")])
_ENTRY = st.dictionaries(_FIELD, _VALUE | _JSON) | st.builds(
    lambda base, change: base | change, st.sampled_from(SAVED), st.dictionaries(_FIELD, _VALUE | _JSON, max_size=2)
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_ENTRY | _JSON, max_size=5))
def test_odd_entries_never_crash_and_the_result_is_a_good_nets_file(entries: list[Any]) -> None:
    text, left_out = saved_nets.convert(json.dumps(entries))
    taken = nets_file.parse(text).nets
    assert len(taken) + sum(line.endswith("left out.") for line in left_out) == len(entries)
