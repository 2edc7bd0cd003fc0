"""Read three analog inputs, pause to inspect the bench, and read them again."""

from lager import Net, NetType, pause

inputs = {name: Net.get(name, type=NetType.ADC) for name in ("adc1", "adc2", "adc3")}


def read_adcs():
    return {name: round(net.input(), 3) for name, net in inputs.items()}


readings = read_adcs()
print("before the pause:", readings)

pause("before the load test", interactive=True)

print("after the pause: ", read_adcs())
