"""Switch a rail on and read it with the probe that is wired to it.

On a bench without hardware: lager bench examples/simulated_bench.toml -- lager python examples/simulated_rail.py
"""

from lager import Net

with Net.get("rail", type="supply") as rail, Net.get("probe", type="adc") as probe:
    rail.set_voltage(3.3)
    rail.enable()
    print(f"{probe.input():.1f} V")
    rail.disable()
