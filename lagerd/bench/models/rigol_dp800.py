"""Rigol DP821: two channels, 60 V 1 A and 8 V 10 A.

After the RIGOL DP800 Series Programming Guide, chapter 2: ":APPLy", ":INSTrument", ":MEASure", ":OUTPut",
":SOURce", ":STATus" and ":SYSTem" commands. Ranges: the tables under ":APPLy" (105 % of the rating) and
":OUTPut:OVP:VALue" / ":OUTPut:OCP:VALue" (110 %).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from lagerd.bench.physics.circuit import Output, Protection
from lagerd.bench.scpi.instrument import ScpiInstrument, command, query
from lagerd.bench.scpi.language import Limits, ScpiError, Token


@dataclass(frozen=True)
class Rating:
    label: str
    volts: Limits
    amps: Limits
    ovp: Limits
    ocp: Limits


RATINGS = (
    Rating(
        "60V/1A",
        Limits(0, 63, 0, "V"),
        Limits(0, 1.05, 1, "A"),
        Limits(0.01, 66, 66, "V"),
        Limits(0.001, 1.1, 1.1, "A"),
    ),
    Rating(
        "8V/10A",
        Limits(0, 8.4, 0, "V"),
        Limits(0, 10.5, 10, "A"),
        Limits(0.01, 8.8, 8.8, "V"),
        Limits(0.001, 11, 11, "A"),
    ),
)


def output(rating: Rating) -> Output:
    return Output(
        volts=rating.volts.default,
        amps=rating.amps.default,
        ovp=Protection(rating.ovp.default),
        ocp=Protection(rating.ocp.default),
    )


def volts(value: float) -> str:
    return f"{value:.3f}"


def amps(value: float) -> str:
    return f"{value:.4f}"


def switch(on: bool) -> str:
    return "ON" if on else "OFF"


def is_special(token: Token) -> bool:
    return token.text.upper() in ("MIN", "MINIMUM", "MAX", "MAXIMUM")


class DP821(ScpiInstrument):
    """The channel is a parameter, CH1, or the suffix of SOURce; without one it is the selected channel."""

    model = "DP821"
    identity = "RIGOL TECHNOLOGIES,DP821,DP8E000000001,00.01.16"
    other_identity = "RIGOL TECHNOLOGIES,DP832,DP8C000000001,00.01.16"
    wording: ClassVar[dict[int, tuple[int, str]]] = {-113: (-113, "Undefined header; keyword cannot be found")}

    def __init__(self) -> None:
        super().__init__()
        self.outputs = [output(rating) for rating in RATINGS]
        self.selected = 1

    def reset(self) -> None:
        self.selected = 1
        for mine, fresh in zip(self.outputs, map(output, RATINGS), strict=True):
            mine.volts, mine.amps, mine.ovp, mine.ocp = fresh.volts, fresh.amps, fresh.ovp, fresh.ocp
            mine.switch(False)

    def settle(self) -> None:
        for mine in self.outputs:
            mine.settle()

    # Which channel

    def _named(self, token: Token | None) -> int:
        if token is None:
            return self.selected
        return int(token.choice("CH1", "CH2")[2:])

    def _suffixed(self, suffix: int | None) -> int:
        if suffix is None:
            return self.selected
        if not 1 <= suffix <= len(RATINGS):
            raise ScpiError(-114)
        return suffix

    def _leading(self, first: Token, second: Token | None) -> tuple[int, Token]:
        """`[CHn,]value`: the channel may be left out."""
        return (self.selected, first) if second is None else (self._named(first), second)

    def _asked(self, tokens: tuple[Token | None, Token | None]) -> tuple[int, Token | None]:
        """`[CHn][,MINimum|MAXimum]` of a query: either may be left out."""
        first, second = tokens
        if first is not None and second is None and is_special(first):
            return self.selected, first
        return self._named(first), second

    def _at(self, channel: int) -> tuple[Output, Rating]:
        return self.outputs[channel - 1], RATINGS[channel - 1]

    # :INSTrument

    @command(":INSTrument[:SELEct]")
    def select(self, channel: Token) -> None:
        self.selected = self._named(channel)

    @query(":INSTrument[:SELEct]")
    def selection(self) -> str:
        return f"CH{self.selected}"

    @command(":INSTrument:NSELect")
    def select_number(self, channel: Token) -> None:
        self.selected = channel.integer(1, len(RATINGS))

    @query(":INSTrument:NSELect")
    def selected_number(self) -> str:
        return str(self.selected)

    # :APPLy and :SOURce

    @command(":APPLy")
    def apply(self, channel: Token, volt: Token | None = None, curr: Token | None = None) -> None:
        number = self._named(channel)
        mine, rating = self._at(number)
        new_volts = mine.volts if volt is None else volt.number(rating.volts)
        mine.amps = mine.amps if curr is None else curr.number(rating.amps)
        mine.volts = new_volts
        self.selected = number

    @query(":APPLy")
    def applied(self, channel: Token | None = None, what: Token | None = None) -> str:
        number = self._named(channel)
        mine, rating = self._at(number)
        if what is not None:
            return volts(mine.volts) if what.choice("VOLTage", "CURRent") == "VOLT" else amps(mine.amps)
        return f"CH{number}:{rating.label},{volts(mine.volts)},{amps(mine.amps)}"

    @command("[:SOURce<n>]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    def set_volts(self, suffix: int | None, value: Token) -> None:
        mine, rating = self._at(self._suffixed(suffix))
        mine.volts = round(value.number(rating.volts), 3)

    @query("[:SOURce<n>]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    def volts(self, suffix: int | None, special: Token | None = None) -> str:
        mine, rating = self._at(self._suffixed(suffix))
        return volts(mine.volts if special is None else special.number(rating.volts))

    @command("[:SOURce<n>]:CURRent[:LEVel][:IMMediate][:AMPLitude]")
    def set_amps(self, suffix: int | None, value: Token) -> None:
        mine, rating = self._at(self._suffixed(suffix))
        mine.amps = round(value.number(rating.amps), 4)

    @query("[:SOURce<n>]:CURRent[:LEVel][:IMMediate][:AMPLitude]")
    def amps(self, suffix: int | None, special: Token | None = None) -> str:
        mine, rating = self._at(self._suffixed(suffix))
        return amps(mine.amps if special is None else special.number(rating.amps))

    @command("[:SOURce<n>]:VOLTage:PROTection:CLEar")
    def restore_over_voltage(self, suffix: int | None) -> None:
        """Unlike :OUTPut:OVP:CLEAR this turns the output on again."""
        mine, _ = self._at(self._suffixed(suffix))
        mine.ovp.tripped = False
        mine.restore()

    @command("[:SOURce<n>]:CURRent:PROTection:CLEar")
    def restore_over_current(self, suffix: int | None) -> None:
        mine, _ = self._at(self._suffixed(suffix))
        mine.ocp.tripped = False
        mine.restore()

    # :MEASure

    def _measure(self, channel: Token | None, show: Callable[[Output], str]) -> str:
        self.changed()
        return show(self.outputs[self._named(channel) - 1])

    @query(":MEASure:ALL[:DC]")
    def measure_all(self, channel: Token | None = None) -> str:
        return self._measure(channel, lambda out: f"{out.point.volts:.4f},{out.point.amps:.4f},{out.point.watts:.3f}")

    @query(":MEASure[:VOLTage][:DC]")
    def measure_volts(self, channel: Token | None = None) -> str:
        return self._measure(channel, lambda out: f"{out.point.volts:.4f}")

    @query(":MEASure:CURRent[:DC]")
    def measure_amps(self, channel: Token | None = None) -> str:
        return self._measure(channel, lambda out: f"{out.point.amps:.4f}")

    @query(":MEASure:POWEr[:DC]")
    def measure_watts(self, channel: Token | None = None) -> str:
        return self._measure(channel, lambda out: f"{out.point.watts:.3f}")

    # :OUTPut

    @command(":OUTPut[:STATe]")
    def set_output(self, first: Token, second: Token | None = None) -> None:
        channel, state = self._leading(first, second)
        self.outputs[channel - 1].switch(state.boolean())

    @query(":OUTPut[:STATe]")
    def output_state(self, channel: Token | None = None) -> str:
        return switch(self.outputs[self._named(channel) - 1].on)

    @query(":OUTPut:MODE", ":OUTPut:CVCC")
    def mode(self, channel: Token | None = None) -> str:
        """UR, unregulated, is what a channel is that is neither in CV nor in CC: here, one that is off."""
        return self._measure(channel, lambda out: "UR" if out.point.mode == "OFF" else out.point.mode)

    @command(":OUTPut:OVP:VALue")
    def set_ovp(self, first: Token, second: Token | None = None) -> None:
        channel, value = self._leading(first, second)
        mine, rating = self._at(channel)
        mine.ovp.level = round(value.number(rating.ovp), 3)

    @query(":OUTPut:OVP:VALue")
    def ovp(self, first: Token | None = None, second: Token | None = None) -> str:
        channel, special = self._asked((first, second))
        mine, rating = self._at(channel)
        return volts(mine.ovp.level if special is None else special.number(rating.ovp))

    @command(":OUTPut:OVP[:STATe]")
    def set_ovp_state(self, first: Token, second: Token | None = None) -> None:
        channel, state = self._leading(first, second)
        self.outputs[channel - 1].ovp.enabled = state.boolean()

    @query(":OUTPut:OVP[:STATe]")
    def ovp_state(self, channel: Token | None = None) -> str:
        return switch(self.outputs[self._named(channel) - 1].ovp.enabled)

    @query(":OUTPut:OVP:QUES", ":OUTPut:OVP:ALAR")
    def ovp_tripped(self, channel: Token | None = None) -> str:
        return self._measure(channel, lambda out: "YES" if out.ovp.tripped else "NO")

    @command(":OUTPut:OVP:CLEAR")
    def clear_ovp(self, channel: Token | None = None) -> None:
        self.outputs[self._named(channel) - 1].ovp.tripped = False

    @command(":OUTPut:OCP:VALue")
    def set_ocp(self, first: Token, second: Token | None = None) -> None:
        channel, value = self._leading(first, second)
        mine, rating = self._at(channel)
        mine.ocp.level = round(value.number(rating.ocp), 4)

    @query(":OUTPut:OCP:VALue")
    def ocp(self, first: Token | None = None, second: Token | None = None) -> str:
        channel, special = self._asked((first, second))
        mine, rating = self._at(channel)
        return amps(mine.ocp.level if special is None else special.number(rating.ocp))

    @command(":OUTPut:OCP[:STATe]")
    def set_ocp_state(self, first: Token, second: Token | None = None) -> None:
        channel, state = self._leading(first, second)
        self.outputs[channel - 1].ocp.enabled = state.boolean()

    @query(":OUTPut:OCP[:STATe]")
    def ocp_state(self, channel: Token | None = None) -> str:
        return switch(self.outputs[self._named(channel) - 1].ocp.enabled)

    @query(":OUTPut:OCP:QUES", ":OUTPut:OCP:ALAR")
    def ocp_tripped(self, channel: Token | None = None) -> str:
        return self._measure(channel, lambda out: "YES" if out.ocp.tripped else "NO")

    @command(":OUTPut:OCP:CLEAR")
    def clear_ocp(self, channel: Token | None = None) -> None:
        self.outputs[self._named(channel) - 1].ocp.tripped = False

    # :STATus, table 1-3: bit 0 constant current, bit 1 constant voltage, bit 2 OVP, bit 3 OCP

    @query(":STATus:QUEStionable:INSTrument:ISUMmary<n>:CONDition")
    def condition(self, suffix: int | None) -> str:
        self.changed()
        mine, _ = self._at(self._suffixed(suffix))
        regulation = {"CC": 1, "CV": 2}.get(mine.point.mode, 0)
        return str(regulation | (4 if mine.ovp.tripped else 0) | (8 if mine.ocp.tripped else 0))
