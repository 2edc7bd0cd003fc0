"""Discharge and charge a simulated cell, record its voltage to cycling.csv, and pause if the voltage is out of range.

lager python examples/battery_cycling.py [CYCLES [LOWEST VOLTS]]
"""

import sys

from lager import Net, NetType, Recorder, pause

cycles = int(sys.argv[1]) if len(sys.argv) > 1 else 2
lowest = float(sys.argv[2]) if len(sys.argv) > 2 else 3.3
CHARGES = (100, 60, 20, 5, 20, 60)  # percent

with Net.get("battery1", type=NetType.Battery, off_on_exit=True) as cell:
    cell.mode("static")
    cell.enable()
    with Recorder("battery1", csv="cycling.csv", every=0.1):
        for cycle in range(1, cycles + 1):
            for charge in CHARGES:
                cell.soc(charge)
                volts = cell.terminal_voltage()
                if volts < lowest:
                    pause(f"cycle {cycle}: {volts:.2f} V at {charge} %", interactive=True)
            print(f"cycle {cycle} of {cycles}: {volts:.2f} V", flush=True)
