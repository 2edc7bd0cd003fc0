"""Switches between front panel and remote control: SYSTem:LOCal, :REMote and :RWLock."""

from lagerd.bench.scpi.instrument import ScpiInstrument, command
from lagerd.bench.scpi.language import Token


class Remote(ScpiInstrument):
    """The commands with which a client on a serial line takes control from the front panel, and returns it."""

    def __init__(self) -> None:
        super().__init__()
        self.panel = "LOC"

    @command(":SYSTem:LOCal")
    def set_local(self) -> None:
        self.panel = "LOC"

    @command(":SYSTem:REMote")
    def set_remote(self) -> None:
        self.panel = "REM"

    @command(":SYSTem:RWLock")
    def set_locked(self, state: Token | None = None) -> None:
        """Enter remote control and lock the panel key that would end it. Public drivers also send ON or OFF."""
        self.panel = "RWL" if state is None or state.boolean() else "REM"
