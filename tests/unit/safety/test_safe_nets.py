"""What `safe` of a net may say, and which nets are made safe after a crash."""

from typing import Any

import pytest

from lager.errors import NetsFileError
from lager.instruments.safety.safe_state import Here, after_crash, to_switch_off
from lager.nets import file
from lager.nets.model import Nets
from lager.nets.terminals import place

_BENCH = """
[instruments.psu1]
model = "DP821"
address = "TCPIP::10.0.0.1::INSTR"
[instruments.smu1]
model = "2281S"
address = "TCPIP::10.0.0.2::INSTR"
[instruments.daq1]
model = "T7"
address = "10.0.0.3"
[instruments.coils]
model = "modbus-coils"
address = "10.0.0.4"
"""


def bench(nets: str) -> Nets:
    return file.parse(_BENCH + nets)


def supply(safe: str, more: str = "max_voltage = 5\n") -> str:
    return f'[nets.out]\ntype = "supply"\ninstrument = "psu1"\nchannel = 1\n{more}{safe}\n'


def settings_of(nets: Nets, net: str) -> tuple[tuple[str, Any], ...]:
    safe = nets.net(net).safe
    assert safe is not None
    return safe.settings


def here(nets: Nets, instrument: str = "psu1") -> Here:
    return Here.on(nets.instruments[instrument].key, nets)


@pytest.mark.parametrize(
    ("safe", "settings", "after", "order"),
    [
        ('safe = "off"', (("output", "off"),), "crash", 0),
        ('safe = {voltage = 0, output = "off"}', (("voltage", 0.0), ("output", "off")), "crash", 0),
        ('safe = {output = "off", current = 0.1}', (("output", "off"), ("current", 0.1)), "crash", 0),
        ('safe = "off"\nsafe_after = "always"\nsafe_order = -2', (("output", "off"),), "always", -2),
    ],
)
def test_a_safe_state_keeps_its_settings_in_the_order_of_the_file(
    safe: str, settings: Any, after: str, order: int
) -> None:
    found = bench(supply(safe)).net("out").safe
    assert found is not None
    assert (found.settings, found.after, found.order) == (settings, after, order)


@pytest.mark.parametrize(
    ("safe", "said"),
    [
        ('safe = "on"', r"nets\.out\.safe: should be \"off\", or a table"),
        ("safe = true", r"nets\.out\.safe: should be"),
        ("safe = {}", r"nets\.out\.safe: should be"),
        ('safe = {output = "on"}', r"nets\.out\.safe\.output: should be 'off', not 'on'"),
        ("safe = {output = true}", r"nets\.out\.safe\.output: should be 'off', not True"),
        ("safe = {voltage = 9}", r"nets\.out\.safe\.voltage: should be a number from 0 to 5, not 9"),
        ("safe = {voltage = -1}", r"nets\.out\.safe\.voltage: should be a number"),
        ("safe = {voltage = nan}", r"nets\.out\.safe\.voltage: should be a number"),
        ("safe = {volts = 1}", r"nets\.out\.safe\.volts: unknown key"),
        ('safe_after = "always"', r"nets\.out\.safe_after: needs a key safe in the same net"),
        ('safe = "off"\nsafe_after = "exit"', r"nets\.out\.safe_after: should be \"crash\" or \"always\""),
        ('safe = "off"\nsafe_order = 1.5', r"nets\.out\.safe_order: should be a whole number"),
    ],
)
def test_a_mistake_in_a_safe_state_rejects_the_file(safe: str, said: str) -> None:
    with pytest.raises(NetsFileError, match=said):
        bench(supply(safe))


def test_what_is_read_only_has_no_safe_state() -> None:
    for net, said in (
        ('type = "adc"\nchannel = 0', "unknown key"),
        ('type = "gpio"\nchannel = 0\ndirection = "in"', "an input is never driven"),
    ):
        with pytest.raises(NetsFileError, match=said):
            bench(f'[nets.x]\ninstrument = "daq1"\n{net}\nsafe = "off"\n')


def test_a_gpio_line_and_a_dac_have_a_safe_state_of_their_own() -> None:
    nets = bench(
        '[nets.d]\ntype = "dac"\ninstrument = "daq1"\nchannel = 0\nsafe = "off"\n'
        '[nets.g]\ntype = "gpio"\ninstrument = "daq1"\nchannel = 0\nsafe = "release"\n'
        '[nets.h]\ntype = "gpio"\ninstrument = "daq1"\nchannel = 1\nsafe = {level = 1}\n'
    )
    found = {name: net.safe.settings for name, net in nets.nets.items() if net.safe}
    assert found == {"d": (("voltage", 0.0),), "g": (("output", "release"),), "h": (("level", 1),)}


def test_a_net_without_a_safe_state_has_that_of_its_terminal() -> None:
    same = bench(supply("safe = {voltage = 1}") + supply("").replace("nets.out", "nets.alias"))
    assert same.net("alias").safe == same.net("out").safe
    role = (
        '[nets.s]\ntype = "supply"\ninstrument = "smu1"\nsafe = %s\n[nets.b]\ntype = "battery"\ninstrument = "smu1"\n'
    )
    assert bench(role % '"off"').net("b").safe is not None
    assert bench(role % "{voltage = 0}").net("b").safe is None  # which a battery cannot set


def test_after_a_crash_only_the_nets_that_were_open_are_made_safe_in_their_order() -> None:
    nets = bench(
        supply('safe = "off"\nsafe_order = 2')
        + supply('safe = "off"').replace("nets.out", "nets.second").replace("channel = 1", "channel = 2")
    )
    assert [net.name for net in after_crash(here(nets), ["out", "second"]).nets] == ["second", "out"]
    assert [net.name for net in after_crash(here(nets), ["out"]).nets] == ["out"]


def test_a_net_that_the_file_does_not_know_is_in_doubt_and_everything_is_made_safe() -> None:
    nets = bench(supply('safe = "off"'))
    found = after_crash(here(nets), ["mine"])
    assert ([net.name for net in found.nets], found.unknown) == (["out"], {"mine": "It is not in nets.toml."})


def test_a_net_that_has_moved_is_in_doubt_and_so_is_what_is_in_its_place() -> None:
    opened = {"out": place(bench(supply('safe = "off"')).net("out"))}
    assert after_crash(here(bench(supply('safe = "off"'))), ["out"], opened).unknown == {}
    moved = supply('safe = "off"').replace("channel = 1", "channel = 2")
    alone = after_crash(here(bench(moved)), ["out"], opened)
    assert alone.nets == ()
    assert alone.unknown == {
        "out": "It was a net of type supply on channel 1 when the script opened it, and is a net of type supply on "
        "channel 2 in nets.toml."
    }
    # The other net has no safe state, but is where the script has left something on.
    swapped = after_crash(here(bench(moved + supply("").replace("nets.out", "nets.other"))), ["out"], opened)
    assert ([net.name for net in swapped.nets], list(swapped.unknown)) == (["other"], ["out"])
    renamed = after_crash(here(bench(supply("").replace("nets.out", "nets.other"))), ["out"], opened)
    assert ([net.name for net in renamed.nets], list(renamed.unknown)) == (["other"], ["out"])


def test_a_coil_of_another_unit_is_in_another_place() -> None:
    text = '[nets.s]\ntype = "switch"\ninstrument = "coils"\nchannel = 3\nunit = %d\nsafe = "off"\n'
    one, other = (place(bench(text % unit).net("s")) for unit in (1, 2))
    assert (one, other) == (
        "a net of type switch on channel 3 of unit 1",
        "a net of type switch on channel 3 of unit 2",
    )


def test_an_output_without_a_safe_state_is_switched_off_and_a_dac_is_not() -> None:
    nets = bench(supply("") + '[nets.d]\ntype = "dac"\ninstrument = "daq1"\nchannel = 0\n')
    found = after_crash(here(nets), ["out"])
    assert [net.safe.settings for net in found.nets if net.safe] == [(("output", "off"),)]
    assert after_crash(here(nets, "daq1"), ["d"]).unknown == {"d": "It has no safe state in nets.toml."}
    (dac,) = to_switch_off(here(nets, "daq1"), []).nets
    assert dac.safe is None  # it is only read


def test_a_safe_state_keeps_the_limits_and_the_direction_of_the_whole_terminal() -> None:
    alias = supply("", "max_voltage = 3\nmax_current = 0.5\n").replace("nets.out", "nets.alias")
    for safe, said in (
        ("safe = {voltage = 5}", r"nets\.out\.safe\.voltage: 5 is over .* 3 \(max_voltage of \[nets\.alias\]\)"),
        ("safe = {current = 1}", r"nets\.out\.safe\.current: 1 is over .* 0\.5 \(max_current of \[nets\.alias\]\)"),
    ):
        with pytest.raises(NetsFileError, match=said) as e:
            bench(supply(safe) + alias)
        assert "has 1 mistake" in str(e.value)
    assert bench(supply("safe = {voltage = 3, current = 0.5}") + alias).net("alias").safe is not None
    lines = '[nets.g]\ntype = "gpio"\ninstrument = "daq1"\nchannel = 0\n%s\n'
    with pytest.raises(
        NetsFileError, match=r'nets\.g\.safe: its line is never driven \(direction = "in" of \[nets\.h\]'
    ):
        bench(lines % 'safe = "off"' + (lines % 'direction = "in"').replace("nets.g", "nets.h"))


@pytest.mark.parametrize(
    ("safe", "right"),
    [
        ("safe_order = -1000", True), ("safe_order = 1000", True), ("safe_order = -1001", False),
        ("safe_order = 1001", False), ("safe_order = true", False), ('safe_order = "1"', False),
    ],
)  # fmt: skip
def test_the_order_is_a_whole_number_up_to_a_thousand(safe: str, right: bool) -> None:
    if right:
        assert bench(supply(f'safe = "off"\n{safe}')).net("out").safe is not None
    else:
        with pytest.raises(NetsFileError, match=r"safe_order: should be a whole number from -1000 to 1000"):
            bench(supply(f'safe = "off"\n{safe}'))


@pytest.mark.parametrize(
    ("net", "settings"),
    [
        ("dac/safe = {voltage = 5}", (("voltage", 5.0),)),
        ("dac/safe = {voltage = 5.1}", r"safe\.voltage: should be a number from 0 to 5, not 5\.1"),
        ("dac/safe = {voltage = 2}\nmax_voltage = 1", r"safe\.voltage: should be a number from 0 to 1, not 2"),
        ("dac/safe = {current = 0}", r"safe\.current: unknown key \(known: voltage\)"),
        ("gpio/safe = {level = 0}", (("level", 0),)),
        ("gpio/safe = {level = 2}", r"safe\.level: should be 0 or 1, not 2"),
        ('gpio/safe = {level = "high"}', r"safe\.level: should be 0 or 1, not 'high'"),
        ('gpio/safe = {output = "off"}', (("output", "off"),)),
        ('gpio/safe = {output = "release"}', (("output", "release"),)),
        ('gpio/safe = "open"', r'safe: should be "off" or "release", or a table with level, output'),
        ('dac/safe = "release"', r'safe: should be "off", or a table with voltage, not'),
    ],
)
def test_a_dac_and_a_gpio_line_accept_their_own_settings_only(net: str, settings: Any) -> None:
    type, _, safe = net.partition("/")
    text = f'[nets.x]\ntype = "{type}"\ninstrument = "daq1"\nchannel = 0\n{safe}\n'
    if isinstance(settings, str):
        with pytest.raises(NetsFileError, match=settings):
            bench(text)
    else:
        assert settings_of(bench(text), "x") == settings


def test_a_supply_without_limits_takes_any_safe_voltage_from_zero_on() -> None:
    assert settings_of(bench(supply("safe = {voltage = 50}", "")), "out") == (("voltage", 50.0),)
    with pytest.raises(NetsFileError, match=r"safe\.voltage: should be a number 0 or more, not -1"):
        bench(supply("safe = {voltage = -1}", ""))


@pytest.mark.parametrize("type", ["battery", "eload"])
def test_a_battery_and_a_load_can_only_be_off(type: str) -> None:
    instruments = '[instruments.load1]\nmodel = "DL3021"\naddress = "TCPIP::10.0.0.9::INSTR"\n'
    text = f'{instruments}[nets.x]\ntype = "{type}"\ninstrument = "{"smu1" if type == "battery" else "load1"}"\n'
    assert settings_of(bench(text + 'safe = {output = "off"}\n'), "x") == (("output", "off"),)
    with pytest.raises(NetsFileError, match=r"safe\.voltage: unknown key \(known: output\)"):
        bench(text + "safe = {voltage = 0}\n")
