"""The ports of a USB hub that can switch the power of each port.

The requests are in `lager.instruments.sessions.usb_hub`. A hub that also has ports of USB 3 appears as two hubs; a port
has no power once both have switched it off, so both are switched.
"""

from lager.errors import InvalidArgument
from lager.instruments.drivers.base.switch import Switch
from lager.instruments.sessions.usb_hub import HubSession


class Port(Switch[HubSession]):
    def prepare(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise InvalidArgument if the hub has no such port."""
        with self.session.exchange():
            if self.channel > self.session.ports:
                what = f"{self.name}: {self.config.instrument} has {self.session.ports} ports, and no {self.channel}."
                raise InvalidArgument(what, f"Correct the channel in [nets.{self.name}].")

    def _is_on(self) -> bool:
        return self.session.is_powered(self.channel)

    def _switch(self, on: bool) -> None:
        self.session.power(self.channel, on)
