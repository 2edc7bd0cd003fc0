"""What every net does, whatever its driver: its uses, how it closes, dir(), and an output is never switched on."""

import os
import threading
from typing import Any

import pytest

from lager.drivers.replay import Leases, bench, playing
from lager.drivers.scripted_instrument import ScriptedInstrument
from lager.errors import InstrumentError
from lager.instruments.net import Net, NetType
from lager.process import threads
from tests.unit.drivers.exchanges import rigol_dp800 as dp800

CH1 = "type = 'supply'\nchannel = 1"


class Watched:
    """Hears what is set while a script is paused."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self.heard: list[Any] = []

    def is_wanted(self) -> bool:
        return self.wanted

    def report(self, net: Any, found: Any) -> None:
        self.heard.append((net, found))


def test_an_error_that_leaves_the_with_block_is_remembered_and_a_normal_end_is_not() -> None:
    with ScriptedInstrument(*dp800.OPEN, *dp800.OPEN) as instrument:
        nets = bench("DP821", instrument.visa, it=CH1)
        net = Net.get("it", NetType.PowerSupply, nets=nets, claim=Leases())
        with net:
            assert (net.closing.asked, net.closing.by_error) == (False, False)
        assert (net.closing.asked, net.closing.by_error) == (True, False)
        net = Net.get("it", NetType.PowerSupply, nets=nets, claim=Leases())
        with pytest.raises(ZeroDivisionError), net:
            raise ZeroDivisionError
        net.close()
        assert (net.closing.asked, net.closing.by_error) == (True, True)


def test_a_net_of_two_uses_is_open_until_the_last_one_ends_and_its_error_counts() -> None:
    leases = Leases()
    with ScriptedInstrument(*dp800.OPEN) as instrument:
        nets = bench("DP821", instrument.visa, it=CH1)
        first, second = (Net.get("it", NetType.PowerSupply, nets=nets, claim=leases) for _ in range(2))
        assert first is second
        with pytest.raises(ZeroDivisionError), first:
            raise ZeroDivisionError
        assert first.is_open()
        assert leases.held
        second.close()
        assert not first.is_open()
        assert not leases.held
        assert (first.closing.asked, first.closing.by_error) == (True, False)


def test_a_use_is_returned_in_the_turn_of_the_net_so_that_no_other_thread_opens_it_meanwhile() -> None:
    class Turn:
        def __init__(self) -> None:
            self.seen: list[tuple[int, bool]] = []

        def __enter__(self) -> None:
            self.seen.append((net.uses, net.is_open()))

        def __exit__(self, *_: object) -> None:
            self.seen.append((net.uses, net.is_open()))

    with playing(dp800.OPEN, "DP821", CH1) as net:
        net.turn = turn = Turn()
        net.close()
        assert turn.seen == [(1, True), (0, False)]


def test_a_forked_child_closes_its_copy_alone() -> None:
    leases = Leases()
    with ScriptedInstrument(*dp800.OPEN) as instrument:
        nets = bench("DP821", instrument.visa, it=CH1)
        with Net.get("it", NetType.PowerSupply, nets=nets, claim=leases) as net:
            child = os.fork()
            if child == 0:
                ended = 1
                try:
                    assert not net.is_open()
                    with pytest.raises(InstrumentError, match="belongs to the process that opened it"):
                        net.session  # noqa: B018
                    net.close()
                    ended = 0
                finally:
                    os._exit(ended)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert net.is_open()
            assert leases.held
            assert not net.closing.asked


def test_dir_and_the_names_for_scripts_leave_out_what_is_internal() -> None:
    with playing(dp800.OPEN, "DP821", CH1) as net:
        shown = dir(net)
    assert {"set_voltage", "enable", "disable", "close", "name", "type", "channel"} <= set(shown)
    internal = {"as_it_is", "is_reported", "closing", "close_for_all", "check", "turn", "settings", "sets", "uses"}
    assert internal.isdisjoint(shown)
    assert not [name for name in shown if name.startswith("_") or name.isupper()]
    assert shown == sorted(shown)


@pytest.mark.parametrize("wanted", [True, False])
def test_what_is_set_is_reported_only_while_somebody_wants_it(wanted: bool) -> None:
    reads = [(":SOUR1:VOLT?", "5.000")] if wanted else []
    after = [(":SOUR1:VOLT?", "3.300")] * (2 if wanted else 1)
    script = [*dp800.OPEN, *reads, *dp800.SET_VOLTAGE[1:-1], *after]
    with playing(script, "DP821", CH1) as net:
        net.session.reporter = watched = Watched(wanted)
        net.set_voltage(3.3)
        assert net.is_reported() is wanted
    assert [net.name for net, _ in watched.heard] == (["it"] if wanted else [])


def test_restoring_an_output_switches_it_off_and_never_on() -> None:
    with playing([*dp800.DISABLE], "DP821", CH1) as net:
        output = next(one for one in net.settings() if one.name == "output")
        with pytest.raises(InstrumentError, match=r"its output was on\. lager switches no output on\."):
            output.write(True)
        output.write(False)


def test_print_state_prints_it_and_returns_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with playing(dp800.STATE, "DP821", CH1) as net:
        assert net.print_state() is None
    assert "  ovp      8.800 V, on\n" in capsys.readouterr().out


def test_a_net_whose_use_the_paused_thread_is_changing_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with playing(dp800.OPEN, "DP821", CH1) as net:
        with monkeypatch.context() as patched:
            patched.setattr(threads, "waits_for_paused", lambda turn: turn is net.turn)
            with pytest.raises(InstrumentError, match="just opening or closing it"):
                net.close()
        assert net.is_open()
        assert isinstance(net.turn, type(threading.RLock()))
