"""A 2281S is a supply or a battery: which role it has, when a net enters its own, and what keeps its output off."""

import re
from dataclasses import replace

import pytest

from lager.errors import BadReply, InstrumentError, OtherRole, Rejected
from tests.unit.drivers.exchanges import keithley_2281s as smu
from tests.unit.drivers.families import CELL, SMU, Family, Script, Uninterrupted

ROLE, BATTERY_ON, SUPPLY_ON = ":ENTR:FUNC?", ":BATT:OUTP?", ":OUTP?"
AS_BATTERY: Script = [(ROLE, "SIM"), (BATTERY_ON, "0")]
VOLTAGE: Script = [*SMU.tell(":VOLT 3.3"), (":VOLT?", "3.3")]
ENTERED: Script = [*AS_BATTERY, *SMU.tell(":ENTR:FUNC POWER"), (ROLE, "POWER")]


def opened(*opening: tuple[str, str], of: Family = SMU) -> Family:
    """A family whose net is opened with these questions after its identity."""
    return replace(of, opening=[*smu.OPEN, *opening])


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ("POWER", "supply"), ("POW", "supply"), ("TEST", "battery test"), ("SIMULATOR", "battery"), ("SIM", "battery"),
    ],
)  # fmt: skip
def test_each_role_has_a_name_and_a_net_has_the_one_of_its_type(word: str, role: str) -> None:
    for family, own in ((SMU, "supply"), (CELL, "battery")):
        with family.playing([(ROLE, word)]) as net:
            setting = net.settings()[0]
            assert (setting.name, setting.read(), setting.gate) == ("role", role, own)


@pytest.mark.parametrize("answer", ["BATT", "1", ""])
def test_a_role_that_is_not_known_is_an_error(answer: str) -> None:
    with pytest.raises(BadReply), opened((ROLE, answer)).playing([]):
        pass


@pytest.mark.parametrize(
    ("family", "word", "question", "role"),
    [
        (SMU, "SIM", BATTERY_ON, "battery"),
        (SMU, "TEST", BATTERY_ON, "battery test"),
        (CELL, "POWER", SUPPLY_ON, "supply"),
        (CELL, "TEST", BATTERY_ON, "battery test"),
    ],
)
@pytest.mark.parametrize("answer", ["1", "ON"])
def test_a_role_whose_output_is_on_is_not_ended(
    family: Family, word: str, question: str, role: str, answer: str
) -> None:
    said = pytest.raises(InstrumentError, match=f"is in use as a {role}, and its output is on")
    with said, opened((ROLE, word), (question, answer), of=family).playing([]):
        pass
    # It was off when the net was opened.
    with opened((ROLE, word), (question, "0"), of=family).playing([(ROLE, word), (question, answer)]) as net, said:
        net.settings()[1].write(1)


@pytest.mark.parametrize("answer", ["OFF", "0", "DIS", "DISABLE", "2"])
def test_a_role_whose_output_is_off_is_ended_by_the_first_setting_alone(answer: str) -> None:
    off = (BATTERY_ON, answer)
    entered = [(part[0], answer) if part[0] == BATTERY_ON else part for part in ENTERED]
    with opened((ROLE, "SIM"), off).playing([*entered, *VOLTAGE, *VOLTAGE]) as net:
        session = Uninterrupted(net)
        assert net.set_voltage(3.3) == 3.3
        assert session.times == 1
        assert net.set_voltage(3.3) == 3.3


def test_a_role_that_the_instrument_does_not_take_is_an_error_and_nothing_is_set() -> None:
    script = [*AS_BATTERY, *SMU.tell(":ENTR:FUNC POWER"), (ROLE, "SIM")]
    said = re.escape("':ENTR:FUNC POWER', but reads back SIMULATOR")
    with opened(*AS_BATTERY).playing(script) as net, pytest.raises(Rejected, match=said):
        net.set_voltage(3.3)


def test_a_role_that_came_back_meanwhile_is_not_entered_again() -> None:
    with opened(*AS_BATTERY).playing([(ROLE, "POWER"), *VOLTAGE, *VOLTAGE]) as net:
        net.set_voltage(3.3)
        net.set_voltage(3.3)


def test_a_check_changes_nothing_and_is_remembered() -> None:
    said = pytest.raises(OtherRole, match="works as a battery test, not as a supply")
    with SMU.playing([(ROLE, "TEST"), *ENTERED, *VOLTAGE]) as net:
        with said as caught:
            net.check()
        assert caught.value.hint.startswith("it can be used when")
        net.set_voltage(3.3)
    with opened(*AS_BATTERY).playing([(ROLE, "POWER"), *VOLTAGE]) as net:
        net.check()
        net.set_voltage(3.3)


def test_whether_it_is_in_its_role_is_asked_in_one_exchange() -> None:
    with opened(*AS_BATTERY).playing([*AS_BATTERY, (ROLE, "POW")]) as net:
        session = Uninterrupted(net)
        assert net.is_in_role() is False
        assert session.times == 1
        assert net.is_in_role() is True


TRIPS = {
    "OTP": ([], "OTP (over-temperature) tripped"),
    "RVS": ([], "RVS (sense leads reversed) tripped"),
    "OPS": ([], "OPS (sense leads open) tripped"),
    "OVP": ([("{}?", "21V")], "OVP tripped at 21 V"),
    "OCP": ([("{}?", "6.1A")], "OCP tripped at 6.1 A"),
}
LEVELS = {
    SMU.is_on: {"OVP": ":VOLT:PROT", "OCP": ":CURR:PROT"},
    CELL.is_on: {"OVP": ":BATT:SIM:TVOL:PROT", "OCP": ":BATT:SIM:CURR:PROT"},
}


@pytest.mark.parametrize("family", [SMU, CELL], ids=["supply", "battery"])
@pytest.mark.parametrize("trip", TRIPS)
def test_what_keeps_the_output_off_is_named_with_its_level(family: Family, trip: str) -> None:
    asked, said = TRIPS[trip]
    levels: Script = [(question.format(LEVELS[family.is_on].get(trip)), answer) for question, answer in asked]
    question = ":OUTP:PROT:TRIP?" if family is SMU else ":BATT:OUTP:PROT:TRIP?"
    first = family.switched("ON", family.off) if family is SMU else []
    with family.playing([*first, (question, trip), *levels]) as net, pytest.raises(Rejected) as caught:
        net.enable()
    assert caught.value.what.startswith(f"it: {said}, ")
    assert caught.value.hint.endswith("it clear")


@pytest.mark.parametrize(("trip", "answer"), [("OVP", "21A"), ("OCP", "?")])
def test_a_trip_whose_level_cannot_be_read_is_named_without_it(trip: str, answer: str) -> None:
    script: Script = [(":BATT:OUTP:PROT:TRIP?", trip), (f"{LEVELS[CELL.is_on][trip]}?", answer)]
    with CELL.playing(script) as net, pytest.raises(Rejected, match=f"it: {trip} tripped, and the output is off"):
        net.enable()
