"""The nets file: what it contains, and that one mistake rejects all of it with every mistake listed."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lager.errors import NetsFileError, NoSuchNet
from lager.nets import file as nets_file
from lager.nets import resource
from lager.nets.checks import document as checked
from lager.nets.model import Limits, NetType

GOOD = """
[instruments.psu1]
model = "Rigol DP821"
address = "TCPIP::192.168.1.20::INSTR"

[instruments.smu1]
model = "2281S-20-6"
address = "USB0::0x05E6::0x2281::4412345::INSTR"
timeout = 5

[instruments.daq1]
model = "T7"
address = "labjack.lan"

[instruments.uart1]
address = "/dev/ttyS7"

[nets.supply2]
type = "supply"
instrument = "psu1"
channel = "CH1"
max_voltage = 5.5
max_current = 0.5

[nets.supply1]
type = "supply"
instrument = "smu1"

[nets.battery1]
type = "battery"
instrument = "smu1"

[nets.adc1]
type = "adc"
instrument = "daq1"
channel = "AIN3"
range = 1

[nets.led]
type = "gpio"
instrument = "daq1"
channel = "EIO2"

[nets.console]
type = "uart"
instrument = "uart1"
baudrate = 115200
"""


def refusal(text: str) -> str:
    with pytest.raises(NetsFileError) as caught:
        nets_file.parse(text, "bench.toml")
    return caught.value.what


def test_a_valid_file_is_read_completely() -> None:
    bench = nets_file.parse(GOOD)
    supply = bench.net("supply2")
    assert supply.type is NetType.PowerSupply
    assert supply.channel == 1
    assert supply.limits == Limits(max_voltage=5.5, max_current=0.5)
    assert supply.limits.as_dict() == {"max_voltage": 5.5, "max_current": 0.5}
    assert supply.as_dict() == {
        "name": "supply2",
        "type": "supply",
        "instrument": "psu1",
        "model": "Rigol DP821",
        "address": "TCPIP::192.168.1.20::INSTR",
        "channel": 1,
        "limits": {"max_voltage": 5.5, "max_current": 0.5},
        "bench": None,
    }
    assert bench.net("supply1").channel == 1
    assert bench.net("supply1").instrument.timeout == 5.0
    assert bench.net("adc1").channel == 3
    assert bench.net("adc1").options["range"] == 1
    assert bench.net("led").channel == 10
    assert bench.net("console").channel is None
    assert bench.net("console").instrument.model == "serial"


def test_two_nets_of_a_dual_role_instrument_are_one_instrument() -> None:
    bench = nets_file.parse(GOOD)
    assert bench.net("supply1").instrument is bench.net("battery1").instrument


def test_all_mistakes_are_named_at_once() -> None:
    said = refusal(
        """
        surplus = 1
        [instruments.a]
        model = "DP8211"
        address = "TCPIP::host::INSTR"
        adress = "x"
        [instruments.b]
        model = "T7"
        address = "USB0::0x1AB1::0x0E11::DP8::INSTR"
        [instruments.c]
        model = "DP821"
        address = "TCPIP::host::INSTR"
        timeout = -1
        [instruments.d]
        model = "DP821"
        address = "TCPIP::host2::INSTR"
        [nets.one]
        type = "suply"
        instrument = "d"
        [nets.two]
        type = "supply"
        instrument = "e"
        [nets.three]
        type = "supply"
        instrument = "d"
        channel = 3
        max_voltage = nan
        max_volts = 3
        [nets.four]
        type = "battery"
        instrument = "d"
        [nets.five]
        type = "supply"
        instrument = "d"
        """
    )
    assert said.startswith("The nets file bench.toml has 12 mistakes:")
    for part in (
        "surplus: unknown key",
        "instruments.a.adress: unknown key (did you mean 'address'?)",
        "instruments.a.model: there is no driver for 'DP8211' (did you mean 'DP821'?)",
        "instruments.b.address: 'USB0::0x1AB1::0x0E11::DP8::INSTR' is a VISA resource, but a T7 needs",
        "instruments.c.timeout: should be above",
        "nets.one.type: 'suply' is not a net type (did you mean 'supply'?)",
        "nets.two.instrument: there is no [instruments.e]",
        "nets.three.channel: 3 is out of range; a DP821 has 1 to 2",
        "nets.three.max_voltage: should be a number, not nan",
        "nets.three.max_volts: unknown key (did you mean 'max_voltage'?)",
        "nets.four.type: a DP821 has no battery nets; it has: supply",
        "nets.five.channel: is missing; a DP821 has 1 to 2",
    ):
        assert f"\n  {part}" in said


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[instruments", "is not TOML"),
        ("instruments = 3", "instruments: should be tables"),
        ("[nets]\na = 3", "nets.a: should be a table"),
        ("[nets.a]", "nets.a.type: is missing"),
        ("[nets.a]\ntype='suply'\ninstrumen='x'", "nets.a.instrumen: unknown key (did you mean 'instrument'?)"),
        ("[nets.a]\ninstrument='x'\nmax_volts=3", "nets.a.max_volts: unknown key (did you mean 'max_voltage'?)"),
        ("[instruments.a]\nmodel = 3\naddress = ''", "instruments.a.model: should be text, not 3"),
        ("[instruments.a]\nmodel = 'T7'\naddress = 'no host'", "instruments.a.address: 'no host' is neither"),
        ("[instruments.a]\nmodel = 'T7'\naddress = 'h:99999'", "'99999' is not a TCP port"),
        ("[instruments.a]\nmodel = 'T7'\naddress = 'h'\n[nets.x]\ntype='adc'\ninstrument='a'\nchannel='AIN14'",
         "nets.x.channel: 'AIN14' is out of range; a T7 has 0 to 13"),
        ("[instruments.a]\nmodel = 'T7'\naddress = 'h'\n[nets.x]\ntype='gpio'\ninstrument='a'\nchannel='FIO9'", "FIO9"),
        ("[instruments.a]\nmodel = 'T7'\naddress = 'h'\n[nets.x]\ntype='adc'\ninstrument='a'\nchannel=1\nrange=5",
         "nets.x.range: should be one of 10, 1, 0.1, 0.01, not 5"),
        ("[instruments.a]\nmodel = 'T7'\naddress = 'h'\n[nets.x]\ntype='gpio'\ninstrument='a'\nchannel=1\ndirection=1",
         "nets.x.direction: should be one of in, not 1"),
        ("[instruments.a]\naddress = '/dev/x'\n[nets.x]\ntype='uart'\ninstrument='a'\nchannel=1", "has no channel"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_key(text: str, part: str) -> None:
    assert part in refusal(text)


def test_a_missing_file_is_refused_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAGER_NETS", str(tmp_path / "none.toml"))
    with pytest.raises(NetsFileError, match=r"none\.toml") as caught:
        nets_file.load()
    assert "LAGER_NETS" in caught.value.hint


def test_the_file_is_found_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "n.toml"
    file.write_text(GOOD)
    monkeypatch.setenv("LAGER_NETS", str(file))
    assert nets_file.load().path == str(file)
    monkeypatch.delenv("LAGER_NETS")
    assert nets_file.path() == "/etc/lager/nets.toml"


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "n.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(NetsFileError, match="cannot be read"):
        nets_file.load(file)
    with pytest.raises(NetsFileError, match="cannot be read"):
        nets_file.load(tmp_path)


def test_an_unknown_net_is_refused_with_similar_names() -> None:
    with pytest.raises(NoSuchNet) as caught:
        nets_file.parse(GOOD).net("suply2")
    assert "supply2" in caught.value.hint
    with pytest.raises(NoSuchNet) as caught:
        nets_file.parse(GOOD).net(" SUPPLY2")
    assert caught.value.hint.startswith("Did you mean supply2")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TCPIP::Psu.Lan::INSTR", "TCPIP0::psu.lan::inst0::INSTR"),
        ("TCPIP::psu.lan::hislip0::INSTR", "tcpip::psu.lan::instr"),
        ("TCPIP::10.0.0.3::5555::SOCKET", "TCPIP0::10.0.0.3::INSTR"),
        ("USB0::0x1AB1::0x0E11::DP8A1::INSTR", "USB::6833::3601::dp8a1::0::INSTR"),
        ("labjack.lan", "LABJACK.lan:502"),
        ("localhost:1502", "127.0.0.1:1502"),
        ("USB0::0x0CD5::0x0007::470012345::INSTR", "usb:470012345"),
        ("/dev/ttyS7", "ASRL/dev/ttyS7::INSTR"),
    ],
)
def test_spellings_of_one_address_have_one_key(one: str, other: str) -> None:
    assert resource.parse(one).key == resource.parse(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TCPIP::127.0.0.1::5025::SOCKET", "TCPIP::127.0.0.1::5555::SOCKET"),
        ("TCPIP::h::gpib0,5::INSTR", "TCPIP::h::gpib0,6::INSTR"),
        ("USB0::0x1AB1::0x0E11::DP8A1::INSTR", "USB0::0x1AB1::0x0E11::DP8A2::INSTR"),
        ("h:502", "h:503"),
        ("GPIB0::5::INSTR", "GPIB0::6::INSTR"),
    ],
)
def test_different_instruments_have_different_keys(one: str, other: str) -> None:
    assert resource.parse(one).key != resource.parse(other).key


def test_a_serial_port_is_identified_by_the_path_in_the_file_wherever_it_points(tmp_path: Path) -> None:
    link = tmp_path / "usb-FTDI-if00"
    key = resource.parse(str(link)).key
    for target in ("/dev/null", "/dev/zero", str(tmp_path / "gone")):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        assert resource.parse(str(link)).key == resource.parse(f"ASRL{tmp_path}/./{link.name}::instr").key == key
        assert resource.device(str(link)) == resource.device(target)
    assert resource.device("/dev/null") != resource.device("/dev/zero") != ""
    assert resource.device(str(link)) == resource.device(str(tmp_path)) == resource.device("") == ""


_VALUE = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=2)
)
_WORD = st.sampled_from(["a", "supply", "adc", "uart", "T7", "DP821", "/dev/x", "h:1", "TCPIP::h::INSTR", 1, 10**400])
_TABLE = st.dictionaries(
    st.sampled_from(["model", "address", "timeout", "type", "instrument", "channel", "max_voltage", "range", "x"]),
    _WORD | _VALUE,
)
_SECTION = st.dictionaries(st.sampled_from(["a", "b.c", ""]), _TABLE | _VALUE) | _VALUE


@given(st.dictionaries(st.sampled_from(["instruments", "nets", "more"]), _SECTION))
def test_no_document_breaks_the_check(document: dict[str, Any]) -> None:
    instruments, found, mistakes = checked.check(document)
    assert all(isinstance(mistake, str) for mistake in mistakes)
    assert all(net.instrument in instruments.values() for net in found.values())


def test_a_key_is_a_valid_file_name() -> None:
    key = resource.parse("TCPIP::" + "a" * 200 + "::INSTR").key
    assert len(key) < 64
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize(
    ("model", "address", "net"),
    [
        ("T7", "usb:1-1", 'type = "dac"\nchannel = 0'),
        ("DP821", "TCPIP::", 'type = "supply"\nchannel = 1'),
        ("DL3021", "USB::1::2", 'type = "eload"\nsafe = "off"'),
    ],
)
def test_an_address_that_is_none_is_a_mistake_like_others(model: str, address: str, net: str) -> None:
    text = f'[instruments.it]\nmodel = "{model}"\naddress = "{address}"\n[nets.one]\ninstrument = "it"\n{net}\n'
    with pytest.raises(NetsFileError, match=r"instruments\.it\.address: "):
        nets_file.parse(text)
