"""Measure a rail, and the contact of a relay, with a multimeter."""

from lager import Net, NetType
from lager.errors import BadReply

with (
    Net.get("supply2", type=NetType.PowerSupply) as supply,
    Net.get("relay1", type=NetType.Switch) as relay,
    Net.get("dmm1", type=NetType.DMM) as meter,
):
    supply.set_voltage(5)
    supply.enable()
    print(f"the rail is at {meter.voltage():.2f} V")
    supply.disable()

    relay.on()
    print(f"the relay has {meter.resistance():.1f} Ω")
    relay.off()
    try:
        meter.continuity()
    except BadReply as error:
        print("open:", error.what)
