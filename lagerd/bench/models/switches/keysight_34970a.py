"""Keysight (HP) 34970A with relay modules in its three slots: 20 channels each.

After the HP 34970A User's Guide, chapter 5, "Switch Control Commands".
"""

from lagerd.bench.scpi.instrument import ScpiInstrument, command, query
from lagerd.bench.scpi.language import ScpiError, Token

CHANNELS = [100 * slot + number for slot in (1, 2, 3) for number in range(1, 21)]


class Keysight34970A(ScpiInstrument):
    model = "34970A"
    identity = "HEWLETT-PACKARD,34970A,0,13-2-2"
    other_identity = "HEWLETT-PACKARD,34401A,0,11-5-2"
    no_error = '+0,"No error"'

    def __init__(self) -> None:
        super().__init__()
        self.closed = dict.fromkeys(CHANNELS, False)

    def reset(self) -> None:
        self.closed = dict.fromkeys(CHANNELS, False)

    def _channels(self, channels: Token) -> list[int]:
        chosen = channels.channels(999)
        if not all(channel in self.closed for channel in chosen):
            raise ScpiError(112, "Channel list: channel number out of range")
        return chosen

    @command("ROUTe:CLOSe")
    def close(self, channels: Token) -> None:
        self.closed.update(dict.fromkeys(self._channels(channels), True))

    @command("ROUTe:OPEN")
    def open(self, channels: Token) -> None:
        self.closed.update(dict.fromkeys(self._channels(channels), False))

    @query("ROUTe:CLOSe")
    def are_closed(self, channels: Token) -> str:
        return ",".join(str(int(self.closed[channel])) for channel in self._channels(channels))

    @query("ROUTe:OPEN")
    def are_open(self, channels: Token) -> str:
        return ",".join(str(int(not self.closed[channel])) for channel in self._channels(channels))


class Keysight34972A(Keysight34970A):
    model = "34972A"
    identity = "Agilent Technologies,34972A,MY00000005,1.16-1.12-02-02"
