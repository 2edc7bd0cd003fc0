"""The registers that hold a load within its limits, and its modes."""

import pytest

from lager.errors import InstrumentError, LimitExceeded, Rejected
from tests.unit.drivers.exchanges import rigol_dl3000 as dl3000
from tests.unit.drivers.families import SINK, Script, Uninterrupted, selected

MODES = [("CC", "CURR"), ("CV", "VOLT"), ("CR", "RES"), ("CP", "POW")]


@pytest.mark.parametrize(("mode", "function"), MODES)
def test_the_mode_of_a_load_is_read_in_both_forms_and_selected_once(mode: str, function: str) -> None:
    for word in (mode, function, function.lower()):
        with SINK.playing([(":SOUR:FUNC?", word)]) as load:
            assert load.mode() == mode
    asked: Script = [dl3000.FIXED, (f":SOUR:{function}:LEV:IMM?", "0.5")]
    with SINK.playing([*asked, (":SOUR:FUNC?", mode)]) as load:
        session = Uninterrupted(load)
        assert load.mode(mode.lower()) == mode
        assert session.times == 1
    other = "CV" if mode == "CC" else "CC"
    select = [*asked, (":SOUR:FUNC?", other), *SINK.tell(f":SOUR:FUNC {function}")]
    with SINK.playing([*select, (":SOUR:FUNC?", mode)]) as load:
        assert load.mode(mode) == mode
    kept = pytest.raises(Rejected, match=f"':SOUR:FUNC {function}'.*{other}")
    with SINK.playing([*select, (":SOUR:FUNC?", other)]) as load, kept:
        load.mode(mode)


@pytest.mark.parametrize(("mode", "function"), MODES)
@pytest.mark.parametrize("rule", ["FIX", "FIXED"])
def test_a_load_that_does_not_stay_on_names_the_limit_of_its_mode(mode: str, function: str, rule: str) -> None:
    script = [
        (":SOUR:FUNC:MODE?", rule), (":SOUR:FUNC?", mode), (f":SOUR:{function}:LEV:IMM?", "0.5"),
        *SINK.switched("ON", "0"), (f":SOUR:{function}:VLIM?", "4"),
    ]  # fmt: skip
    with SINK.playing(script) as load, pytest.raises(Rejected, match=f"in mode {mode}") as caught:
        load.enable()
    assert "4.000 V" in caught.value.hint


@pytest.mark.parametrize("word", ["LIST", "WAV", "WAVE", "BATT", "BATTERY", "OCP", "OPP"])
def test_every_other_function_of_a_load_is_named(word: str) -> None:
    with SINK.playing([(":SOUR:FUNC:MODE?", word)]) as load, pytest.raises(InstrumentError, match=rf"\b{word}\b"):
        load.enable()


def held(function: str, register: str, value: str, most: str = "150") -> Script:
    return dl3000.hold(f"{function}:{register}", "100", value, value, most)


HELD = {
    "CC volts": ("CC", "CURR", "0.5", "max_voltage = 4", held("CURR", "VLIM", "4")),
    "CC power": ("CC", "CURR", "0.5", "max_power = 10", held("CURR", "VLIM", "20")),
    "CC power and volts": ("CC", "CURR", "0.5", "max_power = 10\nmax_voltage = 4", held("CURR", "VLIM", "4")),
    "CC power, nothing drawn": ("CC", "CURR", "0", "max_power = 10", []),
    "CC current": ("CC", "CURR", "0.5", "max_current = 2", held("CURR", "ILIM", "2", "40")),
    "CV volts and power": (
        "CV", "VOLT", "0.5", "max_power = 10\nmax_voltage = 4",
        [*held("VOLT", "VLIM", "4"), *held("VOLT", "ILIM", "2.5", "40")],
    ),
    "CV all": (
        "CV", "VOLT", "0.5", "max_power = 10\nmax_voltage = 4\nmax_current = 2",
        [*held("VOLT", "VLIM", "4"), *held("VOLT", "ILIM", "2", "40")],
    ),
    "CR power": ("CR", "RES", "2.5", "max_power = 10", [*held("RES", "VLIM", "5"), *held("RES", "ILIM", "2", "40")]),
    "CR all": (
        "CR", "RES", "2.5", "max_power = 10\nmax_voltage = 4\nmax_current = 1",
        [*held("RES", "VLIM", "4"), *held("RES", "ILIM", "1", "40")],
    ),
    "CR power, no ohms": (
        "CR", "RES", "0", "max_power = 10", [*held("RES", "VLIM", "0"), *held("RES", "ILIM", "0", "40")]
    ),
    "CC too low": ("CC", "CURR", "0.5", "max_voltage = 4", dl3000.hold("CURR:VLIM", "3.9", "4", "4", "150")),
    "CC a thousandth below": ("CC", "CURR", "0.5", "max_voltage = 4.2176", held("CURR", "VLIM", "4.217")),
    "CP power": ("CP", "POW", "5", "max_power = 10", []),
    "CP volts": ("CP", "POW", "5", "max_power = 10\nmax_voltage = 4", held("POW", "VLIM", "4")),
    "beyond the load": ("CC", "CURR", "0.5", "max_voltage = 500", []),
    "the most of the load": ("CC", "CURR", "0.5", "max_voltage = 500", held("CURR", "VLIM", "150")),
    "close enough": ("CC", "CURR", "0.5", "max_voltage = 100.5", []),
}  # fmt: skip


HELD["beyond the load"] = (
    *HELD["beyond the load"][:4], [(":SOUR:CURR:VLIM?", "150"), (":SOUR:CURR:VLIM? MAX", "150")],
)  # fmt: skip


HELD["close enough"] = (
    *HELD["close enough"][:4], [(":SOUR:CURR:VLIM?", "100"), (":SOUR:CURR:VLIM? MAX", "150")],
)  # fmt: skip


@pytest.mark.parametrize(("mode", "function", "level", "limits", "registers"), HELD.values(), ids=HELD.keys())
def test_the_registers_of_a_mode_hold_every_limit(
    mode: str, function: str, level: str, limits: str, registers: Script
) -> None:
    before: Script = [dl3000.FIXED, (":SOUR:FUNC?", mode), (f":SOUR:{function}:LEV:IMM?", level)]
    with SINK.playing([*before, *registers, *SINK.switched("ON", "1")], limits) as load:
        session = Uninterrupted(load)
        load.enable()
        assert session.times == 1


@pytest.mark.parametrize(
    ("limits", "mode", "function", "level"),
    [
        ("max_current = 1", "CC", "CURR", "1.1"),
        ("max_voltage = 1", "CV", "VOLT", "1.1"),
        ("max_power = 1", "CP", "POW", "1.1"),
    ],
)
def test_a_load_whose_level_is_over_a_limit_is_not_turned_on(limits: str, mode: str, function: str, level: str) -> None:
    script: Script = [dl3000.FIXED, (":SOUR:FUNC?", mode), (f":SOUR:{function}:LEV:IMM?", level)]
    with SINK.playing(script, limits) as load, pytest.raises(LimitExceeded, match=r"1\.1 . is over its limit of 1"):
        load.enable()


def test_a_level_that_the_load_rounds_over_its_limit_is_set_a_step_lower() -> None:
    up = [*SINK.tell(":SOUR:CURR:LEV:IMM 0.5"), (":SOUR:CURR:LEV:IMM?", "0.502")]
    down = [*SINK.tell(":SOUR:CURR:LEV:IMM 0.498"), (":SOUR:CURR:LEV:IMM?", "0.5")]
    hold: Script = [(":SOUR:CURR:ILIM?", "0.5"), (":SOUR:CURR:ILIM? MAX", "40")]
    with SINK.playing([dl3000.FIXED, *hold, *up, *down, *selected("CURR")], "max_current = 0.5") as load:
        assert load.current(0.5) == 0.5
    up = [*SINK.tell(":SOUR:CURR:LEV:IMM 0.001"), (":SOUR:CURR:LEV:IMM?", "0.002")]
    down = [*SINK.tell(":SOUR:CURR:LEV:IMM 0"), (":SOUR:CURR:LEV:IMM?", "0")]
    hold = [(":SOUR:CURR:ILIM?", "0.001"), (":SOUR:CURR:ILIM? MAX", "40")]
    with SINK.playing([dl3000.FIXED, *hold, *up, *down, *selected("CURR")], "max_current = 0.001") as load:
        assert load.current(0.001) == 0


def test_a_level_that_the_load_keeps_above_its_limit_is_an_error() -> None:
    up = [*SINK.tell(":SOUR:CURR:LEV:IMM 0.001"), (":SOUR:CURR:LEV:IMM?", "0.002")]
    still = [*SINK.tell(":SOUR:CURR:LEV:IMM 0"), (":SOUR:CURR:LEV:IMM?", "0.002")]
    hold: Script = [(":SOUR:CURR:ILIM?", "0.001"), (":SOUR:CURR:ILIM? MAX", "40")]
    said = pytest.raises(LimitExceeded, match=r"0\.002 A is over its limit of 0\.001 A")
    with SINK.playing([dl3000.FIXED, *hold, *up, *still], "max_current = 0.001") as load, said:
        load.current(0.001)


@pytest.mark.parametrize(("first", "error"), [("25", Rejected), ("20.1", LimitExceeded)])
def test_a_power_above_its_limit_is_set_to_zero_because_no_register_holds_it(
    first: str, error: type[Exception]
) -> None:
    asked = ":SOUR:POW:LEV:IMM"
    wrong: Script = [*SINK.tell(f"{asked} 20"), (f"{asked}?", first)]
    if error is LimitExceeded:
        wrong += [*SINK.tell(f"{asked} 19.9"), (f"{asked}?", "20.00001")]
    zero: Script = [(f"{asked}?", "25"), *SINK.tell(f"{asked} 0"), (f"{asked}?", "0")]
    with SINK.playing([dl3000.FIXED, *wrong, *zero], "max_power = 20") as load, pytest.raises(error):
        load.power(20)
    kept: Script = [(f"{asked}?", "15")]
    said = pytest.raises(Rejected, match="reads back 15")
    with SINK.playing([dl3000.FIXED, *SINK.tell(f"{asked} 20"), *kept, *kept], "max_power = 20") as load, said:
        load.power(20)


@pytest.mark.parametrize("answer", ["3.98", "4.02", "100"])
def test_a_register_that_the_load_does_not_take_is_an_error_and_the_input_stays_off(answer: str) -> None:
    before: Script = [dl3000.FIXED, (":SOUR:FUNC?", "CC"), (":SOUR:CURR:LEV:IMM?", "0.5")]
    script = [*before, *dl3000.hold("CURR:VLIM", "100", "4", answer, "150")]
    said = pytest.raises(Rejected, match=":SOUR:CURR:VLIM 4', but reads back")
    with SINK.playing(script, "max_voltage = 4") as load, said:
        load.enable()


def test_a_limit_of_the_power_lowers_registers_before_the_level_and_raises_them_after_it() -> None:
    level = [*SINK.tell(":SOUR:CURR:LEV:IMM 2"), (":SOUR:CURR:LEV:IMM?", "2")]
    lowered = held("CURR", "VLIM", "5")
    kept: Script = [(":SOUR:CURR:VLIM?", "5"), (":SOUR:CURR:VLIM? MAX", "150")]
    with SINK.playing([dl3000.FIXED, *lowered, *level, *kept, *selected("CURR")], "max_power = 10") as load:
        assert load.current(2) == 2
    low: Script = [(":SOUR:CURR:VLIM?", "1"), (":SOUR:CURR:VLIM? MAX", "150")]
    raised = dl3000.hold("CURR:VLIM", "1", "5", "5", "150")
    with SINK.playing([dl3000.FIXED, *low, *level, *raised, *selected("CURR")], "max_power = 10") as load:
        assert load.current(2) == 2
