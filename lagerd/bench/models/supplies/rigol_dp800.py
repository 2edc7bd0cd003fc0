"""Rigol DP821 (two channels, 60 V 1 A and 8 V 10 A) and DP832 (three, twice 30 V 3 A and 5 V 3 A), DP811 and DP831.

After the RIGOL DP800 Series Programming Guide, chapter 2: "*OPT?", ":APPLy", ":INSTrument", ":MEASure", ":OUTPut",
":SOURce", ":STATus" and ":SYSTem" commands.
"""

from collections.abc import Callable
from typing import ClassVar

from lagerd.bench.models.supplies.rigol_dp800_channels import NEGATIVE, DP800Channels, rating
from lagerd.bench.physics.circuit import Output, Point
from lagerd.bench.scpi.instrument import command, query
from lagerd.bench.scpi.language import ScpiError, Token
from lagerd.bench.scpi.remote import Remote


def volts(value: float) -> str:
    return f"{value:.3f}"


def amps(value: float) -> str:
    return f"{value:.4f}"


def _all(point: Point) -> str:
    return f"{point.volts:.4f},{point.amps:.4f},{point.watts:.3f}"


def switch(on: bool) -> str:
    return "ON" if on else "OFF"


class DP800(DP800Channels, Remote):
    """The commands, for any ratings. The guide writes every command from the root and describes no path rule."""

    wording: ClassVar[dict[int, tuple[int, str]]] = {-113: (-113, "Undefined header; keyword cannot be found")}
    root_behind_path = True

    # :INSTrument

    @command(":INSTrument[:SELEct]")
    def select(self, channel: Token) -> None:
        self.selected = self._named(channel)

    @query(":INSTrument[:SELEct]")
    def selection(self) -> str:
        return f"CH{self.selected}"

    @command(":INSTrument:NSELect")
    def select_number(self, channel: Token) -> None:
        self.selected = channel.integer(1, len(self.ratings))

    @query(":INSTrument:NSELect")
    def selected_number(self) -> str:
        return str(self.selected)

    # :APPLy and :SOURce

    @command(":APPLy")
    def apply(self, channel: Token, volt: Token | None = None, curr: Token | None = None) -> None:
        number = self._named(channel)
        mine, rating = self._at(number)
        amps = mine.amps if curr is None else curr.number(rating.amps)
        if volt is not None:
            self._set_volts(number, volt)
        mine.amps, self.selected = amps, number

    @query(":APPLy")
    def applied(self, channel: Token | None = None, what: Token | None = None) -> str:
        number = self._named(channel)
        mine, rating = self._at(number)
        if what is not None:
            return volts(mine.volts) if what.choice("VOLTage", "CURRent") == "VOLT" else amps(mine.amps)
        return f"CH{number}:{rating.label},{volts(mine.volts)},{amps(mine.amps)}"

    @command("[:SOURce<n>]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    def set_volts(self, suffix: int | None, value: Token) -> None:
        self._set_volts(self._suffixed(suffix), value)

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

    @command("[:SOURce<n>]:VOLTage:PROTection[:LEVel]")
    def set_over_voltage(self, suffix: int | None, value: Token) -> None:
        mine, rating = self._at(self._suffixed(suffix))
        mine.ovp.level = round(value.number(rating.ovp), 3)

    @query("[:SOURce<n>]:VOLTage:PROTection[:LEVel]")
    def over_voltage(self, suffix: int | None, special: Token | None = None) -> str:
        mine, rating = self._at(self._suffixed(suffix))
        return volts(mine.ovp.level if special is None else special.number(rating.ovp))

    @command("[:SOURce<n>]:VOLTage:PROTection:STATe")
    def set_over_voltage_state(self, suffix: int | None, state: Token) -> None:
        self._at(self._suffixed(suffix))[0].ovp.enabled = state.boolean()

    @query("[:SOURce<n>]:VOLTage:PROTection:STATe")
    def over_voltage_state(self, suffix: int | None) -> str:
        return switch(self._at(self._suffixed(suffix))[0].ovp.enabled)

    @query("[:SOURce<n>]:VOLTage:PROTection:TRIPped")
    def over_voltage_tripped(self, suffix: int | None) -> str:
        self.changed()
        return "YES" if self._at(self._suffixed(suffix))[0].ovp.tripped else "NO"

    @command("[:SOURce<n>]:CURRent:PROTection[:LEVel]")
    def set_over_current(self, suffix: int | None, value: Token) -> None:
        mine, rating = self._at(self._suffixed(suffix))
        mine.ocp.level = round(value.number(rating.ocp), 4)

    @query("[:SOURce<n>]:CURRent:PROTection[:LEVel]")
    def over_current(self, suffix: int | None, special: Token | None = None) -> str:
        mine, rating = self._at(self._suffixed(suffix))
        return amps(mine.ocp.level if special is None else special.number(rating.ocp))

    @command("[:SOURce<n>]:CURRent:PROTection:STATe")
    def set_over_current_state(self, suffix: int | None, state: Token) -> None:
        self._at(self._suffixed(suffix))[0].ocp.enabled = state.boolean()

    @query("[:SOURce<n>]:CURRent:PROTection:STATe")
    def over_current_state(self, suffix: int | None) -> str:
        return switch(self._at(self._suffixed(suffix))[0].ocp.enabled)

    @query("[:SOURce<n>]:CURRent:PROTection:TRIPped")
    def over_current_tripped(self, suffix: int | None) -> str:
        self.changed()
        return "YES" if self._at(self._suffixed(suffix))[0].ocp.tripped else "NO"

    @command("[:SOURce<n>]:VOLTage:PROTection:CLEar")
    def restore_over_voltage(self, suffix: int | None) -> None:
        """Clear the protection. Unlike :OUTPut:OVP:CLEAR, this switches the output on again."""
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
        return self._measure(channel, lambda out: _all(out.reading))

    @query(":MEASure[:VOLTage][:DC]")
    def measure_volts(self, channel: Token | None = None) -> str:
        return self._measure(channel, lambda out: f"{out.reading.volts:.4f}")

    @query(":MEASure:CURRent[:DC]")
    def measure_amps(self, channel: Token | None = None) -> str:
        return self._measure(channel, lambda out: f"{out.reading.amps:.4f}")

    @query(":MEASure:POWEr[:DC]")
    def measure_watts(self, channel: Token | None = None) -> str:
        return self._measure(channel, lambda out: f"{out.reading.watts:.3f}")

    # :OUTPut

    @command(":OUTPut[:STATe]")
    def set_output(self, first: Token, second: Token | None = None) -> None:
        channel, state = self._leading(first, second)
        self._switch(channel, state.boolean())

    @query(":OUTPut[:STATe]")
    def output_state(self, channel: Token | None = None) -> str:
        return switch(self.outputs[self._named(channel) - 1].on)

    @query(":OUTPut:MODE", ":OUTPut:CVCC")
    def mode(self, channel: Token | None = None) -> str:
        """Return the mode; UR (unregulated) is neither CV nor CC: here, a channel that is off."""
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

    # Coupled channels

    @command(":OUTPut:TRACk")
    def set_track(self, first: Token, second: Token | None = None) -> None:
        channel, state = self._leading(first, second)
        if channel not in self.following:
            raise ScpiError(-221)
        on = state.boolean()
        for number in self.following if self.track_mode == "SYNC" else (channel,):
            self.tracking[number] = on

    @query(":OUTPut:TRACk")
    def track(self, channel: Token | None = None) -> str:
        number = self._named(channel)
        return switch(self.tracking[number]) if number in self.following else "NONE"

    @command(":SYSTem:TRACKMode")
    def set_track_mode(self, mode: Token) -> None:
        self.track_mode = mode.choice("SYNC", "INDE")

    @query(":SYSTem:TRACKMode")
    def shown_track_mode(self) -> str:
        return self.track_mode

    @command(":SYSTem:ONOFFSync")
    def set_in_step(self, state: Token) -> None:
        self.in_step = state.boolean()

    @query(":SYSTem:ONOFFSync")
    def is_in_step(self) -> str:
        return switch(self.in_step)

    @command(":SYSTem:BEEPer[:STATe]")
    def set_beeper(self, state: Token) -> None:
        self.beeps = state.boolean()

    @query(":SYSTem:BEEPer[:STATe]")
    def beeper(self) -> str:
        return switch(self.beeps)

    @query("*OPT")
    def _opt(self) -> str:
        """Report that none of the four options is installed."""
        return "0,0,0,0"


class DP821(DP800):
    model = "DP821"
    identity = "RIGOL TECHNOLOGIES,DP821,DP8E000000001,00.01.16"
    other_identity = "RIGOL TECHNOLOGIES,DP832,DP8C000000001,00.01.16"
    ratings = (rating("60V/1A", (63, 66), (1.05, 1.1, 1)), rating("8V/10A", (8.4, 8.8), (10.5, 11, 10)))


class DP832(DP800):
    """A DP832, whose CH1 and CH2 can be coupled."""

    model = "DP832"
    identity = "RIGOL TECHNOLOGIES,DP832,DP8C000000002,00.01.16"
    other_identity = "RIGOL TECHNOLOGIES,DP821,DP8E000000002,00.01.16"
    ratings = (
        rating("30V/3A", (32, 33), (3.2, 3.3, 3)),
        rating("30V/3A", (32, 33), (3.2, 3.3, 3)),
        rating("5V/3A", (5.3, 5.5), (3.2, 3.3, 3)),
    )
    following = (1, 2)


class DP811(DP800):
    model = "DP811"
    identity = "RIGOL TECHNOLOGIES,DP811,DP8D000000001,00.01.16"
    ratings = (rating("20V/10A", (21, 22), (10.5, 11, 10)),)


class DP831(DP800):
    model = "DP831"
    identity = "RIGOL TECHNOLOGIES,DP831,DP8F000000001,00.01.16"
    ratings = (rating("8V/5A", (8.4, 8.8), (5.3, 5.5, 5)), rating("30V/2A", (32, 33), (2.1, 2.2, 2)), NEGATIVE)
