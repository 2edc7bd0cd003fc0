"""A script may use pyvisa itself, beside its nets: neither ends what the other has open."""

import pytest
import pyvisa

from lager.drivers.replay import Leases, bench
from lager.drivers.scripted_instrument import ScriptedInstrument
from lager.errors import InstrumentError
from lager.instruments.net import Net, NetType
from tests.unit.drivers.exchanges import rigol_dp800 as dp800

ASKED = (":MEAS:ALL? CH1", "3.3001,0.1000,0.330")


@pytest.fixture(params=["", "@py"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_resource_manager_that_the_script_closes_ends_no_net(backend: str) -> None:
    pyvisa.ResourceManager(backend).close()
    with ScriptedInstrument(*dp800.OPEN, ASKED, ASKED, *dp800.OPEN, ASKED) as instrument:
        nets = bench("DP821", instrument.visa, supply2="type = 'supply'\nchannel = 1")
        before = pyvisa.ResourceManager(backend)
        with Net.get("supply2", NetType.PowerSupply, nets=nets, claim=Leases()) as supply:
            assert supply.voltage() == 3.3001
            before.close()
            pyvisa.ResourceManager(backend).close()
            assert supply.voltage() == 3.3001
        pyvisa.ResourceManager(backend).close()
        with Net.get("supply2", NetType.PowerSupply, nets=nets, claim=Leases()) as supply:
            assert supply.voltage() == 3.3001


def test_a_net_that_is_closed_leaves_open_what_the_script_has_opened_itself(backend: str) -> None:
    with ScriptedInstrument(*dp800.OPEN) as instrument, ScriptedInstrument(("A?", "1"), ("B?", "2")) as other:
        manager = pyvisa.ResourceManager(backend)
        theirs = manager.open_resource(other.visa, write_termination="\n", read_termination="\n")
        assert isinstance(theirs, pyvisa.resources.MessageBasedResource)
        nets = bench("DP821", instrument.visa, supply2="type = 'supply'\nchannel = 1")
        supply = Net.get("supply2", NetType.PowerSupply, nets=nets, claim=Leases())
        assert [str(one.resource_name) for one in manager.list_opened_resources()] == [theirs.resource_name]
        assert theirs.query("A?") == "1"
        supply.close()
        assert theirs.query("B?") == "2"
        manager.close()


def test_the_nets_of_a_script_that_ends_leave_its_own_manager_to_it(backend: str) -> None:
    with ScriptedInstrument(*dp800.OPEN, *dp800.OPEN) as instrument:
        nets = bench("DP821", instrument.visa, supply2="type = 'supply'\nchannel = 1")
        for _ in range(2):
            manager = pyvisa.ResourceManager(backend)
            Net.get("supply2", NetType.PowerSupply, nets=nets, claim=Leases()).close()
            assert pyvisa.ResourceManager(backend) is manager
            assert manager.session
            manager.close()


class CheckError(Exception):
    """As that of typeguard, whose hook for all packages breaks pyvisa itself."""


def test_an_import_hook_that_breaks_pyvisa_is_not_taken_for_an_instrument_that_is_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise CheckError("value assigned to pkg (module) is not an instance of PyVISAModule")

    monkeypatch.setattr(pyvisa.ResourceManager, "open_resource", fails)
    nets = bench("DP821", "TCPIP0::127.0.0.1::5025::SOCKET", supply2="type = 'supply'\nchannel = 1")
    with pytest.raises(InstrumentError, match=r"failed with CheckError: value assigned .* Exclude pyvisa") as raised:
        Net.get("supply2", NetType.PowerSupply, nets=nets, claim=Leases())
    assert "switched on" not in str(raised.value)
