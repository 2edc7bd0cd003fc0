"""Every SCPI instrument of the bench against exchanges written down from its manual."""

from collections.abc import Callable

import pytest

from lagerd.bench.models.batteries.keithley_2281s import Keithley2281S
from lagerd.bench.models.loads.rigol_dl3000 import DL3021
from lagerd.bench.models.supplies.keithley_2200 import Keithley2200
from lagerd.bench.models.supplies.keysight_e36300 import E36312A
from lagerd.bench.models.supplies.rigol_dp800 import DP821, DP832
from lagerd.bench.models.supplies.siglent_spd import SPD1168X, SPD3303X
from lagerd.bench.scpi.instrument import ScpiInstrument

from .bench_exchanges import exchanges

INSTRUMENTS: dict[str, Callable[[], ScpiInstrument]] = {
    "rigol_dp821": DP821,
    "rigol_dp832": DP832,
    "rigol_dl3021": DL3021,
    "keithley_2281s": Keithley2281S,
    "keithley_2200": Keithley2200,
    "keysight_e36312a": E36312A,
    "siglent_spd3303x": SPD3303X,
    "siglent_spd1168x": SPD1168X,
}


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_the_manual_is_followed(name: str) -> None:
    instrument = INSTRUMENTS[name]()
    for request, reply in exchanges(name):
        assert (request, instrument.handle(request)) == (request, reply)
