"""Siglent SPD3303X (two outputs of 32 V 3.2 A, and a fixed one), SPD1168X (16 V 8 A) and SPD1305X (30 V 5 A).

After SIGLENT, SPD3303X/3303X-E Quick Start (QS0503X-E02A), chapter 3, and SPD1000X User Manual (UM0501X-E02A), 3.4:
"INSTrument", "MEASure", "CURRent", "VOLTage", "OVP", "OCP", "OUTPut", "MODE:SET" and "SYSTem". Neither has *CLS or
*RST. The fixed output can be switched, but its state cannot be read.
"""

from typing import ClassVar

from lagerd.bench.physics.circuit import Output, Protection
from lagerd.bench.scpi.instrument import ScpiInstrument, command, query
from lagerd.bench.scpi.language import Range, ScpiError, Token

NEVER = float("inf")


class SPD3303X(ScpiInstrument):
    model = "SPD3303X"
    identity = "Siglent Technologies,SPD3303X,SPD00000000001,1.01.01.02.07R2,V3.0"
    other_identity = "Siglent Technologies,SPD3303C,SPD00000000002,1.02.01.01.03R9,V1.3"
    no_error = "0  No Error"
    COUNT: ClassVar[int] = 2
    VOLTS: ClassVar[Range] = Range(0, 32, 0, "V")
    AMPS: ClassVar[Range] = Range(0, 3.2, 3.2, "A")
    BITS: ClassVar[int] = 0b0100
    """Of the status, while all is off: the outputs are independent."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs = [self._output() for _ in range(self.COUNT)]
        self.bits = self.BITS
        self.selected = "CH1"
        self.track = 0

    def _output(self) -> Output:
        return Output(self.VOLTS.default, self.AMPS.default, Protection(NEVER), Protection(NEVER))

    def settle(self) -> None:
        for mine in self.outputs:
            mine.settle()

    def _at(self, suffix: int | None) -> Output:
        if suffix is None or not 1 <= suffix <= self.COUNT:
            raise ScpiError(-114)
        return self.outputs[suffix - 1]

    def _named(self, token: Token | None) -> Output:
        names = self._names()
        return self.outputs[names.index(self.selected if token is None else token.choice(*names))]

    def _names(self) -> list[str]:
        return [f"CH{number}" for number in range(1, self.COUNT + 1)]

    @command("INSTrument")
    def select(self, channel: Token) -> None:
        self.selected = channel.choice(*self._names())

    @query("INSTrument")
    def selection(self) -> str:
        return self.selected

    @command("CH<n>:VOLTage")
    def set_volts(self, suffix: int | None, value: Token) -> None:
        self._at(suffix).volts = round(value.number(self.VOLTS), 3)

    @query("CH<n>:VOLTage")
    def volts(self, suffix: int | None) -> str:
        return f"{self._at(suffix).volts:.3f}"

    @command("CH<n>:CURRent")
    def set_amps(self, suffix: int | None, value: Token) -> None:
        self._at(suffix).amps = round(value.number(self.AMPS), 3)

    @query("CH<n>:CURRent")
    def amps(self, suffix: int | None) -> str:
        return f"{self._at(suffix).amps:.3f}"

    @query("MEASure:VOLTage")
    def measured_volts(self, channel: Token | None = None) -> str:
        self.changed()
        return f"{self._named(channel).reading.volts:.3f}"

    @query("MEASure:CURRent")
    def measured_amps(self, channel: Token | None = None) -> str:
        self.changed()
        return f"{self._named(channel).reading.amps:.3f}"

    @query("MEASure:POWEr")
    def measured_watts(self, channel: Token | None = None) -> str:
        self.changed()
        return f"{self._named(channel).reading.watts:.3f}"

    @command("OUTPut")
    def switch(self, channel: Token, state: Token) -> None:
        if channel.text.upper() == f"CH{self.COUNT + 1}" == "CH3":
            state.choice("ON", "OFF")
            return
        self._named(channel).switch(state.choice("ON", "OFF") == "ON")

    @query("SYSTem:STATus")
    def state(self) -> str:
        self.changed()
        status = self.bits if not self.track else 0b1100 if self.track == 1 else 0b1000
        for number, output in enumerate(self.outputs):
            status |= (output.point.mode == "CC") << number | output.on << number + 4
        return f"{status:#x}"

    @command("OUTPut:TRACK")
    def set_track(self, mode: Token) -> None:
        self.track = mode.integer(0, 2) if self.COUNT > 1 else 0


class SPD3303XE(SPD3303X):
    model = "SPD3303X-E"
    identity = SPD3303X.identity.replace("SPD3303X", "SPD3303X-E")


class SPD1168X(SPD3303X):
    model = "SPD1168X"
    identity = "Siglent Technologies,SPD1168X,SPD10000000003,2.1.1.9,V1.0"
    other_identity = "Siglent Technologies,SPD1305X,SPD10000000004,2.1.1.9,V1.0"
    COUNT = 1
    VOLTS = Range(0, 16, 0, "V")
    AMPS = Range(0, 8, 0, "A")
    BITS = 0

    @command("MODE:SET")
    def set_sense(self, wires: Token) -> None:
        self.bits = (wires.choice("2W", "4W") == "4W") << 5

    def _output(self) -> Output:
        return Output(0.0, 0.0, Protection(self.VOLTS.high, True), Protection(self.AMPS.high, True))

    @command("OVP")
    def set_ovp(self, value: Token) -> None:
        self.outputs[0].ovp.level = value.number(self.VOLTS)

    @query("OVP")
    def ovp(self) -> str:
        return f"{self.outputs[0].ovp.level:.3f}"

    @command("OCP")
    def set_ocp(self, value: Token) -> None:
        self.outputs[0].ocp.level = value.number(self.AMPS)

    @query("OCP")
    def ocp(self) -> str:
        return f"{self.outputs[0].ocp.level:.3f}"

    @command("OUTPut:RESEt:PROTect")
    def reset_protections(self) -> None:
        self.outputs[0].clear()


class SPD1305X(SPD1168X):
    model = "SPD1305X"
    identity = SPD1168X.identity.replace("SPD1168X", "SPD1305X")
    VOLTS = Range(0, 30, 0, "V")
    AMPS = Range(0, 5, 0, "A")
