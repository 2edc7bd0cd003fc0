"""The relays of a Devantech USB-RLY08 or USB-RLY16, a board with eight relays on a virtual serial port.

Devantech, USB-RLY16 and USB-RLY08 Technical Documentation, "Commands": each is one byte. 5A is answered with the number
of the module (8 or 9) and its software version, 5B with the states of the relays, bit 0 for relay 1, high for one that
is powered. 65 to 6C switch relay 1 to 8 on, 6F to 76 off; these are not answered. The baud rate means nothing.
"""

from lager.instruments.drivers.base.switch import Switch
from lager.instruments.sessions.scpi import Scpi

_GET_STATES, _ON, _OFF = 0x5B, 0x64, 0x6E  # to these two, the number of the relay is added


class Relay(Switch[Scpi]):
    def _is_on(self) -> bool:
        (states,) = self.session.swap(bytes([_GET_STATES]), 1)
        return bool(states >> (self.channel - 1) & 1)

    def _switch(self, on: bool) -> None:
        self.session.swap(bytes([(_ON if on else _OFF) + self.channel]), 0)
