"""Switch a relay, and take the power from what it feeds for a moment."""

from lager import Net, NetType

with Net.get("relay1", type=NetType.Switch) as relay:

    def tell(after: str = "") -> None:
        print(f"{relay.name} is {'on' if relay.is_on() else 'off'}{after}")

    relay.off()
    tell()
    relay.on()
    tell()
    relay.cycle(0.2)
    tell(" after 0.2 s without power")
    relay.off()
    tell()
