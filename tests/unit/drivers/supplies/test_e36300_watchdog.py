"""The watchdog of an E36300: armed for the shortest time of its nets, read back, and looked after before a reset."""

from dataclasses import replace

import pytest

from lager.errors import Rejected
from lager.instruments.drivers.supplies.keysight_e36300 import set_watchdog
from tests.unit.drivers.families import E36300, Script, Uninterrupted

ARMED: Script = [("OUTP:PROT:WDOG?", "1"), ("OUTP:PROT:WDOG:DEL?", "10")]
DISARMED: Script = [("OUTP:PROT:WDOG?", "0")]
ARM: Script = [*E36300.tell("OUTP:PROT:WDOG:DEL 10"), *E36300.tell("OUTP:PROT:WDOG ON")]
DISARM = E36300.tell("OUTP:PROT:WDOG OFF")


@pytest.mark.parametrize(
    ("deadmen", "script"),
    [
        ([30, 10], [*DISARMED, *ARM, *ARMED]),
        ([10], [("OUTP:PROT:WDOG?", "1"), ("OUTP:PROT:WDOG:DEL?", "30"), *ARM, *ARMED]),
        ([10], ARMED),
        ([], [*ARMED, *DISARM, *DISARMED]),
        ([], DISARMED),
    ],
    ids=["armed", "another time", "armed already", "disarmed", "disarmed already"],
)
def test_a_watchdog_is_set_and_read_back_in_one_exchange(deadmen: list[int], script: Script) -> None:
    with E36300.playing(script) as net:
        session = Uninterrupted(net)
        set_watchdog(net.session, [replace(net.config, deadman=seconds) for seconds in deadmen])
        assert session.times == 1


@pytest.mark.parametrize(
    ("deadmen", "script", "said"),
    [
        ([10], [*DISARMED, *ARM, ("OUTP:PROT:WDOG?", "1"), ("OUTP:PROT:WDOG:DEL?", "20")], "20 s instead of 10."),
        ([10], [*DISARMED, *ARM, *DISARMED], "off instead of 10."),
        ([], [*ARMED, *DISARM, *ARMED], "10 s instead of off."),
    ],
)
def test_a_watchdog_that_does_not_take_its_setting_is_an_error(deadmen: list[int], script: Script, said: str) -> None:
    with E36300.playing(script) as net, pytest.raises(Rejected) as caught:
        set_watchdog(net.session, [replace(net.config, deadman=seconds) for seconds in deadmen])
    assert caught.value.what.endswith(f"reads back {said}")


def test_a_watchdog_that_was_left_armed_is_looked_after_before_a_reset_in_the_same_exchange() -> None:
    happened: list[int] = []
    reset = [*E36300.switched("OFF", "0"), *E36300.tell("OUTP:PROT:CLE (@2)"), ("OUTP? (@2)", "0")]
    script = [("VOLT:PROT:TRIP? (@2)", "1"), *reset, ("VOLT:PROT:TRIP? (@2)", "0")]
    with E36300.playing(script) as net:
        session = Uninterrupted(net)
        net.session.before_on = lambda: happened.append(session.times)
        net.clear_ovp()
        assert (happened, session.times) == ([1], 1)


@pytest.mark.parametrize(("deadman", "said"), [(10, "its watchdog has probably tripped"), (0, "")])
def test_an_output_that_stays_off_for_no_other_reason_may_be_off_by_its_watchdog(deadman: int, said: str) -> None:
    state: Script = [
        ("MEAS:VOLT? (@2)", "0"), ("MEAS:CURR? (@2)", "0"), ("CURR? (@2)", "0.5"), ("OUTP? (@2)", "0"),
        ("VOLT? (@2)", "5"), ("VOLT:PROT? (@2)", "8.8"), ("VOLT:PROT:TRIP? (@2)", "0"),
        ("CURR:PROT:STAT? (@2)", "0"), ("CURR:PROT:TRIP? (@2)", "0"),
    ]  # fmt: skip
    with E36300.playing([*E36300.switched("ON", "0"), *state]) as net:
        net.config = replace(net.config, deadman=deadman)
        with pytest.raises(Rejected, match=said or "reads back OFF"):
            net.enable()
