"""Switches between front panel and remote control: SYSTem:LOCal, :REMote and :RWLock."""

from lagerd.bench.scpi.instrument import ScpiInstrument, command


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
    def set_locked(self) -> None:
        """Enter remote control and lock the panel key that would end it."""
        self.panel = "RWL"
