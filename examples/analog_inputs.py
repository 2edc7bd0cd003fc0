"""Find all analog inputs of the bench, and read each of them."""

from lager import InvalidNetError, Net, NetType

names = [net["name"] for net in Net.list_saved() if NetType.from_role(net["role"]) is NetType.ADC]
inputs = {name: Net.get(name, type=NetType.ADC) for name in names}
for name, net in inputs.items():
    print(f"{name}: {net.input():.2f} V ({net.type.name})")

# Another get returns the same net.
assert Net.get("adc1", type=NetType.ADC) is inputs["adc1"]

try:
    Net.get("adc99", type=NetType.ADC)
except InvalidNetError as error:
    print(error)
