"""Rigol DL3021, an electronic load for 150 V, 40 A, 200 W, and DL3031 for 60 A, 350 W.

After the RIGOL DL3000 Series Programming Guide, chapter 2: [:SOURce]:FUNCtion, [:SOURce]:INPut, [:SOURce]:SENSe,
[:SOURce]:CURRent:VON (2-24: below this voltage a constant current does not flow),
[:SOURce]:CURRent, :VOLTage, :RESistance and :POWer commands with the VLIMt and ILIMt of each, :MEASure commands.
The current limit of a function holds the current down; a voltage above its voltage limit turns the input off.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

from lagerd.bench.physics.circuit import Noise, quiet
from lagerd.bench.scpi.instrument import ScpiInstrument, command, query
from lagerd.bench.scpi.language import Range, Token

VOLTS, OHMS = Range(0, 150, 150, "V"), Range(0.08, 15000, 15000, "OHM")
NAMES = {"CURR": "CC", "VOLT": "CV", "RES": "CR", "POW": "CP"}
RULES = ("FIXed", "LIST", "WAVe", "BATTery", "OCP", "OPP")
VLIMIT = Range(0, 150, 150, "V")
VON = Range(0, 150, 0, "V")
SHORT_OHMS = 0.04
"""The lowest resistance of the load."""


def reading(value: float) -> str:
    return f"{value:.6f}"


class DL3021(ScpiInstrument):
    model = "DL3021"
    identity = "RIGOL TECHNOLOGIES,DL3021,DL3A000000001,00.01.05.00.01"
    other_identity = "RIGOL TECHNOLOGIES,DL3031A,DL3D000000001,00.01.05.00.01"
    wording: ClassVar[dict[int, tuple[int, str]]] = {-113: (-113, "Undefined header; keyword cannot be found")}
    root_behind_path = True  # the guide writes every command from the root and describes no path rule

    LEVELS: ClassVar[Mapping[str, Range]] = {
        "CURR": Range(0, 40, 0, "A"), "VOLT": VOLTS, "RES": OHMS, "POW": Range(0, 200, 0, "W"),
    }  # fmt: skip
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "CURR": (4.0, 40.0), "VOLT": (15.0, 150.0), "RES": (15.0, 15000.0),
    }  # fmt: skip
    ILIMIT: ClassVar[Range] = Range(0, 40, 40, "A")

    def __init__(self) -> None:
        super().__init__()
        self.terminal: Callable[[], float] = lambda: 0.0
        """Returns the voltage across the terminals, from the circuit that the load is wired to."""
        self.noise: Noise = quiet
        self.reset()

    def reset(self) -> None:
        self.function, self.rule = "CURR", "FIX"
        self.on = self.senses = False
        self.starting_volts = VON.default
        self.vlimits = dict.fromkeys(self.LEVELS, VLIMIT.default)
        self.ilimits = dict.fromkeys(self.LEVELS, self.ILIMIT.default)
        self.levels = {name: limits.default for name, limits in self.LEVELS.items()}
        self.ranges = {name: values[-1] for name, values in self.RANGES.items()}

    def draw(self, volts: float) -> float:
        """Return the current that the load draws at a voltage, up to the maximum that it can conduct."""
        if not self.on or volts <= 0 or self.rule != "FIX":
            return 0.0
        level = self.levels[self.function]
        hardest = min(volts / SHORT_OHMS, self.LEVELS["CURR"].high, self.ilimits[self.function])
        wanted = {
            "CURR": lambda: level if volts >= self.starting_volts else 0.0,
            "VOLT": lambda: max(0.0, volts - level) / SHORT_OHMS,
            "RES": lambda: volts / level,
            "POW": lambda: level / volts,
        }
        return min(wanted[self.function](), hardest)

    def trips(self) -> bool:
        """Switch the input off if the voltage across it exceeds the limit; return whether it was switched off."""
        over = self.on and self.terminal() > self.vlimits[self.function] * (1 + 1e-9)
        self.on = self.on and not over
        return over

    @command("[:SOURce]:FUNCtion:MODE")
    def set_rule(self, rule: Token) -> None:
        self.rule = rule.choice(*RULES)

    @query("[:SOURce]:FUNCtion:MODE")
    def shown_rule(self) -> str:
        return self.rule

    @command("[:SOURce]:FUNCtion")
    def set_function(self, function: Token) -> None:
        self.function = function.choice("CURRent", "VOLTage", "RESistance", "POWer")

    @query("[:SOURce]:FUNCtion")
    def shown_function(self) -> str:
        return NAMES[self.function]

    @command("[:SOURce]:INPut[:STATe]")
    def set_input(self, state: Token) -> None:
        self.on = state.boolean()

    @query("[:SOURce]:INPut[:STATe]")
    def input_state(self) -> str:
        return str(int(self.on))

    @command("[:SOURce]:SENSe[:STATe]")
    def set_senses(self, state: Token) -> None:
        """Switch remote sense. It has no effect, because the simulated wires have no resistance."""
        self.senses = state.boolean()

    @query("[:SOURce]:SENSe[:STATe]")
    def shown_senses(self) -> str:
        return str(int(self.senses))

    @command("[:SOURce]:CURRent:VON")
    def set_starting_volts(self, value: Token) -> None:
        self.starting_volts = value.number(VON)

    @query("[:SOURce]:CURRent:VON")
    def shown_starting_volts(self, special: Token | None = None) -> str:
        return reading(self.starting_volts if special is None else special.number(VON))

    def _limits(self, function: str) -> Range:
        """Return the limits of a level, which may not exceed the selected range."""
        whole = self.LEVELS[function]
        high = self.ranges.get(function, whole.high)
        return Range(whole.low, high, min(whole.default, high), whole.unit)

    def _set_level(self, function: str, value: Token) -> None:
        self.levels[function] = value.number(self._limits(function))

    def _level(self, function: str, special: Token | None) -> str:
        return reading(self.levels[function] if special is None else special.number(self._limits(function)))

    def _set_range(self, function: str, value: Token) -> None:
        """Select the smallest range that includes the value; reduce a level beyond it."""
        low, high = self.RANGES[function]
        wanted = value.number(Range(low, high, high, self.LEVELS[function].unit))
        self.ranges[function] = low if wanted <= low else high
        self.levels[function] = min(self.levels[function], self.ranges[function])

    @command("[:SOURce]:CURRent[:LEVel][:IMMediate]")
    def set_current(self, value: Token) -> None:
        self._set_level("CURR", value)

    @query("[:SOURce]:CURRent[:LEVel][:IMMediate]")
    def current(self, special: Token | None = None) -> str:
        return self._level("CURR", special)

    @command("[:SOURce]:VOLTage[:LEVel][:IMMediate]")
    def set_voltage(self, value: Token) -> None:
        self._set_level("VOLT", value)

    @query("[:SOURce]:VOLTage[:LEVel][:IMMediate]")
    def voltage(self, special: Token | None = None) -> str:
        return self._level("VOLT", special)

    @command("[:SOURce]:RESistance[:LEVel][:IMMediate]")
    def set_resistance(self, value: Token) -> None:
        self._set_level("RES", value)

    @query("[:SOURce]:RESistance[:LEVel][:IMMediate]")
    def resistance(self, special: Token | None = None) -> str:
        return self._level("RES", special)

    @command("[:SOURce]:POWer[:LEVel][:IMMediate]")
    def set_power(self, value: Token) -> None:
        self._set_level("POW", value)

    @query("[:SOURce]:POWer[:LEVel][:IMMediate]")
    def power(self, special: Token | None = None) -> str:
        return self._level("POW", special)

    @command("[:SOURce]:CURRent:RANGe")
    def set_current_range(self, value: Token) -> None:
        self._set_range("CURR", value)

    @query("[:SOURce]:CURRent:RANGe")
    def current_range(self) -> str:
        return reading(self.ranges["CURR"])

    @command("[:SOURce]:VOLTage:RANGe")
    def set_voltage_range(self, value: Token) -> None:
        self._set_range("VOLT", value)

    @query("[:SOURce]:VOLTage:RANGe")
    def voltage_range(self) -> str:
        return reading(self.ranges["VOLT"])

    @command("[:SOURce]:RESistance:RANGe")
    def set_resistance_range(self, value: Token) -> None:
        self._set_range("RES", value)

    @query("[:SOURce]:RESistance:RANGe")
    def resistance_range(self) -> str:
        return reading(self.ranges["RES"])

    @command("[:SOURce]:CURRent:VLIMt")
    def set_current_vlimit(self, value: Token) -> None:
        self.vlimits["CURR"] = value.number(VLIMIT)

    @query("[:SOURce]:CURRent:VLIMt")
    def current_vlimit(self, special: Token | None = None) -> str:
        return reading(self.vlimits["CURR"] if special is None else special.number(VLIMIT))

    @command("[:SOURce]:CURRent:ILIMt")
    def set_current_ilimit(self, value: Token) -> None:
        self.ilimits["CURR"] = value.number(self.ILIMIT)

    @query("[:SOURce]:CURRent:ILIMt")
    def current_ilimit(self, special: Token | None = None) -> str:
        return reading(self.ilimits["CURR"] if special is None else special.number(self.ILIMIT))

    @command("[:SOURce]:VOLTage:VLIMt")
    def set_voltage_vlimit(self, value: Token) -> None:
        self.vlimits["VOLT"] = value.number(VLIMIT)

    @query("[:SOURce]:VOLTage:VLIMt")
    def voltage_vlimit(self, special: Token | None = None) -> str:
        return reading(self.vlimits["VOLT"] if special is None else special.number(VLIMIT))

    @command("[:SOURce]:VOLTage:ILIMt")
    def set_voltage_ilimit(self, value: Token) -> None:
        self.ilimits["VOLT"] = value.number(self.ILIMIT)

    @query("[:SOURce]:VOLTage:ILIMt")
    def voltage_ilimit(self, special: Token | None = None) -> str:
        return reading(self.ilimits["VOLT"] if special is None else special.number(self.ILIMIT))

    @command("[:SOURce]:RESistance:VLIMt")
    def set_resistance_vlimit(self, value: Token) -> None:
        self.vlimits["RES"] = value.number(VLIMIT)

    @query("[:SOURce]:RESistance:VLIMt")
    def resistance_vlimit(self, special: Token | None = None) -> str:
        return reading(self.vlimits["RES"] if special is None else special.number(VLIMIT))

    @command("[:SOURce]:RESistance:ILIMt")
    def set_resistance_ilimit(self, value: Token) -> None:
        self.ilimits["RES"] = value.number(self.ILIMIT)

    @query("[:SOURce]:RESistance:ILIMt")
    def resistance_ilimit(self, special: Token | None = None) -> str:
        return reading(self.ilimits["RES"] if special is None else special.number(self.ILIMIT))

    @command("[:SOURce]:POWer:VLIMt")
    def set_power_vlimit(self, value: Token) -> None:
        self.vlimits["POW"] = value.number(VLIMIT)

    @query("[:SOURce]:POWer:VLIMt")
    def power_vlimit(self, special: Token | None = None) -> str:
        return reading(self.vlimits["POW"] if special is None else special.number(VLIMIT))

    @command("[:SOURce]:POWer:ILIMt")
    def set_power_ilimit(self, value: Token) -> None:
        self.ilimits["POW"] = value.number(self.ILIMIT)

    @query("[:SOURce]:POWer:ILIMt")
    def power_ilimit(self, special: Token | None = None) -> str:
        return reading(self.ilimits["POW"] if special is None else special.number(self.ILIMIT))

    def _now(self) -> tuple[float, float]:
        self.changed()
        volts = self.terminal()
        return volts + self.noise(), self.draw(volts) + self.noise()

    @query(":MEASure:VOLTage[:DC]")
    def measure_volts(self) -> str:
        return reading(self._now()[0])

    @query(":MEASure:CURRent[:DC]")
    def measure_amps(self) -> str:
        return reading(self._now()[1])

    @query(":MEASure:POWer[:DC]")
    def measure_watts(self) -> str:
        volts, amps = self._now()
        return reading(volts * amps)

    @query(":MEASure:RESistance[:DC]")
    def measure_ohms(self) -> str:
        volts, amps = self._now()
        return reading(volts / amps if amps else 0.0)


class DL3031(DL3021):
    model = "DL3031"
    identity = "RIGOL TECHNOLOGIES,DL3031,DL3B000000001,00.01.05.00.01"
    LEVELS = {"CURR": Range(0, 60, 0, "A"), "VOLT": VOLTS, "RES": OHMS, "POW": Range(0, 350, 0, "W")}  # noqa: RUF012
    RANGES = {"CURR": (6.0, 60.0), "VOLT": (15.0, 150.0), "RES": (15.0, 15000.0)}  # noqa: RUF012
    ILIMIT = Range(0, 60, 60, "A")
