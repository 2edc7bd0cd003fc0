"""Run the board on a simulated cell that discharges."""

from lager import Net, NetType

cell = Net.get("battery1", type=NetType.Battery)
cell.set_mode_battery()
cell.mode("static")
cell.model("liion")
cell.voltage_full(4.2)
cell.voltage_empty(3.0)
cell.capacity(2.5)
cell.current_limit(1.0)
cell.ovp(4.4)
cell.ocp(2.0)
print(f"model {cell.model()}, {cell.voltage_empty():.1f} V to {cell.voltage_full():.1f} V")

cell.enable()
try:
    for charge in (100, 50, 10):
        cell.soc(charge)
        print(f"{charge} %: {cell.terminal_voltage():.2f} V, {cell.current() * 1000:.0f} mA, {cell.esr():.2f} ohms")
    cell.print_state()
    cell.clear_ovp()
    cell.clear_ocp()
finally:
    cell.disable()
    cell.close()
