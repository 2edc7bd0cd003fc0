"""Who has the front panel of an instrument: SYSTem:LOCal, :REMote and :RWLock."""

from lagerd.bench.scpi.instrument import ScpiInstrument, command


class Remote(ScpiInstrument):
    """Commands that a serial line needs to take an instrument over from its front panel, and to give it back."""

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
        """Remote, and the key on the panel that would end it is locked."""
        self.panel = "RWL"
