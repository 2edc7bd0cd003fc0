"""How nets are made safe: on the simulated bench, without lagerd, as the process that lagerd starts does it."""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lager.drivers.replay import Leases
from lager.errors import InstrumentError
from lager.instruments.net import Net
from lager.instruments.safety import safe_state
from lager.instruments.safety.safe_state import Here, after_crash, make_safe, to_switch_off
from lager.nets import file as nets_file
from lager.nets.model import Nets
from lagerd.bench.bench import DefaultBench
from lagerd.bench.faults import Fault
from lagerd.bench.thread import running
from lagerd.instruments.safety import handover, safe_process
from lagerd.make_safe import process, standby
from tests.processes import PATIENCE
from tests.unit.drivers.families import Uninterrupted


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[DefaultBench]:
    with running(DefaultBench(), tmp_path) as started:
        yield started


@pytest.fixture
def path(bench: DefaultBench, tmp_path: Path) -> Path:
    return tmp_path / "nets.toml"


def nets(path: Path, **lines: str) -> Nets:
    """The nets of the bench, with these lines in the tables of these nets, and no patience with an instrument."""
    text = path.read_text()
    for name, line in lines.items():
        text = text.replace(f"[nets.{name}]\n", f"[nets.{name}]\n{line}\n")
    path.write_text(text.replace("\naddress", "\ntimeout = 0.3\naddress"))
    return nets_file.load(path)


def here(found: Nets, instrument: str) -> Here:
    return Here.on(found.instruments[instrument].key, found)


def crashed(found: Nets, instrument: str, *names: str, seconds: float = 5) -> list[tuple[str, str, str]]:
    return list(make_safe(after_crash(here(found, instrument), names), seconds=seconds))


def opened(found: Nets, name: str) -> Any:
    return Net.get(name, found.net(name).type, nets=found, claim=Leases())


def test_the_safe_state_of_a_supply_is_set_in_its_order(bench: DefaultBench, path: Path) -> None:
    found = nets(path, supply2='safe = {voltage = 1, current = 0.25, output = "off"}')
    with opened(found, "supply2") as supply:
        supply.set_voltage(3.3)
        supply.enable()
    assert crashed(found, "psu1", "supply2") == [("supply2", "", "voltage 1 V, current 0.25 A, output off")]
    with opened(found, "supply2") as supply:
        state = supply.state()
    assert (state.enabled, state.voltage_set, state.current_set) == (False, 1.0, 0.25)


@pytest.mark.parametrize(("name", "instrument"), [("supply1", "smu1"), ("battery1", "smu1"), ("eload1", "load1")])
def test_the_safe_state_off_switches_an_output_off(bench: DefaultBench, path: Path, name: str, instrument: str) -> None:
    found = nets(path, **{name: 'safe = "off"'})
    with opened(found, name) as net:
        net.enable()
    assert crashed(found, instrument, name) == [(name, "", "output off")]
    with opened(found, name) as net:
        assert net.state().enabled is False


@pytest.mark.parametrize(
    ("safe", "driven", "done", "after"),
    [
        ('safe = "off"', 1, "level 0", (True, 0)),
        ('safe = "off"', None, "not driven", (False, 1)),
        ('safe = "release"', 0, "released", (False, 1)),
        ("safe = {level = 1}", 0, "level 1", (True, 1)),
        ("safe = {level = 0}", 1, "level 0", (True, 0)),
    ],
)
def test_a_line_is_driven_low_released_or_set_to_its_level(
    bench: DefaultBench, path: Path, safe: str, driven: int | None, done: str, after: tuple[bool, int]
) -> None:
    found = nets(path, gpo1=safe)
    with opened(found, "gpo1") as line:
        if driven is not None:
            line.output(driven)
    assert crashed(found, "daq1", "gpo1") == [("gpo1", "", done)]
    with opened(found, "gpo1") as line:
        assert (line.is_driven(), line.input()) == after


@pytest.mark.parametrize(("safe", "done"), [('safe = "off"', "0 V"), ("safe = {voltage = 1.25}", "1.25 V")])
def test_the_safe_state_of_a_dac_is_a_voltage(bench: DefaultBench, path: Path, safe: str, done: str) -> None:
    found = nets(path, dac1=safe)
    with opened(found, "dac1") as dac:
        dac.output(2.5)
    assert crashed(found, "daq1", "dac1") == [("dac1", "", done)]
    with opened(found, "dac1") as dac:
        assert dac.output() == pytest.approx(float(done.split()[0]), abs=0.002)


@pytest.mark.parametrize(
    ("name", "value", "why", "done"),
    [
        ("dac1", 1.5, "left at 1.5 V: it has no safe state in the nets file.", ""),
        ("dac1", 0, "", "0 V"),
        ("gpo1", 1, "left at level 1: it has no safe state in the nets file.", ""),
        ("gpo1", 0, "", "level 0"),
        ("gpo1", None, "", "not driven"),
    ],
)
def test_switching_off_only_reads_a_dac_or_a_line_without_a_safe_state(
    bench: DefaultBench, path: Path, name: str, value: float | None, why: str, done: str
) -> None:
    found = nets(path)
    with opened(found, name) as net:
        if value is not None:
            net.output(value)
    chosen = to_switch_off(here(found, "daq1"), [name])
    assert list(make_safe(chosen, seconds=5)) == [(name, why, done)]
    with opened(found, name) as net:
        assert (
            net.is_driven() is (value is not None) if name == "gpo1" else net.output() == pytest.approx(value, abs=0.01)
        )


def test_a_dac_within_a_few_steps_of_zero_is_off(bench: DefaultBench, path: Path) -> None:
    found = nets(path)
    for volts, off in ((0.009, True), (0.02, False)):
        with opened(found, "dac1") as dac:
            dac.output(volts)
        ((_, why, done),) = make_safe(to_switch_off(here(found, "daq1"), ["dac1"]), seconds=5)
        assert (why == "", bool(done)) == (off, off)


def test_the_role_of_an_instrument_stays(bench: DefaultBench, path: Path) -> None:
    found = nets(path, supply1='safe = "off"')
    with opened(found, "battery1") as battery:
        battery.voc(3.7)
        assert crashed(found, "smu1", "supply1") == [("supply1", "", "is not in use in this role")]
        battery.enable()
        ((name, why, done),) = crashed(found, "smu1", "supply1")
        assert (name, done) == ("supply1", "")
        assert "is in use as a battery, and its output is on" in why
        assert battery.state().enabled is True


def test_the_nets_of_an_instrument_are_made_safe_in_their_order(bench: DefaultBench, path: Path) -> None:
    found = nets(path, supply2='safe = "off"\nsafe_order = 1', supply3='safe = "off"\nsafe_order = -1')
    for chosen in (
        after_crash(here(found, "psu1"), ["supply2", "supply3"]),
        to_switch_off(here(found, "psu1"), ["supply2", "supply3"]),
        to_switch_off(here(found, "psu1"), []),
    ):
        assert [name for name, _, _ in make_safe(chosen, seconds=5)] == ["supply3", "supply2"]


def test_a_net_without_an_order_comes_before_those_of_a_later_one(bench: DefaultBench, path: Path) -> None:
    found = nets(path, dac1='safe = "off"\nsafe_order = 1')
    chosen = to_switch_off(here(found, "daq1"), [])
    assert [net.name for net in chosen.nets] == ["gpi1", "gpo1", "dac1"]


def test_one_net_that_fails_keeps_none_of_the_others(bench: DefaultBench, path: Path) -> None:
    found = nets(path, gpo1='safe = "off"')
    with opened(found, "dac1") as dac:
        dac.output(1)
    made = {name: done for name, _, done in make_safe(to_switch_off(here(found, "daq1"), []), seconds=5)}
    assert made == {"dac1": "", "gpi1": "not driven", "gpo1": "not driven"}


def test_what_cannot_be_on_is_named_and_the_rest_is_chosen(bench: DefaultBench, path: Path) -> None:
    found = nets(path)
    chosen = to_switch_off(here(found, "daq1"), ["adc1", "gone", "dac1"])
    assert [net.name for net in chosen.nets] == ["dac1"]
    assert chosen.unknown == {"adc1": "A net of type adc is not an output.", "gone": f"It is not in {path}."}


def test_a_crash_with_an_unknown_net_makes_every_net_safe_once(bench: DefaultBench, path: Path) -> None:
    found = nets(path, supply2='safe = "off"')
    chosen = after_crash(here(found, "psu1"), ["gone", "supply2"])
    assert [net.name for net in chosen.nets] == ["supply2"]  # and not supply3, which has no safe state
    assert set(chosen.unknown) == {"gone"}
    assert [net.name for net in after_crash(here(found, "psu1"), ["gone"]).nets] == ["supply2"]


@pytest.mark.parametrize("fault", [Fault.NO_ANSWER, Fault.CUT, Fault.GARBAGE, Fault.HALF_ANSWER])
def test_one_lost_answer_is_asked_for_again(bench: DefaultBench, path: Path, fault: Fault) -> None:
    found = nets(path, supply2='safe = "off"')
    with opened(found, "supply2") as supply:
        supply.enable()
    bench.psu1.faults.inject(fault, count=1)
    assert crashed(found, "psu1", "supply2") == [("supply2", "", "output off")]
    assert bench.psu1.outputs[0].on is False


def test_an_instrument_that_talks_nonsense_is_given_up_at_the_second_time(bench: DefaultBench, path: Path) -> None:
    found = nets(path, supply2='safe = "off"')
    bench.psu1.faults.inject(Fault.GARBAGE, count=2)
    ((name, why, done),) = crashed(found, "psu1", "supply2")
    assert (name, done) == ("supply2", "")
    assert why
    assert crashed(found, "psu1", "supply2") == [("supply2", "", "output off")]


def test_an_instrument_that_does_not_answer_is_asked_until_the_time_is_over(bench: DefaultBench, path: Path) -> None:
    found = nets(path, supply2='safe = "off"')
    bench.psu1.faults.inject(Fault.NO_ANSWER, count=4)
    assert crashed(found, "psu1", "supply2", seconds=0.1)[0][1] != ""
    assert bench.psu1.faults.left == 3
    assert crashed(found, "psu1", "supply2", seconds=10) == [("supply2", "", "output off")]


def test_no_connection_stays_open(bench: DefaultBench, path: Path) -> None:
    found = nets(path, supply2='safe = "off"')
    port = int(found.instruments["psu1"].address.split("::")[2])
    crashed(found, "psu1", "supply2")
    bench.psu1.faults.inject(Fault.GARBAGE, count=2)
    crashed(found, "psu1", "supply2")
    assert port not in peers()
    with opened(found, "supply2"):
        assert port in peers()


def peers() -> set[int]:
    """The ports that this process is connected to."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(name))) as connection:
            if connection.family is socket.AF_INET:
                found.add(connection.getpeername()[1])
    return found


def test_an_open_net_is_made_safe_through_its_own_connection(bench: DefaultBench, path: Path) -> None:
    found = nets(path, supply2='safe = {voltage = 1, output = "off"}')
    with opened(found, "supply2") as supply, opened(found, "dac1") as dac:
        supply.enable()
        session = Uninterrupted(supply)
        assert safe_state.apply(supply) == "voltage 1 V, output off"
        assert session.times == 1
        assert supply.state().enabled is False
        dac.output(1)
        with pytest.raises(InstrumentError, match="left at 1 V"):
            safe_state.apply(dac)


# The process: `python -m lagerd.make_safe`


@pytest.fixture
def alarm() -> Iterator[None]:
    """Keeps the test's own alarm, which the process takes."""
    handler, timer = signal.getsignal(signal.SIGALRM), signal.setitimer(signal.ITIMER_REAL, 0)
    yield
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, *timer)


def asked(found: Nets, instrument: str, *names: str, off: bool = False) -> dict[str, Any]:
    return {"instrument": found.instruments[instrument].key, "nets": list(names), "off": off, "nets_file": ""}


def test_the_process_answers_for_each_net(bench: DefaultBench, path: Path, alarm: None) -> None:
    found = nets(path, supply2='safe = "off"')
    answer = process.answer(asked(found, "psu1", "supply2", "gone"), str(path))
    assert answer == {
        "nets": {"supply2": "", "gone": f"It is not in {path}."},
        "done": {"supply2": "output off"},
        "name": "psu1",
    }
    assert process.answer(asked(found, "psu1", off=True), str(path))["nets"] == {"supply2": "", "supply3": ""}
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    with opened(found, "supply2") as supply:
        supply.enable()
    answer = process.answer(asked(found, "psu1", "supply2") | {"watched": True}, str(path))
    assert answer["instrument"] == found.instruments["psu1"].key
    assert any("supply2" in str(change) for change in answer["changes"])


@pytest.mark.parametrize(
    ("names", "off"), [(("supply2", "supply3"), False), (("supply2", "supply3"), True), ((), True)]
)
def test_the_process_names_what_it_could_not_reach(
    bench: DefaultBench, path: Path, alarm: None, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], off: bool
) -> None:
    found = nets(path, supply2='safe = "off"')
    monkeypatch.setattr(process, "_SECONDS", 0.2)
    bench.psu1.faults.inject(Fault.NO_ANSWER)
    answer = process.answer(asked(found, "psu1", *names, off=off), str(path))
    assert answer["nets"] == dict.fromkeys(("supply2", "supply3"), "It took more than 0.2 s.")
    assert answer["done"] == {}


def test_the_process_asks_an_instrument_again_that_did_not_answer_at_first(
    bench: DefaultBench, path: Path, alarm: None
) -> None:
    found = nets(path, supply2='safe = "off"')
    bench.psu1.faults.inject(Fault.NO_ANSWER, count=1)
    assert process.answer(asked(found, "psu1", "supply2"), str(path))["done"] == {"supply2": "output off"}


def test_the_process_says_why_an_instrument_is_not_safe_before_its_time_is_over(
    bench: DefaultBench, path: Path, alarm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = nets(path, supply2='safe = "off"')
    monkeypatch.setattr(process, "_SECONDS", 1.1)
    bench.psu1.faults.inject(Fault.NO_ANSWER)
    assert process.answer(asked(found, "psu1", "supply2"), str(path))["nets"]["supply2"].startswith("psu1 ")


def test_the_process_says_what_it_waited_for_when_its_time_is_over(
    bench: DefaultBench, path: Path, alarm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the middle of an attempt at that moment; the attempt before it tells what is wrong."""
    found = nets(path, supply2='safe = "off"')
    monkeypatch.setattr(process, "_SECONDS", 1.0)
    monkeypatch.setattr(safe_state, "_AGAIN", -1.0)  # at once, however late
    bench.psu1.faults.inject(Fault.NO_ANSWER)
    why = process.answer(asked(found, "psu1", "supply2"), str(path))["nets"]["supply2"]
    assert why.startswith("It took more than 1 s. psu1 ")
    assert "did not answer '*IDN?' within 0.3 s" in why


def test_the_process_changes_nothing_that_others_may_use_by_now(bench: DefaultBench, path: Path, alarm: None) -> None:
    found = nets(path, supply2='safe = "off"')
    with opened(found, "supply2") as supply:
        supply.enable()
    answer = process.answer(asked(found, "psu1", "supply2"), str(path), lambda: False)
    assert answer["nets"] == {"supply2": "It was too late: others may be using it."}
    assert answer["done"] == {}
    assert bench.psu1.outputs[0].on


def test_the_process_says_what_is_wrong_with_the_nets_file(
    bench: DefaultBench, path: Path, alarm: None, tmp_path: Path
) -> None:
    found = nets(path, supply2='safe = "off"')
    for text, said in (("[nets.x]", "has 2 mistakes"), ("x = [", "is not TOML")):
        (tmp_path / "bad.toml").write_text(text)
        answer = process.answer(asked(found, "psu1", "supply2"), str(tmp_path / "bad.toml"))
        assert said in answer["nets"]["supply2"]
    answer = process.answer(asked(found, "psu1", "supply2"), str(tmp_path / "none.toml"))
    assert "There is no nets file at" in answer["nets"]["supply2"]


def test_the_process_finds_nothing_to_switch_off_and_says_so(
    bench: DefaultBench, path: Path, alarm: None, tmp_path: Path
) -> None:
    found = nets(path)
    answer = process.answer({**asked(found, "psu1", off=True), "instrument": "tcp-other"}, str(path))
    assert answer == {
        "nets": {"tcp-other": f"{path} has no net of it that can be switched off."},
        "done": {},
        "name": "",
    }


def test_an_error_inside_the_process_is_an_answer(
    bench: DefaultBench, path: Path, alarm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = nets(path, supply2='safe = "off"')

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("nothing left")

    monkeypatch.setattr(safe_state, "make_safe", broken)
    answer = process.answer(asked(found, "psu1", "supply2"), str(path))
    assert answer["nets"] == {"supply2": "Internal error: ZeroDivisionError('nothing left')."}


@pytest.mark.parametrize(("own", "of_request"), [("nets.toml", "other.toml"), ("", "nets.toml")])
def test_the_nets_file_of_the_process_comes_before_that_of_the_request(
    bench: DefaultBench, path: Path, alarm: None, own: str, of_request: str
) -> None:
    found = nets(path, supply2='safe = "off"')
    request = asked(found, "psu1", "supply2") | {"nets_file": str(path.with_name(of_request))}
    answer = process.limited_answer(str(path.with_name(own)) if own else None, request)
    assert answer == {"nets": {"supply2": ""}, "done": {"supply2": "output off"}, "name": "psu1"}


STUCK = """
import signal
from lagerd.make_safe import process

def stuck(*_):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    signal.pause()

process._HARD_SECONDS = 0.1
process.answer = stuck
process.limited_answer("nets.toml", {})
"""


def test_the_process_ends_where_its_own_limit_cannot_interrupt_it() -> None:
    ended = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr


def test_the_process_ends_with_lagerd() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        command = [sys.executable, "-m", "lagerd.make_safe"]
        assert subprocess.run(command, stdin=theirs.fileno(), timeout=PATIENCE).returncode == 0


def test_each_limit_of_the_process_ends_before_the_next_one() -> None:
    assert process._SECONDS < safe_process.SECONDS <= process._HARD_SECONDS
    assert process._HARD_SECONDS < standby._CHILD_SECONDS < handover._SECONDS
    assert standby._BEGUN_SECONDS + process._HARD_SECONDS < handover._SECONDS


def test_what_the_process_imports_before_a_request_is_there() -> None:
    assert [name for name in process._AHEAD if importlib.util.find_spec(name) is None] == []
