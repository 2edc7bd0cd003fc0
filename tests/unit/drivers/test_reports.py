"""What a driver reports of a setting that it changes while a script is paused: from which value, to which."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lager.drivers.scripted_instrument import CUT
from lager.errors import BadReply, InstrumentError, InstrumentTimeout, InstrumentUnreachable, LagerError, Rejected
from lager.instruments.drivers.base import setting as base
from lager.instruments.drivers.base.setting import Setting, report_in
from tests.unit.drivers.exchanges import keithley_2281s as smu
from tests.unit.drivers.families import CELL, DP800, SMU, TRIP, Script, Uninterrupted

ASKED = ":SOUR1:VOLT?"
VOLTAGE: Script = [*DP800.tell(":SOUR1:VOLT 3.3"), (ASKED, "3.3")]


class Listener:
    """Hears each report, as (setting, old value, new value), while a script is paused."""

    def __init__(self, net: Any) -> None:
        self.heard: list[list[tuple[str, Any, Any]]] = []
        net.session.reporter = self

    def is_wanted(self) -> bool:
        return True

    def report(self, net: Any, found: Any) -> None:
        assert net.name == "it"
        self.heard.append([(setting.name, old, new) for setting, old, new in found])


def test_what_changed_is_reported_once_and_noted_in_one_exchange() -> None:
    with DP800.playing([(ASKED, "5"), *VOLTAGE, (ASKED, "3.3")]) as net:
        listener, session = Listener(net), Uninterrupted(net)
        assert net.set_voltage(3.3) == 3.3
        assert session.times == 1
        assert listener.heard == [[("voltage", 5.0, 3.3)]]
        assert list(net.session.sets) == [(0, ("it", "voltage"), 5.0, 3.3)]
        assert not net.session.observed


def test_what_is_set_to_the_value_that_it_has_is_not_reported() -> None:
    with DP800.playing([(ASKED, "3.303"), *VOLTAGE, (ASKED, "3.3")]) as net:
        listener = Listener(net)
        net.set_voltage(3.3)
        assert listener.heard == []
        assert list(net.session.sets) == []


def test_a_method_that_calls_others_reports_once() -> None:
    reset: Script = [(DP800.is_on, "OFF"), *DP800.switched("OFF", "OFF")]

    def cleared(name: str) -> Script:
        asked = (f":OUTP:{name}:QUES? CH1", "NO")
        return [asked, *reset, *DP800.tell(f":OUTP:{name}:CLEAR CH1"), (DP800.is_on, "OFF"), asked]

    script = [(DP800.is_on, "ON"), *cleared("OVP"), *cleared("OCP"), (DP800.is_on, "OFF")]
    with DP800.playing(script) as net:
        listener = Listener(net)
        net.clear()
        assert listener.heard == [[("output", True, False)]]


def test_a_change_that_failed_is_reported_as_far_as_it_went() -> None:
    wrong: Script = [*DP800.tell(":SOUR1:VOLT 3.3"), (ASKED, "4")]
    with DP800.playing([(ASKED, "5"), *wrong, (ASKED, "4")]) as net:
        listener = Listener(net)
        with pytest.raises(Rejected):
            net.set_voltage(3.3)
        assert listener.heard == [[("voltage", 5.0, 4.0)]]
        assert not net.session.observed


def test_a_change_that_failed_without_a_trace_is_not_reported() -> None:
    cut: Script = [(":SOUR1:VOLT 3.3", None), (DP800.no_error[0], CUT)] if DP800.no_error else []
    for after in ([*DP800.opening, (ASKED, "MAYBE")], [*DP800.opening, (ASKED, CUT)]):
        with DP800.playing([(ASKED, "5"), *cut, *after]) as net:
            listener = Listener(net)
            with pytest.raises(InstrumentUnreachable):
                net.set_voltage(3.3)
            assert listener.heard == []


@pytest.mark.parametrize(("before", "after"), [("MAYBE", "3.3"), ("5", "MAYBE")])
def test_a_value_that_could_not_be_read_is_reported_as_unknown(before: str, after: str) -> None:
    # An answer that cannot be read ends the connection.
    again = DP800.opening if before == "MAYBE" else []
    with DP800.playing([(ASKED, before), *again, *VOLTAGE, (ASKED, after)]) as net:
        listener = Listener(net)
        net.set_voltage(3.3)
        old, new = (None, 3.3) if before == "MAYBE" else (5.0, None)
        assert listener.heard == [[("voltage", old, new)]]


def test_a_value_that_can_be_read_neither_before_nor_after_is_not_reported() -> None:
    with DP800.playing([(ASKED, "MAYBE"), *DP800.opening, *VOLTAGE, (ASKED, "MAYBE")]) as net:
        listener = Listener(net)
        net.set_voltage(3.3)
        assert listener.heard == []


ROLE = ":ENTR:FUNC?"
# The instrument is a battery that is off: the net of the supply enters its role with the first setting.
OTHER_ROLE: Script = [(ROLE, "SIM"), (":BATT:OUTP?", "0")]
ENTERED: Script = [*OTHER_ROLE, *SMU.tell(":ENTR:FUNC POWER"), (ROLE, "POWER")]


@pytest.mark.parametrize(
    ("method", "word", "answer", "also"), [("disable", "OFF", "0", []), ("enable", "ON", "1", [("output", None, True)])]
)
def test_a_new_role_is_reported_and_an_output_that_is_off_in_it_is_not(
    method: str, word: str, answer: str, also: list[Any]
) -> None:
    script = [(ROLE, "SIM"), *ENTERED, *SMU.switched(word, answer), (ROLE, "POWER"), (SMU.is_on, answer)]
    with replace(SMU, opening=[*smu.OPEN, *OTHER_ROLE]).playing(script) as net:
        listener = Listener(net)
        getattr(net, method)()
        assert listener.heard == [[("role", "battery", "supply"), *also]]


def test_a_reading_is_not_reported_and_a_value_is_however_it_is_given() -> None:
    told: Script = [TRIP[0], *CELL.tell(":BATT:SIM:METH STAT"), (":BATT:SIM:METH?", "STAT")]
    around: Script = [(ROLE, "SIM"), (":BATT:SIM:METH?", "DYN"), *told, (ROLE, "SIM"), (":BATT:SIM:METH?", "STAT")]
    for arguments, options in ((["static"], {}), ([], {"value": "static"}), ([], {"mode_type": "static"})):
        with CELL.playing([(":BATT:SIM:METH?", "DYN"), *around]) as net:
            listener = Listener(net)
            assert net.mode() == "dynamic"
            assert listener.heard == []
            assert net.mode(*arguments, **options) == "static"
            assert listener.heard == [[("mode", "dynamic", "static")]]


def test_two_values_differ_by_more_than_half_a_step() -> None:
    volts = Setting("voltage", lambda: 0.0, "V", 0.5)
    assert [volts.differs(5.0, other) for other in (5.0, 5.25, 4.75, 5.26, 4.74, -5.0)] == [
        False, False, False, True, True, True,
    ]  # fmt: skip
    assert volts.differs(5.0, "unknown")
    word = Setting("mode", lambda: "CC")
    assert (word.differs("CC", "CV"), word.differs("CC", "CC"), word.differs(1.0, 1.1)) == (True, False, True)


def raising(error: LagerError) -> Callable[..., Any]:
    def read() -> None:
        raise error

    return read


def test_settings_are_read_until_the_instrument_does_not_answer_or_has_another_role() -> None:
    def named(name: str) -> Setting:
        return Setting(name, lambda: name)

    checks: list[int] = []
    unread = Setting("model", raising(BadReply("x")))
    assert base.read([named("a"), unread, named("b")], lambda: checks.append(1)) == {"a": "a", "b": "b"}
    assert len(checks) == 3
    for error in (InstrumentTimeout("x"), InstrumentUnreachable("x")):
        assert base.read([named("a"), Setting("model", raising(error)), named("b")]) == {"a": "a"}
    role = Setting("role", lambda: "supply", gate="supply")
    assert base.read([role, named("b")]) == {"role": "supply", "b": "b"}
    other = Setting("role", lambda: "battery", gate="supply")
    assert base.read([other, named("b")]) == {"role": "battery"}


def order_of(changed: dict[str, tuple[Any, Any]]) -> list[str]:
    """The names of the settings of a supply in the order in which they are set back, from one value to another."""
    with DP800.playing([]) as net:
        settings = {one.name: one for one in net.settings()}
    return sorted(changed, key=lambda name: settings[name].turn_back(*changed[name]))


def test_what_is_on_only_for_now_is_off_before_anything_of_it_rises() -> None:
    assert order_of({"ovp": (4.0, 9.5), "voltage": (3.3, 9.0), "output": (True, False)})[0] == "output"
    assert order_of({"output": (False, True), "voltage": (9.0, 3.3)})[-1] == "output"  # which is refused


def test_each_kind_of_setting_has_its_turn() -> None:
    changed = {
        "current": (0.1, 0.5), "ocp": (0.6, 0.2), "voltage": (3.3, 3.0), "ovp": (4.0, 4.5), "output": (True, False),
    }  # fmt: skip
    assert order_of(changed) == ["output", "voltage", "ocp", "ovp", "current"]
    others = [Setting("x", float, turn=turn).turn_back("a", "b") for turn in (base.OTHER, base.OTHER + 1)]
    assert order_of({"current": (0.1, 0.5)}) == ["current"]
    assert 4 < others[0] < others[1] < Setting("x", float, turn=base.LAST).turn_back("0", "1")


def test_what_goes_down_or_off_is_known() -> None:
    output = Setting("x", float, turn=base.LAST)
    pairs: list[tuple[Any, Any]] = [(True, False), ("1", "0"), ("1", "not driven"), (3.0, 2.5), (3.0, 0.0)]
    assert all(output.goes_off(now, then) for now, then in pairs)
    assert not any(output.goes_off(then, now) for now, then in pairs if then != "not driven")
    assert not output.goes_off("not driven", "1")
    assert not Setting("x", float).goes_off(True, False)


def test_no_setpoint_is_above_its_protection_while_both_are_set_back() -> None:
    assert order_of({"ovp": (9.5, 4.0), "voltage": (9.0, 3.0)}) == ["voltage", "ovp"]
    assert order_of({"voltage": (3.0, 9.0), "ovp": (4.0, 9.5)}) == ["ovp", "voltage"]
    armed = {"ocp": (1.0, 0.2), "ocp_enabled": (False, True), "current": (0.9, 0.1)}
    assert order_of(armed) == ["current", "ocp_enabled", "ocp"]
    assert order_of({"current": (0.1, 0.9), "voltage": (9.0, 3.0)}) == ["voltage", "current"]  # within max_power


class Methods:
    """One method for each value that has another name in the public manual."""

    def is_reported(self) -> bool:
        return False

    def set_voltage(self, volts: float) -> float:
        return volts

    def set_current(self, amperes: float) -> float:
        return amperes

    def set_ovp(self, volts: float) -> float:
        return volts

    def set_ocp(self, amperes: float) -> float:
        return amperes

    def mode(self, value: str | None = None) -> str | None:
        return value

    def model(self, value: str | None = None) -> str | None:
        return value

    def output(self, volts: float | None = None) -> float | None:
        return volts

    def cycle(self, seconds: float = 1.0) -> float:
        return seconds

    def enable(self) -> str:
        unit = "enabled"
        return unit


OTHER_NAMES = {
    "set_voltage": "value", "set_current": "value", "set_ovp": "limit", "set_ocp": "limit", "mode": "mode_type",
    "model": "partnumber", "output": "voltage", "cycle": "off_time",
}  # fmt: skip
report_in(Methods, [*OTHER_NAMES, "enable"])


@pytest.mark.parametrize(("method", "other"), OTHER_NAMES.items())
def test_a_value_has_the_name_of_the_public_manual_too_and_only_one_of_both(method: str, other: str) -> None:
    call: Any = getattr(Methods(), method)
    assert call(2) == call(**{other: 2}) == 2
    own = call.__wrapped__.__code__.co_varnames[1]
    for arguments, options in (([1], {other: 2}), ([], {own: 1, other: 2})):
        with pytest.raises(TypeError):
            call(*arguments, **options)
    assert Methods().enable() == "enabled"


def test_a_method_without_a_value_takes_none() -> None:
    with pytest.raises(TypeError):
        Methods().enable(unit=2)  # type: ignore[call-arg]


def test_a_name_that_is_no_method_is_left_as_it_is() -> None:
    class Other:
        GUARDS = ("max_voltage",)

    report_in(Other, ["GUARDS", "missing"])
    assert Other.GUARDS == ("max_voltage",)


def test_an_error_that_is_not_of_lager_ends_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(command: str) -> None:
        raise KeyboardInterrupt

    with DP800.playing([(ASKED, "5"), (ASKED, "5"), *VOLTAGE, (ASKED, "3.3")]) as net:
        listener = Listener(net)
        with monkeypatch.context() as patched:
            patched.setattr(net.session, "tell", interrupted)
            with pytest.raises(KeyboardInterrupt):
                net.set_voltage(3.3)
        net.set_voltage(3.3)
        assert listener.heard == [[("voltage", 5.0, 3.3)]]


def test_a_change_of_a_net_whose_instrument_does_not_answer_is_an_error_before_it_is_sent() -> None:
    with DP800.playing([]) as net:
        Listener(net)
        net.close()
        with pytest.raises(InstrumentError, match="is closed"):
            net.set_voltage(3.3)
