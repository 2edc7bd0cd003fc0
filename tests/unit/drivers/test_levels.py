"""Every level and every switch of every driver: what is sent, which readbacks are accepted, and which are refused."""

import pytest

from lager.drivers.scripted_instrument import CUT
from lager.errors import BadReply, InstrumentError, InstrumentUnreachable, InvalidArgument, Rejected
from tests.unit.drivers.exchanges import keithley_2200 as k2200
from tests.unit.drivers.exchanges import keysight_e36300 as e36300
from tests.unit.drivers.exchanges import rigol_dl3000 as dl3000
from tests.unit.drivers.exchanges import rigol_dp800 as dp800
from tests.unit.drivers.exchanges import siglent_spd1000x as spd1000x
from tests.unit.drivers.exchanges import siglent_spd3303x as spd3303x
from tests.unit.drivers.families import (
    CELL,
    DP800,
    E36300,
    FAMILIES,
    K2200,
    LEVELS,
    SINK,
    SMU,
    SUPPLIES,
    TRIP,
    Family,
    Level,
    Script,
    Uninterrupted,
    armed,
)


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())
@pytest.mark.parametrize("side", [-1, 0, 1])
def test_a_readback_within_one_step_is_returned(level: Level, side: int) -> None:
    answer = level.value + side * level.step
    script = [*level.script(answer), *(level.after if level.family is not CELL else TRIP)]
    with level.family.playing(script) as net:
        assert getattr(net, level.method)(level.value) == pytest.approx(answer)


@pytest.mark.parametrize(
    ("of", "name"),
    [("dp800 voltage", "value"), ("dp800 voltage", "volts"), ("2281s current", "value"), ("dp800 ovp", "limit")],
)
def test_a_level_may_be_given_by_our_name_or_by_that_of_the_public_manual(of: str, name: str) -> None:
    level = LEVELS[of]
    with level.family.playing([*level.script(level.value), *level.after]) as net:
        assert getattr(net, level.method)(**{name: level.value}) == level.value


@pytest.mark.parametrize("given", [{"mode_type": "static"}, {"value": "static"}])
def test_a_mode_may_be_given_by_our_name_or_by_that_of_the_public_manual(given: dict[str, str]) -> None:
    script = [TRIP[0], *CELL.tell(":BATT:SIM:METH STAT"), (":BATT:SIM:METH?", "STATIC")]
    with CELL.playing(script) as net:
        assert net.mode(**given) == "static"
        with pytest.raises(TypeError, match=r"multiple values|unexpected"):
            net.mode("static", mode_type="static")


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())
@pytest.mark.parametrize("side", [-1.5, 1.5])
def test_a_readback_more_than_one_step_away_is_an_error(level: Level, side: float) -> None:
    answer = level.value + side * level.step
    script = [*level.script(answer), *(TRIP if level.family is CELL else [])]
    with level.family.playing(script) as net, pytest.raises(Rejected) as caught:
        getattr(net, level.method)(level.value)
    assert repr(level.command.format(f"{level.value:g}")) in caught.value.what
    assert f"{answer:.6f}".rstrip("0") in caught.value.what


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())
def test_no_other_thread_interrupts_a_level_and_its_readback(level: Level) -> None:
    with level.family.playing([*level.script(level.value), *level.after]) as net:
        session = Uninterrupted(net)
        getattr(net, level.method)(level.value)
        assert session.times == 1


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_an_output_is_switched_in_one_exchange_and_read_back(family: Family) -> None:
    enabling = [dl3000.FIXED, (":SOUR:FUNC?", "CC"), (":SOUR:CURR:LEV:IMM?", "0.1")] if family is SINK else []
    before = TRIP if family is CELL else enabling
    script = [*before, *family.switched("ON", family.on), *family.switched("OFF", family.off)]
    with family.playing(script) as net:
        session = Uninterrupted(net)
        net.enable()
        assert session.times == 1
        net.disable()
        assert session.times == 2


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_an_output_that_does_not_go_off_is_an_error(family: Family) -> None:
    with family.playing(family.switched("OFF", family.on)) as net, pytest.raises(Rejected) as caught:
        net.disable()
    assert repr(family.switch.format("OFF")) in caught.value.what
    assert caught.value.what.endswith("ON.")


UNTRIPPED = {
    "DP821": dp800.STATE[len(dp800.OPEN) :],
    "E36312A": e36300.STATE[len(e36300.OPEN) :],
    "2200-20-5": k2200.STATE[len(k2200.OPEN) :],
    "2281S": [(":OUTP:PROT:TRIP?", "NONE")],
    "SPD3303X": spd3303x.STATE[len(spd3303x.OPEN) :],
    "SPD1168X": spd1000x.STATE[len(spd1000x.OPEN) :],
}


@pytest.mark.parametrize("family", [*SUPPLIES.values(), CELL], ids=[*SUPPLIES, "battery"])
def test_an_output_that_stays_off_is_an_error(family: Family) -> None:
    before = after = TRIP if family is CELL else []
    if family is not CELL:  # asks whether a protection has tripped
        after = UNTRIPPED[family.model]
    script = [*before, *family.switched("ON", family.off), *after]
    with family.playing(script) as net, pytest.raises(Rejected) as caught:
        net.enable()
    assert repr(family.switch.format("ON")) in caught.value.what
    assert caught.value.what.endswith("OFF.")


ARMED = {
    name: (level, level.after[-1][0])
    for name, level in LEVELS.items()
    if level.method in ("set_ovp", "set_ocp") and level.after
}


@pytest.mark.parametrize(("level", "question"), ARMED.values(), ids=ARMED.keys())
def test_a_protection_that_cannot_be_armed_is_an_error(level: Level, question: str) -> None:
    script = [*level.script(level.value), *level.after[:-1], (question, level.family.off)]
    with level.family.playing(script) as net, pytest.raises(Rejected) as caught:
        getattr(net, level.method)(level.value)
    assert repr(level.after[0][0]) in caught.value.what
    assert caught.value.what.endswith("OFF.")


@pytest.mark.parametrize("armed_at", [0.498, 0.502])
def test_an_e36300_arms_its_over_current_protection_at_a_limit_next_to_the_level(armed_at: float) -> None:
    script = [("CURR? (@2)", str(armed_at)), *armed(E36300, "CURR:PROT:STAT ON,(@2)", "CURR:PROT:STAT? (@2)")]
    with E36300.playing(script) as supply:
        session = Uninterrupted(supply)
        assert supply.set_ocp(0.5) == armed_at
        assert session.times == 1
    for elsewhere in ("0.497", "0.503"):
        said = pytest.raises(InvalidArgument, match="its current limit of")
        with E36300.playing([("CURR? (@2)", elsewhere)]) as supply, said as caught:
            supply.set_ocp(0.5)
        assert "500.000 mA" in caught.value.hint
    disarmed = [*script[:-1], ("CURR:PROT:STAT? (@2)", "0")]
    with E36300.playing(disarmed) as supply, pytest.raises(Rejected) as refused:
        supply.set_ocp(0.5)
    assert "'CURR:PROT:STAT ON,(@2)'" in refused.value.what
    assert refused.value.what.endswith("OFF.")


CLEARED = {
    "dp800 ovp": (DP800, "clear_ovp", [":OUTP:OVP:QUES? CH1"], ":OUTP:OVP:CLEAR CH1", "YES", "NO"),
    "dp800 ocp": (DP800, "clear_ocp", [":OUTP:OCP:QUES? CH1"], ":OUTP:OCP:CLEAR CH1", "YES", "NO"),
    "e36300 ovp": (E36300, "clear_ovp", ["VOLT:PROT:TRIP? (@2)"], "OUTP:PROT:CLE (@2)", "1", "0"),
    "e36300 ocp": (E36300, "clear_ocp", ["CURR:PROT:TRIP? (@2)"], "OUTP:PROT:CLE (@2)", "1", "0"),
    "2200 ovp": (K2200, "clear_ovp", ["STAT:QUES:COND?"], "OUTP:PROT:CLE", "1", "0"),
    "2200": (K2200, "clear", ["STAT:QUES:COND?"], "OUTP:PROT:CLE", "1", "0"),
    "2281s ovp": (SMU, "clear_ovp", [":OUTP:PROT:TRIP?"], ":OUTP:PROT:CLE", "OVP", "NONE"),
    "2281s ocp": (SMU, "clear_ocp", [":OUTP:PROT:TRIP?"], ":OUTP:PROT:CLE", "OCP", "NONE"),
    "2281s": (SMU, "clear", [":OUTP:PROT:TRIP?"], ":OUTP:PROT:CLE", "OTP", "NONE"),
    "battery": (CELL, "clear", [":BATT:OUTP:PROT:TRIP?"], ":BATT:OUTP:PROT:CLE", "OPS", "NONE"),
}


Cleared = tuple[Family, str, list[str], str, str, str]


@pytest.mark.parametrize("cleared", CLEARED.values(), ids=CLEARED.keys())
def test_a_protection_is_reset_with_the_output_off(cleared: Cleared) -> None:
    family, method, (question,), command, tripped, fine = cleared
    off = family.switched("OFF", family.off)
    reset = [(question, tripped), *off, *family.tell(command), (family.is_on, family.off)]
    with family.playing([*reset, (question, fine)]) as net:
        session = Uninterrupted(net)
        getattr(net, method)()
        assert session.times == 1
    what = {"clear_ovp": "OVP", "clear_ocp": "OCP"}.get(method, "OVP" if family is K2200 else "protection")
    with family.playing([*reset, (question, tripped)]) as net, pytest.raises(Rejected, match=f"its {what} is still"):
        getattr(net, method)()
    switched_on = [*reset[:-1], (family.is_on, family.on), *off]
    with family.playing(switched_on) as net, pytest.raises(Rejected, match="switched the output on"):
        getattr(net, method)()


@pytest.mark.parametrize("cleared", CLEARED.values(), ids=CLEARED.keys())
def test_a_reset_that_fails_leaves_the_output_off(cleared: Cleared) -> None:
    family, method, (question,), command, tripped, _ = cleared
    off = family.switched("OFF", family.off)
    sent = [(question, tripped), *off, *family.tell(command)[:-1]]
    assert family.no_error is not None
    error = (family.no_error[0], '-200,"Execution error"')
    with family.playing([*sent, error, family.no_error, *off]) as net, pytest.raises(Rejected, match="-200"):
        getattr(net, method)()
    cut = [*sent, (family.no_error[0], CUT), *family.opening, *off]
    with family.playing(cut) as net, pytest.raises(InstrumentUnreachable):
        getattr(net, method)()
    unknown = [*sent, family.no_error, (family.is_on, CUT), *family.opening, *off]
    with family.playing(unknown) as net, pytest.raises(InstrumentUnreachable):
        getattr(net, method)()


@pytest.mark.parametrize("cleared", CLEARED.values(), ids=CLEARED.keys())
def test_an_untripped_output_stays_on_or_is_reset_while_off(cleared: Cleared) -> None:
    family, method, (question,), command, _, fine = cleared
    with family.playing([(question, fine), (family.is_on, family.on)]) as net:
        getattr(net, method)()
    reset = [*family.switched("OFF", family.off), *family.tell(command), (family.is_on, family.off)]
    with family.playing([(question, fine), (family.is_on, family.off), *reset, (question, fine)]) as net:
        getattr(net, method)()


@pytest.mark.parametrize("answers", [("1",), ("0", "1")])
def test_clear_of_an_e36300_resets_whichever_protection_has_tripped(answers: tuple[str, ...]) -> None:
    asked = list(zip(("VOLT:PROT:TRIP? (@2)", "CURR:PROT:TRIP? (@2)"), answers, strict=False))
    reset = [*E36300.switched("OFF", "0"), *E36300.tell("OUTP:PROT:CLE (@2)"), (E36300.is_on, "0")]
    with E36300.playing([*asked, *reset, *asked]) as net, pytest.raises(Rejected, match="its protection is still"):
        net.clear()


def test_an_over_current_protection_that_has_no_level_says_which_limit_it_needs() -> None:
    with E36300.playing([("CURR? (@2)", "0.5")]) as net, pytest.raises(InvalidArgument) as caught:
        net.set_ocp(0.6)
    assert caught.value.what.endswith("trips at its current limit of 500.000 mA.")
    assert caught.value.hint == "Set the current limit to 600.000 mA first."


def test_clear_of_a_dp800_resets_both_protections() -> None:
    script: Script = [
        (":OUTP:OVP:QUES? CH1", "NO"),
        (":OUTP? CH1", "ON"),
        (":OUTP:OCP:QUES? CH1", "NO"),
        (":OUTP? CH1", "ON"),
    ]
    with DP800.playing(script) as supply:
        session = Uninterrupted(supply)
        supply.clear()
        assert session.times == 1


def test_clear_of_an_e36300_asks_for_both_protections() -> None:
    asked: Script = [("VOLT:PROT:TRIP? (@2)", "0"), ("CURR:PROT:TRIP? (@2)", "1")]
    done = [*E36300.switched("OFF", "0"), *E36300.tell("OUTP:PROT:CLE (@2)"), ("OUTP? (@2)", "0")]
    with E36300.playing([*asked, *done, ("VOLT:PROT:TRIP? (@2)", "0"), ("CURR:PROT:TRIP? (@2)", "0")]) as supply:
        supply.clear()


@pytest.mark.parametrize("method", ["set_ocp", "clear_ocp"])
def test_a_function_that_a_model_does_not_have_is_named(method: str) -> None:
    with K2200.playing([]) as supply, pytest.raises(InstrumentError, match="2200-20-5 has no over-current protection"):
        getattr(supply, method)(*[1] * method.startswith("set"))


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
@pytest.mark.parametrize("answer", ["MAYBE", "3", "-9.9E37"])
def test_an_answer_other_than_on_or_off_is_an_error(family: Family, answer: str) -> None:
    with family.playing(family.switched("OFF", answer)) as net, pytest.raises(BadReply, match=r"answered .* with"):
        net.disable()


RANGES = [
    (CELL, "soc", 0, 100, 0.001),
    (CELL, "capacity", 0.001, 99, 0.0001),
    (CELL, "current_limit", 0, 6.1, 0.001),
    (CELL, "esr", -100, 100, 0.001),
    (CELL, "voc", 0, None, 0.001),
    (CELL, "voltage_full", 0, None, 0.001),
    (CELL, "voltage_empty", 0, None, 0.001),
    (CELL, "ovp", 0.5, 21, 0.01),
    (CELL, "ocp", 0.1, 6.1, 0.01),
    (SINK, "current", 0, None, 0.001),
    (SINK, "voltage", 0, None, 0.001),
    (SINK, "resistance", 0.001, None, 0.0001),
    (SINK, "power", 0, None, 0.001),
]


@pytest.mark.parametrize(("family", "method", "low", "high", "past"), RANGES)
def test_the_ends_of_a_range_are_accepted_and_values_past_them_are_never_sent(
    family: Family, method: str, low: float, high: float | None, past: float
) -> None:
    level = next(level for level in LEVELS.values() if (level.family, level.method) == (family, method))
    for end, beyond in ((low, low - past), (high, None if high is None else high + past)):
        if end is None or beyond is None:
            continue
        with family.playing([*level.__class__(**{**vars(level), "value": end}).script(end), *level.after]) as net:
            assert getattr(net, method)(end) == end
        with family.playing([]) as net, pytest.raises(InvalidArgument, match=f"{beyond:g} "):
            getattr(net, method)(beyond)
