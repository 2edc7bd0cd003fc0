"""What is done through a paused script's open instrument: readings take it as it is, settings keep every limit."""

import json
import threading
from contextlib import contextmanager
from typing import Any

import pytest

from lager.drivers.replay import playing
from lager.drivers.scripted_instrument import CUT
from lager.errors import AccessDenied, Failed, InstrumentBusy, InstrumentError, LimitExceeded
from lager.instruments.drivers.base.state import State
from lager.instruments.drivers.base.supply_state import SupplyState
from lager.instruments.while_paused import session_lock, through
from lager.nets.actions import ACTIONS, NAMES, is_setting
from lager.nets.model import NetType
from lager.process import threads
from tests.unit.drivers.exchanges import keithley_2281s as k2281s
from tests.unit.drivers.exchanges import labjack_t7 as t7
from tests.unit.drivers.exchanges import rigol_dp800 as dp800
from tests.unit.drivers.families import Script

ADC = "type = 'adc'\nchannel = 'AIN3'"
SUPPLY = "type = 'supply'\nchannel = 1\nmax_voltage = 5"
BATTERY = "type = 'battery'"


def ask(driver: Any, action: str, net: str = "it", check: Any = lambda: None, **asked: Any) -> Any:
    asked = {"instrument": driver.config.instrument.key, "net": net, "action": action, "may_set": True, **asked}
    answer = json.loads(json.dumps(through.carry_out(asked, lambda: None, check)))
    return answer.get("state", answer.get("value"))


def test_an_input_is_read_with_the_range_that_it_has_now() -> None:
    with playing([*t7.OPEN_ADC, t7.read(5, 40006, "f", 1.0), t7.read(6, 6, "f", 0.5)], "T7", ADC) as adc:
        assert ask(adc, "input") == pytest.approx(0.5)


def test_a_reading_at_the_end_of_the_range_that_it_has_now_is_an_error() -> None:
    script = [*t7.OPEN_ADC, t7.read(5, 40006, "f", 1.0), t7.read(6, 6, "f", 1.01)]
    with playing(script, "T7", ADC) as adc, pytest.raises(Exception, match="end of its range of ±1 V"):
        ask(adc, "input")


def test_an_input_that_the_script_does_not_have_is_read_and_not_set_up() -> None:
    with playing([*t7.OPEN_ADC, t7.read(5, 40010, "f", 0.0), t7.read(6, 10, "f", 0.5)], "T7", ADC) as adc:
        assert ask(adc, "input", "other", type="adc", channel=5) == pytest.approx(0.5)


def test_a_reading_that_reconnects_sets_up_nothing_and_the_script_does() -> None:
    lost = (t7.read(5, 40006, "f", 0.0)[0], CUT)
    read = [*t7.OPEN, t7.read(2, 40006, "f", 10.0), t7.read(3, 6, "f", 1.5)]
    set_up = [t7.write(4, 40006, "f", 10.0), t7.write(5, 41003, "H", 199), t7.write(6, 41503, "H", 0)]
    script = [*t7.OPEN_ADC, lost, *read, *set_up, t7.read(7, 6, "f", 2.0)]
    with playing(script, "T7", ADC) as adc:
        with pytest.raises(InstrumentError):
            ask(adc, "input")
        assert ask(adc, "input") == pytest.approx(1.5)
        assert adc.input() == pytest.approx(2.0)


def test_a_net_in_another_role_than_the_instrument_is_refused_and_the_role_is_left() -> None:
    with (
        playing([*k2281s.OPEN_SUPPLY, (":ENTR:FUNC?", "POWER")], "2281S", "type = 'supply'") as supply,
        pytest.raises(InstrumentError, match="works as a supply, not as a battery"),
    ):
        ask(supply, "soc", "battery1", type="battery")


def test_a_coupled_output_is_read_and_switched_off_but_not_set() -> None:
    script: Script = [*dp800.OPEN, (":OUTP:TRAC? CH1", "OFF"), (":OUTP:TRAC? CH2", "OFF"), (":SYST:ONOFFS?", "OFF")]
    script += [(":MEAS:ALL? CH1", "1.0,0.1,0.1"), (":OUTP:TRAC? CH1", "ON")]
    script += [(":OUTP CH1,OFF", None), (":SYST:ERR?", '0,"No error"'), (":OUTP? CH1", "OFF")]
    idn = [(request, str(reply).replace("DP821", "DP832") if reply else reply) for request, reply in script]
    with playing(idn, "DP832", SUPPLY) as supply:
        assert ask(supply, "voltage") == pytest.approx(1.0)
        with pytest.raises(InstrumentError, match="track each other"):
            ask(supply, "voltage", value=2.0)
        assert ask(supply, "disable") is None


@pytest.mark.parametrize("asked", [{"value": 5.1}, {"value": 4.1, "max_voltage": 4.0}])
def test_the_smaller_limit_holds(asked: dict[str, Any]) -> None:
    with playing(dp800.OPEN, "DP821", SUPPLY) as supply, pytest.raises(LimitExceeded, match="over its limit of"):
        ask(supply, "voltage", max_current=1.0, **asked)


def test_a_caller_cannot_widen_a_limit() -> None:
    with playing(dp800.OPEN, "DP821", SUPPLY) as supply, pytest.raises(LimitExceeded, match="limit of 5 V"):
        ask(supply, "voltage", value=6.0, max_voltage=60.0)


def test_a_setting_that_lagerd_has_not_allowed_is_refused() -> None:
    with playing(dp800.OPEN, "DP821", SUPPLY) as supply:
        setting: dict[str, Any]
        for setting in ({"action": "voltage", "value": 1.0}, {"action": "enable"}, {"action": "clear"}):
            with pytest.raises(AccessDenied, match="You may only read it"):
                ask(supply, may_set=False, **setting)


def test_a_pause_that_ends_cuts_a_state_between_two_questions() -> None:
    script = [*dp800.OPEN, (":MEAS:ALL? CH1", "1.0,0.1,0.1"), (":OUTP? CH1", "ON"), (":OUTP? CH1", "ON")]
    with playing(script, "DP821", SUPPLY) as supply:
        counted = iter([None, None, None])

        def check() -> None:
            if next(counted, "over"):
                raise Failed("The pause has ended.")

        with pytest.raises(Failed, match=r"The pause has ended\."):
            ask(supply, "state", check=check)
        assert supply._is_on()


def test_another_thread_of_the_script_may_keep_the_instrument_for_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_lock, "_SECONDS", 0.01)
    with (
        playing(dp800.OPEN, "DP821", SUPPLY) as supply,
        held_elsewhere(supply.session.lock),
        pytest.raises(InstrumentBusy, match="Another thread of the script has been using it"),
    ):
        ask(supply, "voltage")


@contextmanager
def held_elsewhere(lock: Any, *, paused: bool = False) -> Any:
    """Another thread holds the lock, perhaps as a paused one."""
    has, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with lock, threads.counted_in(threads.paused if paused else set()):
            has.set()
            may_end.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    has.wait()
    try:
        yield
    finally:
        may_end.set()
        thread.join()


def test_a_thread_of_lager_does_not_wait_for_a_paused_one_and_one_of_the_script_may() -> None:
    with playing(dp800.OPEN, "DP821", SUPPLY) as supply, held_elsewhere(supply.session.lock, paused=True):
        assert not threads.waits_for_paused(supply.session.lock)
        with threads.counted_in(threads.ours):
            assert threads.waits_for_paused(supply.session.lock)
            with pytest.raises(InstrumentError, match="The paused thread is in the middle of a call on it"):
                supply.voltage()
            with pytest.raises(InstrumentBusy, match="The paused thread is in the middle of a call on it"):
                ask(supply, "voltage")
    assert not threads.paused
    assert not threads.ours


def test_an_instrument_that_is_closed_meanwhile_is_said_to_be() -> None:
    with playing(dp800.OPEN, "DP821", SUPPLY) as supply:
        supply.close()
        with pytest.raises(Exception, match=r"The script no longer has .* open"):
            ask(supply, "voltage")


def test_every_action_names_methods_of_the_drivers_and_none_waits() -> None:
    from lager.instruments.drivers import scpi_net
    from lager.instruments.drivers.base import dmm, supply, switch
    from lager.instruments.drivers.batteries import keithley_2281s
    from lager.instruments.drivers.data_acquisition import labjack_t7
    from lager.instruments.drivers.loads import rigol_dl3000

    drivers = {
        NetType.PowerSupply: supply.Supply, NetType.Battery: keithley_2281s.Battery, NetType.ELoad: rigol_dl3000.Load,
        NetType.ADC: labjack_t7.Adc, NetType.DAC: labjack_t7.Dac, NetType.GPIO: labjack_t7.Gpio,
        NetType.SCPI: scpi_net.ScpiNet, NetType.Switch: switch.Switch, NetType.DMM: dmm.Dmm,
        NetType.Thermocouple: labjack_t7.Thermocouple,
    }  # fmt: skip
    assert ACTIONS.keys() - drivers.keys() == {NetType.UART}
    for type, driver in drivers.items():
        for action in ACTIONS[type].values():
            for name in (action.read, action.write, action.do):
                assert not name or callable(getattr(driver, name.partition(".")[0]))
    assert "wait_for_level" not in NAMES
    doing = ["clear", "clear-ocp", "clear-ovp", "cycle", "disable", "enable", "off", "on", "release", "set", "toggle"]
    assert [name for name in sorted(NAMES) if is_setting(name, None)] == doing
    assert is_setting("state", 1.0)


@pytest.mark.parametrize("plain", [None, [], {}, {"net": "x", "unread": []}, {"net": 5}])
def test_a_state_of_another_process_may_be_anything(plain: Any) -> None:
    try:
        state = SupplyState.from_plain(plain)
    except (TypeError, ValueError, AttributeError, KeyError):
        return
    assert isinstance(state, State)
    assert "\x1b" not in str(SupplyState.from_plain({"net": "\x1b[2J", "mode": "\x1b", "enabled": True, "new": 1}))
