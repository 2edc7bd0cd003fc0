"""Keysight E36312A: three channels, 6 V 5 A and twice 25 V 1 A; and related models.

After the Keysight E36300 Series Programming Guide (E36311-90008), "SCPI Programming Reference": APPLy,
CURRent, INSTrument, MEASure, OUTPut (with PAIR, COUPle and PROTection:WDOG), STATus and VOLTage subsystems. Ranges:
103 % of the rating, over-voltage 110 %. Its over-current protection has no level: it trips when a channel goes into
constant current.
"""

import time
from collections.abc import Callable
from typing import ClassVar

from lagerd.bench.physics.circuit import Output, Protection
from lagerd.bench.physics.watchdog import Watchdog
from lagerd.bench.scpi.instrument import command, query
from lagerd.bench.scpi.language import Range, ScpiError, Token
from lagerd.bench.scpi.remote import Remote

DELAY = Range(1, 3600, 60, "S")
NEVER = float("inf")


def reading(value: float) -> str:
    return f"{value:+.8E}"


class E36312A(Remote):
    """The supply. A command applies to its channel list, (@1,2); without one, to the selected channel."""

    model = "E36312A"
    identity = "Keysight Technologies,E36312A,MY00000001,2.1.0-1.0.4-1.12"
    other_identity = "Keysight Technologies,E36313A,MY00000002,2.1.0-1.0.4-1.12"
    no_error = '+0,"No error"'
    VOLTS: ClassVar[tuple[Range, ...]] = (Range(0, 6.18, 0, "V"), Range(0, 25.75, 0, "V"), Range(0, 25.75, 0, "V"))
    AMPS: ClassVar[tuple[Range, ...]] = (Range(0, 5.15, 5, "A"), Range(0, 1.03, 1, "A"), Range(0, 1.03, 1, "A"))
    OVP: ClassVar[tuple[Range, ...]] = (Range(0, 6.6, 6.6, "V"), Range(0, 27.5, 27.5, "V"), Range(0, 27.5, 27.5, "V"))

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.watchdog = Watchdog(clock)
        self.outputs = [
            Output(0, 0, Protection(level.default, True), Protection(NEVER), ocp_in_cc=True) for level in self.OVP
        ]
        self.reset()

    def reset(self) -> None:
        self.selected, self.pair = 1, "OFF"
        self.watchdog.seconds, self.watchdog.armed = 60.0, False
        self.coupled: list[int] = []
        for index, mine in enumerate(self.outputs):
            mine.volts, mine.amps = self.VOLTS[index].default, self.AMPS[index].default
            mine.ovp, mine.ocp = Protection(self.OVP[index].default, True), Protection(NEVER)
            mine.switch(False)

    def handle(self, message: str) -> str | None:
        self.settle()
        self.watchdog.hear()
        return super().handle(message)

    def settle(self) -> None:
        for mine in self.outputs:
            if self.watchdog.expired():
                mine.shut()
            mine.settle()

    def _paired(self, chosen: list[int]) -> list[int]:
        """Return the selected outputs; of a pair always both (the second and third output can be paired)."""
        followers = {1, 2} if self.pair != "OFF" and {1, 2} & set(chosen) else set()
        return [*chosen, *(other for other in sorted(followers) if other not in chosen)]

    def _chosen(self, channels: Token | None) -> list[int]:
        """Return the indexes of the channels that a command applies to."""
        if channels is None:
            return [self.selected - 1]
        return [channel - 1 for channel in channels.channels(len(self.outputs))]

    def _set(
        self,
        value: Token,
        channels: Token | None,
        limits: tuple[Range, ...],
        put: Callable[[Output, float], None],
    ) -> None:
        """Set all of the channels, or none if the value is out of range for one of them."""
        values = [(index, value.number(limits[index])) for index in self._paired(self._chosen(channels))]
        for index, number in values:
            put(self.outputs[index], number)

    def _show(
        self,
        tokens: tuple[Token | None, Token | None],
        limits: tuple[Range, ...],
        get: Callable[[Output], float],
    ) -> str:
        """Return the answer to a query with `[MINimum|MAXimum][,(@list)]`."""
        special, channels = tokens
        if special is not None and special.is_channels:
            if channels is not None:
                raise ScpiError(-108)
            special, channels = None, special
        return ",".join(
            reading(get(self.outputs[index]) if special is None else special.number(limits[index]))
            for index in self._chosen(channels)
        )

    def _flags(self, channels: Token | None, get: Callable[[Output], bool]) -> str:
        self.changed()
        return ",".join(str(int(get(self.outputs[index]))) for index in self._chosen(channels))

    @command(":INSTrument[:SELect]")
    def select(self, channel: Token) -> None:
        self.selected = int(channel.choice("CH1", "CH2", "CH3")[2:])

    @query(":INSTrument[:SELect]")
    def selection(self) -> str:
        return f"CH{self.selected}"

    @command(":INSTrument:NSELect")
    def select_number(self, channel: Token) -> None:
        self.selected = channel.integer(1, len(self.outputs))

    @query(":INSTrument:NSELect")
    def selected_number(self) -> str:
        return f"+{self.selected}"

    @command(":APPLy")
    def apply(self, channel: Token, volts: Token | None = None, amps: Token | None = None) -> None:
        index = int(channel.choice("CH1", "CH2", "CH3")[2:]) - 1
        mine = self.outputs[index]
        new_volts = mine.volts if volts is None else volts.number(self.VOLTS[index])
        mine.amps = mine.amps if amps is None else amps.number(self.AMPS[index])
        mine.volts, self.selected = new_volts, index + 1

    @command("[:SOURce]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    def set_volts(self, value: Token, channels: Token | None = None) -> None:
        self._set(value, channels, self.VOLTS, lambda out, number: setattr(out, "volts", number))

    @query("[:SOURce]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    def volts(self, special: Token | None = None, channels: Token | None = None) -> str:
        return self._show((special, channels), self.VOLTS, lambda out: out.volts)

    @command("[:SOURce]:CURRent[:LEVel][:IMMediate][:AMPLitude]")
    def set_amps(self, value: Token, channels: Token | None = None) -> None:
        self._set(value, channels, self.AMPS, lambda out, number: setattr(out, "amps", number))

    @query("[:SOURce]:CURRent[:LEVel][:IMMediate][:AMPLitude]")
    def amps(self, special: Token | None = None, channels: Token | None = None) -> str:
        return self._show((special, channels), self.AMPS, lambda out: out.amps)

    @command("[:SOURce]:VOLTage:PROTection[:LEVel]")
    def set_ovp(self, value: Token, channels: Token | None = None) -> None:
        self._set(value, channels, self.OVP, lambda out, number: setattr(out.ovp, "level", number))

    @query("[:SOURce]:VOLTage:PROTection[:LEVel]")
    def ovp(self, special: Token | None = None, channels: Token | None = None) -> str:
        return self._show((special, channels), self.OVP, lambda out: out.ovp.level)

    @query("[:SOURce]:VOLTage:PROTection:TRIPped")
    def ovp_tripped(self, channels: Token | None = None) -> str:
        return self._flags(channels, lambda out: out.ovp.tripped)

    @command("[:SOURce]:VOLTage:PROTection:CLEar")
    def clear_ovp(self, channels: Token | None = None) -> None:
        for index in self._chosen(channels):
            self.outputs[index].ovp.tripped = False
            self.outputs[index].restore()

    @command("[:SOURce]:CURRent:PROTection:STATe")
    def set_ocp_state(self, state: Token, channels: Token | None = None) -> None:
        for index in self._chosen(channels):
            self.outputs[index].ocp.enabled = state.boolean()

    @query("[:SOURce]:CURRent:PROTection:STATe")
    def ocp_state(self, channels: Token | None = None) -> str:
        return self._flags(channels, lambda out: out.ocp.enabled)

    @query("[:SOURce]:CURRent:PROTection:TRIPped")
    def ocp_tripped(self, channels: Token | None = None) -> str:
        return self._flags(channels, lambda out: out.ocp.tripped)

    @command("[:SOURce]:CURRent:PROTection:CLEar")
    def clear_ocp(self, channels: Token | None = None) -> None:
        for index in self._chosen(channels):
            self.outputs[index].ocp.tripped = False
            self.outputs[index].restore()

    @command(":OUTPut:PROTection:CLEar")
    def clear(self, channels: Token | None = None) -> None:
        """Clear the protections; the output returns to its state before the fault."""
        for index in self._chosen(channels):
            self.outputs[index].clear()
            self.outputs[index].restore()

    @command(":OUTPut:PROTection:WDOG[:STATe]")
    def set_watchdog(self, state: Token) -> None:
        self.watchdog.arm(state.boolean())

    @query(":OUTPut:PROTection:WDOG[:STATe]")
    def watchdog_state(self) -> str:
        return str(int(self.watchdog.armed))

    @command(":OUTPut:PROTection:WDOG:DELay")
    def set_watchdog_delay(self, seconds: Token) -> None:
        self.watchdog.seconds = round(seconds.number(DELAY))

    @query(":OUTPut:PROTection:WDOG:DELay")
    def watchdog_delay(self, special: Token | None = None) -> str:
        return f"{self.watchdog.seconds if special is None else special.number(DELAY):g}"

    @command(":OUTPut[:STATe]")
    def set_output(self, state: Token, channels: Token | None = None) -> None:
        chosen = self._paired(self._chosen(channels))
        chosen += [other - 1 for other in self.coupled if {index + 1 for index in chosen} & set(self.coupled)]
        for index in chosen:
            self.outputs[index].switch(state.boolean())

    @command(":OUTPut:PAIR")
    def set_pair(self, mode: Token) -> None:
        """Pair the second and the third output; both are off afterwards."""
        self.pair = mode.choice("OFF", "SERies", "PARallel", "TRACk")
        for mine in self.outputs[1:]:
            mine.switch(False)

    @query(":OUTPut:PAIR")
    def shown_pair(self) -> str:
        return self.pair

    @command(":OUTPut[:STATe]:COUPle:CHANnel")
    def couple(self, first: Token, second: Token | None = None, third: Token | None = None) -> None:
        given = [token for token in (first, second, third) if token]
        names = [token.choice("NONE", "ALL", "CH1", "CH2", "CH3") for token in given]
        if len(names) > 1 and {"NONE", "ALL"} & set(names):
            raise ScpiError(-224)
        self.coupled = [1, 2, 3] if names == ["ALL"] else [int(name[2:]) for name in names if name != "NONE"]

    @query(":OUTPut[:STATe]:COUPle:CHANnel")
    def shown_coupled(self) -> str:
        return ",".join(f"CH{channel}" for channel in self.coupled) or "NONE"

    @query(":OUTPut[:STATe]")
    def output_state(self, channels: Token | None = None) -> str:
        return self._flags(channels, lambda out: out.on)

    @query(":MEASure[:SCALar]:VOLTage[:DC]", ":MEASure[:SCALar][:DC]")
    def measure_volts(self, channels: Token | None = None) -> str:
        self.changed()
        return self._show((channels, None), self.VOLTS, lambda out: round(out.reading.volts, 5))

    @query(":MEASure[:SCALar]:CURRent[:DC]")
    def measure_amps(self, channels: Token | None = None) -> str:
        self.changed()
        return self._show((channels, None), self.AMPS, lambda out: round(out.reading.amps, 6))

    @query(":STATus:OPERation:INSTrument:ISUMmary<n>:CONDition")
    def condition(self, suffix: int | None) -> str:
        """Bit 0 constant voltage, bit 1 constant current, bit 2 off."""
        self.changed()
        if not 1 <= (suffix or 1) <= len(self.outputs):
            raise ScpiError(-114)
        return str({"CV": 1, "CC": 2, "OFF": 4}[self.outputs[(suffix or 1) - 1].point.mode])


class E36311A(E36312A):
    """An E36311A. The third output of the real instrument is negative; here it is positive."""

    model = "E36311A"
    identity = "Keysight Technologies,E36311A,MY00000003,2.1.0-1.0.4-1.12"


class E36313A(E36312A):
    model = "E36313A"
    identity = "Keysight Technologies,E36313A,MY00000004,2.1.0-1.0.4-1.12"
    AMPS = (Range(0, 10.3, 10, "A"), Range(0, 2.06, 2, "A"), Range(0, 2.06, 2, "A"))
