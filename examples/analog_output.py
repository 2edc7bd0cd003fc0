"""Ramp an analog output, and compare the setpoint with the measured voltage."""

from lager import Net, NetType

output = Net.get("dac1", type=NetType.DAC)
for tenths in range(0, 51, 10):
    output.output(tenths / 10)
    assert abs(output.get_voltage() - tenths / 10) < 0.01
    assert output.input() == output.get_voltage()
print(f"at {output.get_voltage():.1f} V")
output.output(0)
