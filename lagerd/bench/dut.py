"""The device under test. It wires the instruments together: switching a supply on changes what an ADC reads.

supply2 ──┬── AIN0 of daq1              supply3 ──┬── AIN1 of daq1
          ├── 220 Ω                               ├── 1 kΩ
          └── 3.3 V regulator ── AIN2, dmm1       └── the electronic load
smu1 ──┬── AIN0 of daq2                 DAC0 of daq1 ── AIN3 of daq1
       └── 100 Ω                        FIO1 of daq1 ── FIO0 of daq1
channel 103 of mux1 ── 10 Ω between the wires of dmm1       a thermocouple at AIN4 of daq1, at 25 °C
"""

from lagerd.bench.models.batteries.keithley_2281s import Keithley2281S
from lagerd.bench.models.data_acquisition.labjack_t7 import T7, tie
from lagerd.bench.models.loads.rigol_dl3000 import DL3021
from lagerd.bench.models.meters.multimeter import OPEN_OHMS, Multimeter
from lagerd.bench.models.supplies.rigol_dp800 import DP821
from lagerd.bench.models.switches.keysight_34970a import Keysight34970A
from lagerd.bench.models.uart_device import UartDevice
from lagerd.bench.physics.circuit import Output, resistor

RELAY_OHMS, ROOM = 10.0, 25.0
TYPE_K, CELSIUS = 22, 1
RAIL_VOLTS, DROPOUT, RAIL_OHMS = 3.3, 0.2, 330.0
INPUT_OHMS, AUX_OHMS, CELL_OHMS = 220.0, 1000.0, 100.0


def regulated(volts: float) -> float:
    """Return the output voltage of a linear regulator: its rail voltage, or the input minus the dropout if that is
    lower."""
    return min(RAIL_VOLTS, max(0.0, volts - DROPOUT))


def regulator(volts: float) -> float:
    """Return the input current of a linear regulator, which equals the current of its rail."""
    return regulated(volts) / RAIL_OHMS


class Dut:
    def __init__(
        self,
        psu: DP821,
        smu: Keithley2281S,
        load: DL3021,
        daq1: T7,
        daq2: T7,
        uart: UartDevice,
        dmm: Multimeter,
        mux: Keysight34970A,
    ) -> None:
        self._psu, self._smu, self._load = psu, smu, load
        main, aux = psu.outputs
        main.loads += [resistor(INPUT_OHMS), regulator]
        aux.loads += [resistor(AUX_OHMS), load.draw]
        smu.output.loads.append(resistor(CELL_OHMS))
        load.terminal = lambda: aux.point.volts
        uart.rail = dmm.sources["voltage"] = lambda: self._rail(main)
        for name in ("resistance", "resistance_4w", "continuity"):
            dmm.sources[name] = lambda: RELAY_OHMS if mux.closed[103] else OPEN_OHMS
        self._wire_inputs(main, aux, daq1, daq2)
        tie(daq1.lines[0], daq1.lines[1])
        for instrument in (psu, smu, load, daq1, daq2):
            instrument.changed = self.settle

    def _wire_inputs(self, main: Output, aux: Output, daq1: T7, daq2: T7) -> None:
        daq1.inputs[0].source = lambda: main.point.volts
        daq1.inputs[1].source = lambda: aux.point.volts
        daq1.inputs[2].source = lambda: self._rail(main)
        daq1.inputs[3].source = lambda: daq1.dacs[0]
        daq1.inputs[4].celsius = lambda: ROOM
        daq1.inputs[4].select_feature(TYPE_K)  # as an earlier user of the T7 left it
        daq1.inputs[4].feature_unit = CELSIUS
        daq2.inputs[0].source = lambda: self._smu.output.point.volts

    def _rail(self, main: Output) -> float:
        return regulated(main.point.volts)

    def settle(self) -> None:
        """Compute the operating points again, and let the protections check them."""
        self._psu.settle()
        if self._load.trips():
            self._psu.settle()
        self._smu.settle()
