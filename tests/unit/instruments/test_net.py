"""Net.get: the right object, one net per instrument, and the lease held whenever anything is sent."""

import gc
import os
import re
import subprocess
import sys
import threading
from decimal import Decimal
from typing import Any, NoReturn

import pytest

from lager.drivers.replay import Leases, bench
from lager.drivers.scripted_instrument import ScriptedInstrument
from lager.errors import (
    InstrumentBusy,
    InstrumentError,
    InvalidArgument,
    InvalidNetError,
    NetConflict,
    NoSuchNet,
    WrongNetType,
)
from lager.instruments.drivers.base.supply import Supply
from lager.instruments.net import Net, NetType
from lager.nets.model import Nets
from tests.unit.drivers.exchanges import keithley_2281s as smu
from tests.unit.drivers.exchanges import rigol_dp800 as dp800

CH1 = "type = 'supply'\nchannel = 1"
CH2 = "type = 'supply'\nchannel = 2"


def dp821(instrument: ScriptedInstrument) -> Nets:
    return bench("DP821", instrument.visa, supply2=CH1, supply3=CH2)


def test_the_lease_is_held_from_before_the_first_byte_until_after_the_last() -> None:
    leases = Leases()
    with ScriptedInstrument(*dp800.OPEN) as instrument:
        with Net.get("supply2", NetType.PowerSupply, nets=dp821(instrument), claim=leases, wait=7) as supply:
            assert leases.held == [supply.config.instrument.key]
            assert repr(supply) == f"<supply supply2 on it (DP821 at {instrument.visa})>"
        assert leases.happened == [("claim", "supply2"), ("release", "supply2")]
        supply.close()
    assert leases.waits == [7]
    assert len(leases.happened) == 2


def test_an_instrument_that_another_process_holds_is_not_touched() -> None:
    def busy(instrument_key: str, *, net: str, wait: float = 0.0, name: str = "") -> NoReturn:
        raise InstrumentBusy(f"{name} is held by somebody.", "Wait.")

    with ScriptedInstrument() as instrument, pytest.raises(InstrumentBusy, match="it is held"):
        Net.get("supply2", NetType.PowerSupply, nets=dp821(instrument), claim=busy)


def test_two_nets_of_one_supply_are_refused_with_both_named_and_one_after_the_other_is_fine() -> None:
    leases = Leases()
    with ScriptedInstrument(*dp800.OPEN, *dp800.OPEN) as instrument:
        nets = dp821(instrument)
        with Net.get("supply2", NetType.PowerSupply, nets=nets, claim=leases):
            with pytest.raises(NetConflict, match="supply3 and supply2 share one instrument") as caught:
                Net.get("supply3", NetType.PowerSupply, nets=nets, claim=leases)
            assert "Close supply2 first" in caught.value.hint
        with Net.get("supply3", NetType.PowerSupply, nets=nets, claim=leases):
            pass
    assert leases.held == []


def test_the_two_roles_of_one_instrument_are_refused_together() -> None:
    leases = Leases()
    with ScriptedInstrument(*smu.OPEN_SUPPLY) as instrument:
        nets = bench("2281S", instrument.visa, supply1="type = 'supply'", battery1="type = 'battery'")
        with Net.get("supply1", NetType.PowerSupply, nets=nets, claim=leases), pytest.raises(NetConflict):
            Net.get("battery1", NetType.Battery, nets=nets, claim=leases)
    assert leases.held == []


def test_a_net_that_is_deleted_is_closed() -> None:
    leases = Leases()
    with ScriptedInstrument(*dp800.OPEN) as instrument:
        supply = Net.get("supply2", NetType.PowerSupply, nets=dp821(instrument), claim=leases)
        del supply
    assert leases.held == []


def test_a_net_that_only_a_reference_cycle_keeps_alive_blocks_no_other() -> None:
    leases = Leases()
    with ScriptedInstrument(*dp800.OPEN, *dp800.OPEN) as instrument:
        nets = dp821(instrument)
        gc.disable()
        try:
            cycle: list[object] = [Net.get("supply2", NetType.PowerSupply, nets=nets, claim=leases)]
            cycle.append(cycle)
            del cycle
            Net.get("supply3", NetType.PowerSupply, nets=nets, claim=leases).close()
        finally:
            gc.enable()
    assert leases.held == []


def test_a_closed_net_says_so() -> None:
    with ScriptedInstrument(*dp800.OPEN) as instrument:
        supply = Net.get("supply2", NetType.PowerSupply, nets=dp821(instrument), claim=Leases())
        supply.close()
        with pytest.raises(InstrumentError, match="supply2 is closed"):
            supply.voltage()
        assert repr(supply).endswith(", closed>")


def test_a_net_that_does_not_exist_or_has_another_type_is_refused() -> None:
    nets = bench("DP821", "TCPIP::h::INSTR", supply2=CH1)
    with pytest.raises(NoSuchNet):
        Net.get("supply9", NetType.PowerSupply, nets=nets, claim=Leases())
    with pytest.raises(WrongNetType, match="supply2 is of type supply, not adc") as caught:
        Net.get("supply2", NetType.ADC, nets=nets, claim=Leases())
    assert "NetType.PowerSupply" in caught.value.hint


@pytest.mark.parametrize("word", ["supply", "PowerSupply", "power-supply", "POWER_SUPPLY", NetType.PowerSupply])
def test_a_type_is_accepted_by_its_word_and_by_its_name(word: str) -> None:
    with ScriptedInstrument(*dp800.OPEN) as instrument:
        Net.get("supply2", word, nets=dp821(instrument), claim=Leases()).close()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("suply", "'suply' is not a net type. Did you mean 'supply'?"),
        ("", "'' is not a net type. Valid types: supply, battery, eload"),
        (None, "None is not a net type"),
        (3, "3 is not a net type"),
        ("uart", "supply2 is of type supply, not uart. Open it with type=NetType.PowerSupply."),
        ("x" * 9999, "is not a net type"),
    ],
)
def test_an_invalid_or_a_different_type_is_refused(word: str, said: str) -> None:
    nets = bench("DP821", "TCPIP::h::INSTR", supply2=CH1)
    with pytest.raises(WrongNetType, match=re.escape(said)):
        Net.get("supply2", word, nets=nets, claim=Leases())


def test_threads_that_want_one_supply_all_get_it_and_the_last_one_closes_it() -> None:
    leases = Leases()
    held: list[int] = []
    start, all_have_it = threading.Barrier(4), threading.Barrier(4)

    def use(nets: Nets) -> None:
        start.wait()
        with Net.get("supply2", NetType.PowerSupply, nets=nets, claim=leases) as supply:
            all_have_it.wait()
            held.append(id(supply))

    with ScriptedInstrument(*dp800.OPEN) as instrument:
        nets = dp821(instrument)
        threads = [threading.Thread(target=use, args=(nets,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(held) == 4
    assert len(set(held)) == 1
    assert leases.happened == [("claim", "supply2"), ("release", "supply2")]


def test_a_net_that_is_open_is_returned_again_and_closed_when_each_use_has_been_returned() -> None:
    leases = Leases()
    with ScriptedInstrument(*dp800.OPEN, *dp800.OPEN) as instrument:
        nets = dp821(instrument)

        def get() -> Supply:
            return Net.get("supply2", NetType.PowerSupply, nets=nets, claim=leases)

        first = get()
        with get() as second, get() as third:
            assert first is second is third
        assert first.is_open()
        first.close()
        assert not first.is_open()
        first.close()  # returns a use that nobody has
        assert leases.happened == [("claim", "supply2"), ("release", "supply2")]
        again = get()
        assert again is not first
        assert again.is_open()
        again.close()
    assert leases.held == []


def test_an_inner_with_block_that_an_error_leaves_does_not_close_the_net_of_the_outer_one() -> None:
    leases = Leases()
    with ScriptedInstrument(*dp800.OPEN) as instrument:
        nets = dp821(instrument)
        with Net.get("supply2", NetType.PowerSupply, nets=nets, claim=leases) as outer:
            with pytest.raises(KeyError), Net.get("supply2", NetType.PowerSupply, nets=nets, claim=leases):
                raise KeyError
            assert outer.is_open()
        assert (outer.closing.asked, outer.closing.by_error) == (True, False)


def test_a_net_whose_entry_has_changed_is_not_returned_again() -> None:
    with ScriptedInstrument(*dp800.OPEN) as instrument:
        changed = bench("DP821", instrument.visa, supply2=f"{CH1}\nmax_voltage = 5")
        with (
            Net.get("supply2", NetType.PowerSupply, nets=dp821(instrument), claim=Leases()),
            pytest.raises(NetConflict, match="its entry in the nets file has changed"),
        ):
            Net.get("supply2", NetType.PowerSupply, nets=changed, claim=Leases())


@pytest.mark.parametrize("option", ["coupled", "share", "off_on_exit"])
def test_an_open_net_does_not_get_an_option_that_it_was_opened_without(option: str) -> None:
    with ScriptedInstrument(*dp800.OPEN) as instrument:
        nets = dp821(instrument)
        with (
            Net.get("supply2", NetType.PowerSupply, nets=nets, claim=Leases()),
            pytest.raises(NetConflict, match=f"without {option}=True"),
        ):
            Net.get("supply2", NetType.PowerSupply, nets=nets, claim=Leases(), **{option: True})


def test_the_saved_nets_are_listed_with_their_roles() -> None:
    nets = bench("DP821", "TCPIP::h::5::SOCKET", supply2=f"{CH1}\nmax_voltage = 5")
    saved = Net.list_saved(nets)
    assert saved == [
        {
            "name": "supply2",
            "role": "power-supply",
            "type": "supply",
            "instrument": "it",
            "model": "DP821",
            "address": "TCPIP::h::5::SOCKET",
            "channel": 1,
            "limits": {"max_voltage": 5.0},
            "bench": None,
        }
    ]
    for type in NetType:
        assert NetType.from_role(type.role) is type
    with pytest.raises(InvalidNetError):
        NetType.from_role("scope")


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_neither_uses_nor_closes_the_net_of_its_parent() -> None:
    leases = Leases()
    with ScriptedInstrument(*dp800.MEASURE) as instrument:
        supply = Net.get("supply2", NetType.PowerSupply, nets=dp821(instrument), claim=leases)
        child = os.fork()
        if child == 0:
            try:
                supply.voltage()
            except InstrumentError as error:
                supply.close()
                os._exit(0 if "belongs to the process that opened it" in error.what and leases.held else 1)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert supply.voltage() == 3.3001
        supply.close()
    assert leases.held == []


def test_importing_nets_imports_no_instrument_library() -> None:
    heavy = "{'pyvisa', 'pyvisa_py', 'pymodbus', 'serial', 'dbus_fast', 'dbus_next'}"
    code = f"import sys, lager.instruments.net; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("wait", ["soon", None, -1, float("nan"), float("inf"), True])
def test_a_time_to_wait_that_is_none_is_refused_before_anything_is_claimed(wait: Any) -> None:
    leases = Leases()
    with ScriptedInstrument() as instrument, pytest.raises(InvalidArgument, match="is not a valid time to wait"):
        Net.get("supply2", "supply", nets=dp821(instrument), claim=leases, wait=wait)
    assert leases.happened == []


def test_a_time_to_wait_may_be_any_number() -> None:
    leases = Leases()
    with ScriptedInstrument(*dp800.OPEN) as instrument:
        Net.get("supply2", "supply", nets=dp821(instrument), claim=leases, wait=Decimal("2.5")).close()  # type: ignore
    assert leases.waits == [2.5]


def test_two_outputs_of_one_supply_are_open_together_where_both_ask_for_it() -> None:
    leases = Leases()
    set_first, set_second = (":SOUR1:VOLT?", "1.000"), (":SOUR2:VOLT?", "2.000")
    with ScriptedInstrument(*dp800.OPEN, set_first, set_second) as psu:
        nets = dp821(psu)

        def get(name: str, **options: Any) -> Any:
            return Net.get(name, NetType.PowerSupply, nets=nets, claim=leases, **options)

        with get("supply2", share=True) as first:
            with pytest.raises(NetConflict, match="open both with share=True"):
                get("supply3")
            with pytest.raises(NetConflict, match="already open in this script, without coupled=True"):
                get("supply2", share=True, coupled=True)
            with get("supply3", share=True) as second:
                assert first._number(first.GET_VOLTAGE) == 1.0
                assert second._number(second.GET_VOLTAGE) == 2.0
            assert leases.happened == [("claim", "supply2")]
        assert leases.happened == [("claim", "supply2"), ("release", "supply2")]


def test_sharing_needs_the_consent_of_the_first_net_too() -> None:
    with ScriptedInstrument(*dp800.OPEN) as psu:
        nets = dp821(psu)
        with (
            Net.get("supply2", NetType.PowerSupply, nets=nets, claim=Leases()),
            pytest.raises(NetConflict, match="open both with share=True"),
        ):
            Net.get("supply3", NetType.PowerSupply, nets=nets, claim=Leases(), share=True)


@pytest.mark.parametrize(
    ("model", "first", "second"),
    [
        ("2281S", "type = 'supply'", "type = 'battery'"),
        ("DP821", CH1, CH1),
    ],
)
def test_two_nets_on_one_terminal_are_never_open_together(model: str, first: str, second: str) -> None:
    opening = smu.OPEN_SUPPLY if model == "2281S" else dp800.OPEN
    with ScriptedInstrument(*opening) as instrument:
        nets = bench(model, instrument.visa, first=first, second=second)
        kind = NetType.Battery if model == "2281S" else NetType.PowerSupply
        with (
            Net.get("first", NetType.PowerSupply, nets=nets, claim=Leases(), share=True),
            pytest.raises(NetConflict, match="share one instrument") as caught,
        ):
            Net.get("second", kind, nets=nets, claim=Leases(), share=True)
        assert "share=True" not in caught.value.hint
