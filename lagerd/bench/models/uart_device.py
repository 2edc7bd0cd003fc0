"""The serial device on the bench: it reads lines and answers each with one line."""

from collections.abc import Callable

from lagerd.bench.faults import Faults

HELP = "commands: *IDN? | echo TEXT | rail | help"


class UartDevice:
    """The device. A line ends with CR, LF or both; an answer ends with both."""

    model = "serial"
    identity = "LAGER,BENCH UART,0000001,1.0"
    other_identity = "NOBODY,OTHER UART,0000002,1.0"

    def __init__(self) -> None:
        self.faults = Faults()
        self.rail: Callable[[], float] = lambda: 0.0

    def handle(self, line: str) -> str | None:
        word, _, rest = line.strip().partition(" ")
        answers: dict[str, Callable[[], str]] = {
            "*IDN?": lambda: self.other_identity if self.faults.other_idn else self.identity,
            "ECHO": lambda: rest,
            "RAIL": lambda: f"{self.rail():.3f} V",
            "HELP": lambda: HELP,
        }
        if not word:
            return None
        return answers.get(word.upper(), lambda: f"error: unknown command {word[:32]!a}; try help")()

    def other_answer(self, line: str) -> str:
        return HELP if "IDN" in line.upper() else self.identity

    def overrun(self) -> None:
        """Drop a line longer than the buffer, as a small controller would."""
