"""The table of which driver serves which model. It imports no driver, so that checking a nets file is cheap."""

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lager.nets.model import NetType
from lager.nets.resource import Reach
from lager.nets.talk import Talk

# FIO0-7, EIO0-7, CIO0-3 and MIO0-2 are DIO0-22 (T-Series Datasheet, 13.0 Digital I/O).
_DIO_PORTS = {"DIO": (0, 23), "FIO": (0, 8), "EIO": (8, 8), "CIO": (16, 4), "MIO": (20, 3)}


@dataclass(frozen=True)
class Family:
    """One driver module, with its room: the models that it serves, its class for each net type, and its channels.

    `outputs` maps the start of a model name to its number of channels, if that is not one. An instrument with separate
    terminals for each net type has `terminals` instead; a net type that is missing there has no channel. `talk` says
    what is special about talking to it. `guarded` are the net types whose outputs the instrument's own watchdog can
    switch off; the driver module then has `set_watchdog`. `safe_order` are the net types in the order in which they are
    made safe, where the nets file says nothing else.
    """

    module: str
    maker: str
    models: str
    reach: frozenset[Reach]
    drivers: Mapping[NetType, str]
    examples: Sequence[str]
    outputs: Mapping[str, int] = field(default_factory=dict)
    terminals: Mapping[NetType, range] | None = None
    talk: Talk = field(default_factory=Talk)
    guarded: frozenset[NetType] = frozenset()
    safe_order: Sequence[NetType] = ()
    code: Any = field(default=None, compare=False)
    """The module of a driver of one's own; None if it is one of lager's."""
    origin: str = "lager"
    """Where the driver is from."""

    def loaded(self) -> Any:
        """Return the module with the classes of the family."""
        return self.code or importlib.import_module(f"lager.instruments.drivers.{self.module}")

    def serves(self, model: str) -> bool:
        return re.fullmatch(self.models, plain(model)) is not None

    def channels(self, model: str, type: NetType) -> range | None:
        """Return the channels that a net of this type may name; None if it has none (a serial port).

        A net may omit the channel if there is only one.
        """
        if self.terminals is not None:
            return self.terminals.get(type)
        counts = (count for start, count in self.outputs.items() if plain(model).startswith(start))
        return range(1, 1 + next(counts, 1))


_VISA = frozenset((Reach.VISA,))
_SUPPLY = {NetType.PowerSupply: "Supply"}

# A DP831 has a third output, of negative polarity (DP800 Programming Guide, :APPLy), which nets do not support.
_DP800_OUTPUTS = {"DP821": 2, "DP831": 2, "DP832": 3}
_T7_TERMINALS = {
    NetType.ADC: range(14),
    NetType.Thermocouple: range(14),
    NetType.DAC: range(2),
    NetType.GPIO: range(23),
}

# A Siglent loses a command that follows another one at once, so the maker's programming examples wait. How it reports
# an error depends on the firmware, and no manual says whether there is a queue: the readback shows a refusal.
_SPD = Talk(error_queue="", pause=0.05)

FAMILIES = (
    Family("supplies.rigol_dp800", "Rigol", r"DP8(11|21|31|32)A?", _VISA, _SUPPLY, ("DP821", "DP832"),
           _DP800_OUTPUTS),
    Family("batteries.keithley_2281s", "Keithley", r"2281S(-20-6)?", _VISA, {**_SUPPLY, NetType.Battery: "Battery"},
           ("2281S-20-6",)),
    Family("supplies.keithley_2200", "Keithley", r"2200-\d+-\d+", _VISA, _SUPPLY, ("2200-20-5", "2200-32-3")),
    Family("supplies.keysight_e36300", "Keysight", r"E3631[123]A", _VISA, _SUPPLY, ("E36312A",), {"E3631": 3},
           guarded=frozenset((NetType.PowerSupply,))),
    Family("supplies.rigol_dp700", "Rigol", r"DP71[12]", _VISA, _SUPPLY, ("DP711", "DP712"), talk=Talk(pause=0.05)),
    Family("supplies.korad_ka", "Korad", r"KA(300[35]|600[23])P", _VISA, _SUPPLY, ("KA3005P",),
           talk=Talk(line_end="", error_queue="", pause=0.1, identity=r"KORAD ?(KA\d{4}P)")),
    Family("supplies.siglent_spd", "Siglent", r"SPD3303X(-E)?", _VISA, {NetType.PowerSupply: "Spd3303X"},
           ("SPD3303X",), {"SPD3303X": 2}, talk=_SPD),
    Family("supplies.siglent_spd", "Siglent", r"SPD1(168|305)X", _VISA, {NetType.PowerSupply: "Spd1000X"},
           ("SPD1168X", "SPD1305X"), talk=_SPD),
    Family("loads.rigol_dl3000", "Rigol", r"DL30[23]1A?", _VISA, {NetType.ELoad: "Load"}, ("DL3021",),
           talk=Talk(stray="0")),
    Family("data_acquisition.labjack_t7", "LabJack", r"T7(-?PRO)?", frozenset((Reach.MODBUS, Reach.LJM)),
           {NetType.ADC: "Adc", NetType.DAC: "Dac", NetType.GPIO: "Gpio",
            NetType.Thermocouple: "Thermocouple"}, ("T7",), terminals=_T7_TERMINALS,
           guarded=frozenset((NetType.DAC, NetType.GPIO))),
    Family("meters.keysight_truevolt", "Keysight", r"344(6[015]|70)A", _VISA, {NetType.DMM: "Dmm"}, ("34461A",)),
    Family("meters.keithley_dmm6500", "Keithley", r"DMM6500", _VISA, {NetType.DMM: "Dmm"}, ("DMM6500",)),
    Family("meters.rigol_dm3000", "Rigol", r"DM30(58E?|68)", _VISA, {NetType.DMM: "Dmm"}, ("DM3068",)),
    Family("switches.keysight_34970a", "Keysight", r"3497[02]A", _VISA, {NetType.Switch: "Relay"}, ("34970A",),
           terminals={NetType.Switch: range(101, 400)}),
    Family("switches.devantech_usb_rly", "Devantech", r"USB-RLY(08|16)", _VISA, {NetType.Switch: "Relay"},
           ("USB-RLY16",), {"USB-RLY": 8}, talk=Talk(module_query=b"\x5a", modules={8: "USB-RLY08", 9: "USB-RLY16"})),
    Family("switches.modbus_coils", "any", r"MODBUS-COILS", frozenset((Reach.MODBUS, Reach.RTU)),
           {NetType.Switch: "Coil"}, ("modbus-coils",), terminals={NetType.Switch: range(65536)}),
    Family("switches.usb_hub", "any", r"USB-HUB", frozenset((Reach.HUB,)), {NetType.Switch: "Port"}, ("usb-hub",),
           {"USB-HUB": 255}),
)  # fmt: skip

SERIAL = Family("serial_port", "", ".*", frozenset((Reach.SERIAL,)), {NetType.UART: "Uart"}, ("serial",), terminals={})


# Any instrument at a VISA address, beside the nets that its own family has.
SCPI = Family("scpi_net", "", ".*", _VISA, {NetType.SCPI: "ScpiNet"}, ("any model",), terminals={})


def plain(model: str) -> str:
    """Return a model in its plain form, as on the front panel: no maker, no underscores, in capitals."""
    words = re.split(r"[\s_]+", model.strip().upper())
    makers = (
        "RIGOL", "TECHNOLOGIES", "KEITHLEY", "INSTRUMENTS", "KEYSIGHT", "AGILENT", "LABJACK", "SIGLENT", "KORAD",
        "MODEL",
    )  # fmt: skip
    return "-".join(word for word in words if word not in makers)


def family_of(model: str, type: NetType) -> Family | None:
    """Return the family whose driver serves a net of this type on this model, or None."""
    return SCPI if type is NetType.SCPI else find(model)


def find(model: str) -> Family | None:
    """Return the family of a model, or None if there is no driver for it."""
    return next((family for family in FAMILIES if family.serves(model)), None) or find_own(model)


def _none(_: str) -> Family | None:
    return None


find_own: Callable[[str], Family | None] = _none
"""Finds a driver of one's own for a model; see lager.nets.own_drivers."""


def is_model(identified: str, configured: str) -> bool:
    """Return whether the model field of *IDN? (`MODEL 2281S-20-6`) matches the model in the nets file (`2281S`).

    A model with an A (DP821A, DL3021A) can do all that the one without can, so it also matches the name without the A.
    """
    theirs, ours = plain(identified), plain(configured)
    if theirs == ours or theirs.startswith(f"{ours}-"):
        return True
    family = find(configured)
    return family is not None and theirs == f"{ours}A" and family.serves(identified)


def known_models() -> list[str]:
    return [example for family in FAMILIES for example in family.examples]


def guarding_models() -> list[str]:
    """Return examples of the models that have a watchdog of their own."""
    return [example for family in FAMILIES if family.guarded for example in family.examples]


def channel_number(value: object, type: NetType) -> int:
    """Return the number of a channel given as 1, "1", "CH1", "AIN3", "DAC0" or "FIO4". Raises ValueError otherwise."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = re.fullmatch(r"([A-Za-z]*)(\d{1,5})", value.strip()) if isinstance(value, str) else None
    prefix = match[1].upper() if match else "?"
    allowed = {"": 0, NetType.ADC: "AIN", NetType.Thermocouple: "AIN", NetType.DAC: "DAC"}.get(type, "CH")
    if match and prefix in ("", allowed):
        return int(match[2])
    if match and type is NetType.GPIO and prefix in _DIO_PORTS:
        first, count = _DIO_PORTS[prefix]
        if int(match[2]) < count:
            return first + int(match[2])
    raise ValueError(f"{value!r} is not a channel of a net of type {type.value}")
