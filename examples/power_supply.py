"""Switch on the board's supply with its protections armed, and check the current of the board."""

from lager import Net, NetType

supply = Net.get("supply2", type=NetType.PowerSupply)
supply.set_mode()
supply.set_voltage(5.0)
supply.set_current(0.5)
supply.set_ovp(5.5)
supply.set_ocp(0.6)
print(f"protections at {supply.get_ovp_limit():.1f} V and {supply.get_ocp_limit():.1f} A")

supply.enable()
try:
    print(f"{supply.voltage():.2f} V, {supply.current() * 1000:.1f} mA, {supply.power():.3f} W")

    # One call sets the voltage and its protection, in an order that does not trip the protection.
    supply.voltage(value=3.3, ovp=3.6)
    supply.voltage(value=5.0, ovp=5.5)
    state = supply.get_full_state()
    print("set to", state["voltage_set"], "V")

    if supply.is_ovp():
        supply.clear_ovp()
    if supply.is_ocp():
        supply.clear_ocp()
finally:
    supply.disable()
    supply.close()
