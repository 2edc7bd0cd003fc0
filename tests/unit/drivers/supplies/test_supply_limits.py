"""The limits of the nets file in a supply: what is set, what is turned on, and what is not."""

from collections.abc import Callable

import pytest

from lager.errors import LimitExceeded, Rejected
from tests.unit.drivers.families import DP800, LEVELS, SUPPLIES, Script, Uninterrupted


def test_a_protection_may_be_set_above_the_limit_of_the_net() -> None:
    level = LEVELS["dp800 ovp"]
    with level.family.playing([*level.script(8.8), *level.after], "max_voltage = 5") as net:
        assert net.set_ovp(8.8) == 8.8


VOLTS = {
    "dp800": ":SOUR1:VOLT?", "e36300": "VOLT? (@2)", "2200": "VOLT?", "2281s": ":VOLT?", "spd3303x": "CH2:VOLT?",
    "spd1000x": "CH1:VOLT?",
}  # fmt: skip


AMPERES = {name: question.replace("VOLT", "CURR") for name, question in VOLTS.items()}


@pytest.mark.parametrize("name", SUPPLIES)
@pytest.mark.parametrize(
    ("limit", "volts", "amperes", "goes_on"),
    [
        ("max_voltage = 5", "5", None, True),
        ("max_voltage = 5", "5.1", None, False),
        ("max_current = 2", None, "2", True),
        ("max_current = 2", None, "2.1", False),
        ("max_power = 5", "4", "2", False),
        ("max_power = 5", "8", "0.5", True),
    ],
)
def test_an_output_is_turned_on_within_each_limit_alone_and_not_above(
    name: str, limit: str, volts: str | None, amperes: str | None, goes_on: bool
) -> None:
    family = SUPPLIES[name]
    script = [*([(VOLTS[name], volts)] if volts else []), *([(AMPERES[name], amperes)] if amperes else [])]
    if goes_on:
        with family.playing([*script, *family.switched("ON", family.on)], limit) as supply:
            session = Uninterrupted(supply)
            supply.enable()
            assert session.times == 1
    else:
        with family.playing(script, limit) as supply, pytest.raises(LimitExceeded, match="over its limit"):
            supply.enable()


@pytest.mark.parametrize("method", ["voltage", "current"])
@pytest.mark.parametrize(("value", "other", "fits"), [(8, "0.5", True), (11, "0.5", False), (4, "2", False)])
def test_a_power_limit_is_the_product_of_both_setpoints(method: str, value: float, other: str, fits: bool) -> None:
    set_, ask = (":SOUR1:VOLT", ":SOUR1:CURR?") if method == "voltage" else (":SOUR1:CURR", ":SOUR1:VOLT?")
    script: Script = [(ask, other)]
    if fits:
        script += [*DP800.tell(f"{set_} {value}"), (f"{set_}?", str(value))]
    with DP800.playing(script, "max_power = 5") as supply:
        session = Uninterrupted(supply)
        act: Callable[[float], float] = getattr(supply, f"set_{method}")
        if fits:
            assert act(value) == value
        else:
            volts, amperes = (value, other) if method == "voltage" else (other, value)
            said = f"{volts} V at {amperes} A are {value * float(other):g} W, which is over its limit of 5 W"
            with pytest.raises(LimitExceeded, match=said):
                act(value)
        assert session.times == 1


@pytest.mark.parametrize(("method", "set_", "ask"), [("voltage", "VOLT", "CURR"), ("current", "CURR", "VOLT")])
def test_a_setpoint_without_the_other_one_is_within_every_limit_of_the_power(method: str, set_: str, ask: str) -> None:
    script: Script = [(f":SOUR1:{ask}?", "0"), *DP800.tell(f":SOUR1:{set_} 8"), (f":SOUR1:{set_}?", "8")]
    with DP800.playing(script, "max_power = 5") as supply:
        assert getattr(supply, f"set_{method}")(8) == 8


@pytest.mark.parametrize(("quantity", "word"), [("voltage", "VOLT"), ("current", "CURR")])
def test_a_setpoint_is_never_rounded_over_its_limit(quantity: str, word: str) -> None:
    first = [*DP800.tell(f":SOUR1:{word} 0.3333"), (f":SOUR1:{word}?", "0.34"), *DP800.tell(f":SOUR1:{word} 0.3233")]
    limit = f"max_{quantity} = 0.3333"

    def zero(readback: str) -> Script:
        """What follows a readback above the limit."""
        question = f":SOUR1:{word}?"
        return [*[(question, readback)] * 2, *DP800.tell(f":SOUR1:{word} 0"), (question, "0")]

    with DP800.playing([*first, (f":SOUR1:{word}?", "0.33")], limit) as supply:
        assert getattr(supply, f"set_{quantity}")(0.3333) == 0.33
    with DP800.playing([*first, *zero("0.3334")], limit) as supply, pytest.raises(Rejected):
        getattr(supply, f"set_{quantity}")(0.3333)
    least = [*DP800.tell(f":SOUR1:{word} 0.004"), (f":SOUR1:{word}?", "0.01"), *DP800.tell(f":SOUR1:{word} 0")]
    still = [*least, *zero("0.01")]
    with DP800.playing(still, f"max_{quantity} = 0.004") as supply, pytest.raises(LimitExceeded):
        getattr(supply, f"set_{quantity}")(0.004)


@pytest.mark.parametrize(
    ("method", "word", "other", "lower"),
    [("set_voltage", "VOLT", "CURR", "4.986"), ("set_current", "CURR", "VOLT", "4.986")],
)
def test_a_setpoint_is_never_rounded_over_the_limit_of_the_power(
    method: str, word: str, other: str, lower: str
) -> None:
    asked = [(f":SOUR1:{other}?", "10"), *DP800.tell(f":SOUR1:{word} 4.996"), (f":SOUR1:{word}?", "5")]
    below = [*DP800.tell(f":SOUR1:{word} {lower}"), (f":SOUR1:{word}?", "4.99")]
    with DP800.playing([*asked, *below], "max_power = 49.96") as supply:
        assert getattr(supply, method)(4.996) == 4.99
    still = [*DP800.tell(f":SOUR1:{word} {lower}"), *[(f":SOUR1:{word}?", "4.9965")] * 2]
    zero = [*DP800.tell(f":SOUR1:{word} 0"), (f":SOUR1:{word}?", "0")]
    with DP800.playing([*asked, *still, *zero], "max_power = 49.96") as supply, pytest.raises(Rejected):
        getattr(supply, method)(4.996)


@pytest.mark.parametrize("name", SUPPLIES)
def test_a_supply_that_takes_a_value_above_the_limit_is_set_to_zero(name: str) -> None:
    for quantity in ("voltage", "current"):
        level = LEVELS[f"{name} {quantity}"]
        wrong = [*level.family.tell(level.command.format(f"{level.value:g}")), *[(level.question, "60")] * 2]
        zero = [*level.family.tell(level.command.format("0")), (level.question, "0")]
        limits = f"max_voltage = {level.value}\nmax_current = {level.value}"
        with level.family.playing([*wrong, *zero], limits) as supply, pytest.raises(Rejected, match="reads back 60"):
            getattr(supply, level.method)(level.value)
