"""The channels of a Rigol DP800: their ratings, how a command names them, and which of them can be coupled.

Ratings: the RIGOL DP800 Series Programming Guide (December 2015), tables under ":APPLy" (105 % of the rating) and
":OUTPut:OVP:VALue" / ":OUTPut:OCP:VALue" (110 %). Tracking: ":OUTPut:TRACk", 2-66; ":SYSTem:ONOFFSync" and
":SYSTem:TRACKMode".
"""

from dataclasses import dataclass
from typing import ClassVar

from lagerd.bench.physics.circuit import Output, Protection
from lagerd.bench.scpi.instrument import ScpiInstrument
from lagerd.bench.scpi.language import Range, ScpiError, Token


@dataclass(frozen=True)
class Rating:
    label: str
    volts: Range
    amps: Range
    ovp: Range
    ocp: Range

    def output(self) -> Output:
        return Output(
            volts=self.volts.default,
            amps=self.amps.default,
            ovp=Protection(self.ovp.default),
            ocp=Protection(self.ocp.default),
        )


def rating(label: str, volts: tuple[float, float], amps: tuple[float, float, float]) -> Rating:
    """Return the ratings of a channel from (voltage, OVP) maxima and (current, OCP, current after *RST)."""
    return Rating(
        label,
        Range(0, volts[0], 0, "V"),
        Range(0, amps[0], amps[2], "A"),
        Range(0.01, volts[1], volts[1], "V"),
        Range(0.001, amps[1], amps[1], "A"),
    )


# The third output of a DP831.
NEGATIVE = Rating(
    "-30V/2A", Range(-32, 0, 0, "V"), Range(0, 2.1, 2, "A"), Range(-33, 0, 0, "V"), Range(0.001, 2.2, 2.2, "A")
)


def is_special(token: Token) -> bool:
    return token.text.upper() in ("MIN", "MINIMUM", "MAX", "MAXIMUM")


class DP800Channels(ScpiInstrument):
    """The channels. A command names one by a parameter, CH1, or by the suffix of SOURce, or uses the selected one."""

    ratings: ClassVar[tuple[Rating, ...]]
    following: ClassVar[tuple[int, ...]] = ()
    """The two channels that can be coupled, if any."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs = [rating.output() for rating in self.ratings]
        self.selected = 1
        self.beeps = True
        self._part()

    def reset(self) -> None:
        self.selected = 1
        self._part()
        for mine, rating in zip(self.outputs, self.ratings, strict=True):
            fresh = rating.output()
            mine.volts, mine.amps, mine.ovp, mine.ocp = fresh.volts, fresh.amps, fresh.ovp, fresh.ocp
            mine.switch(False)

    def _part(self) -> None:
        self.tracking = dict.fromkeys(self.following, False)
        self.track_mode = "SYNC"
        self.in_step = False

    def settle(self) -> None:
        for mine in self.outputs:
            mine.settle()

    def _others(self, channel: int) -> tuple[int, ...]:
        return tuple(other for other in self.following if channel in self.following and other != channel)

    def _set_volts(self, channel: int, value: Token) -> None:
        """Set the voltage of the channel and of the channels that follow it. A channel that only follows cannot be
        set."""
        mine, rating = self._at(channel)
        volts = round(value.number(rating.volts), 3)
        others = self._others(channel) if any(self.tracking.values()) else ()
        if others and not self.tracking[channel]:
            raise ScpiError(-221)
        for output in (mine, *(self.outputs[other - 1] for other in others)):
            output.volts = volts

    def _switch(self, channel: int, on: bool) -> None:
        for number in (channel, *(self._others(channel) if self.in_step else ())):
            self.outputs[number - 1].switch(on)

    def _named(self, token: Token | None) -> int:
        if token is None:
            return self.selected
        return int(token.choice(*(f"CH{number + 1}" for number in range(len(self.ratings))))[2:])

    def _suffixed(self, suffix: int | None) -> int:
        if suffix is None:
            return self.selected
        if not 1 <= suffix <= len(self.ratings):
            raise ScpiError(-114)
        return suffix

    def _leading(self, first: Token, second: Token | None) -> tuple[int, Token]:
        """Parse `[CHn,]value`, where the channel is optional."""
        return (self.selected, first) if second is None else (self._named(first), second)

    def _asked(self, tokens: tuple[Token | None, Token | None]) -> tuple[int, Token | None]:
        """Parse the `[CHn][,MINimum|MAXimum]` of a query, where both are optional."""
        first, second = tokens
        if first is not None and second is None and is_special(first):
            return self.selected, first
        return self._named(first), second

    def _at(self, channel: int) -> tuple[Output, Rating]:
        return self.outputs[channel - 1], self.ratings[channel - 1]
