"""The relays of the modules in a Keysight (HP, Agilent) 34970A or 34972A, by slot and channel: 101 to 399.

HP 34970A User's Guide, chapter 5, "Switch Control Commands": `ROUTe:CLOSe (@ch)`, `ROUTe:OPEN (@ch)`, and
`ROUTe:CLOSe? (@ch)`, which answers 1 for a closed channel and 0 for an open one. The RF multiplexers (34905A, 34906A)
do not open a channel on command: another one of the bank must be closed instead.
"""

from lager.instruments.drivers.base.switch import Switch
from lager.instruments.sessions import parse
from lager.instruments.sessions.scpi import Scpi


class Relay(Switch[Scpi]):
    def _is_on(self) -> bool:
        return self.session.ask(f"ROUT:CLOS? (@{self.channel})", parse.on_off)

    def _switch(self, on: bool) -> None:
        self.session.tell(f"ROUT:{'CLOS' if on else 'OPEN'} (@{self.channel})")
