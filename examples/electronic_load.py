"""Load the auxiliary output of the supply in each mode, and compare what both sides measure."""

from lager import Net, NetType

supply = Net.get("supply3", type=NetType.PowerSupply)
load = Net.get("eload1", type=NetType.ELoad)

supply.voltage(5.0)
supply.current(2.0)
supply.enable()
try:
    load.mode("CC")
    load.current(0.5)
    load.enable()
    print(f"CC: {load.measured_current():.2f} A of the {load.current():.1f} A that are set")

    load.mode("CR")
    load.resistance(20.0)
    print(f"CR: {load.measured_voltage():.1f} V, {load.measured_current():.2f} A")

    load.mode("CW")
    load.power(2.0)
    print(f"{load.mode()}: {load.measured_power():.1f} W, of {supply.measured_power():.1f} W from the supply")
    load.print_state()
finally:
    load.disable()
    supply.disable()
