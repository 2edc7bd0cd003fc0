"""Finds the simulated instrument for a model: one of lager's, one that its driver brings, or one from its table.

Ratings of the models that have no module of their own:

- Rigol DP811, in its default range, and DP831: DP800 Series Programming Guide, tables under ":APPLy" and
  ":OUTPut:OVP:VALue". The third output of a DP831 is negative.
- Rigol DP711 and DP712: DP700 Programming Guide, ":APPLy", ":OUTPut:OVP:VALue" and ":OUTPut:OCP:VALue".
- Keithley 2200: Series 2200 Reference Manual (2200S-901-01), section 4; the name has the volts and amperes.
- Keysight E36311A and E36313A: E36300 Series Programming Guide (E36311-90008), CURRent and VOLTage subsystems. The
  third output of an E36311A is positive here.
- Rigol DL3031: DL3000 Series Programming Guide, [:SOURce]:CURRent and :POWer commands.
"""

import re
import time
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

from lager.drivers import Supply
from lager.nets import catalog
from lager.nets.model import NetType
from lagerd.bench.models.any_scpi import AnyScpi, Brought, TableSupply
from lagerd.bench.models.batteries.keithley_2281s import Keithley2281S
from lagerd.bench.models.data_acquisition.labjack_t7 import T7
from lagerd.bench.models.loads.rigol_dl3000 import DL3021, OHMS, VOLTS
from lagerd.bench.models.meters.multimeters import DM3068, DMM6500, Keysight34461A
from lagerd.bench.models.supplies.keithley_2200 import Keithley2200
from lagerd.bench.models.supplies.keysight_e36300 import E36312A
from lagerd.bench.models.supplies.korad_ka import KA3005P
from lagerd.bench.models.supplies.rigol_dp800 import DP800, DP821, DP832
from lagerd.bench.models.supplies.rigol_dp800_channels import Rating, rating
from lagerd.bench.models.supplies.siglent_spd import SPD1168X, SPD1305X, SPD3303X
from lagerd.bench.models.switches.devantech_usb_rly import UsbRly16
from lagerd.bench.models.switches.keysight_34970a import Keysight34970A
from lagerd.bench.models.switches.modbus_coils import ModbusRelays
from lagerd.bench.scpi.instrument import ScpiInstrument
from lagerd.bench.scpi.language import Range

Clock = Callable[[], float]
Simulated: TypeAlias = ScpiInstrument | T7 | ModbusRelays | UsbRly16 | KA3005P
Model = TypeVar("Model", bound=ScpiInstrument)
_NEGATIVE = Rating(
    "-30V/2A", Range(-32, 0, 0, "V"), Range(0, 2.1, 2, "A"), Range(-33, 0, 0, "V"), Range(0.001, 2.2, 2.2, "A")
)


class DP811(DP800):
    model = "DP811"
    identity = "RIGOL TECHNOLOGIES,DP811,DP8D000000001,00.01.16"
    ratings = (rating("20V/10A", (21, 22), (10.5, 11, 10)),)


class DP831(DP800):
    model = "DP831"
    identity = "RIGOL TECHNOLOGIES,DP831,DP8F000000001,00.01.16"
    ratings = (rating("8V/5A", (8.4, 8.8), (5.3, 5.5, 5)), rating("30V/2A", (32, 33), (2.1, 2.2, 2)), _NEGATIVE)


class DP711(DP800):
    model = "DP711"
    identity = "RIGOL TECHNOLOGIES,DP711,DP7A000000001,00.01.05"
    ratings = (rating("30V/5A", (32, 33), (5.3, 5.5, 5)),)


class DP712(DP800):
    model = "DP712"
    identity = "RIGOL TECHNOLOGIES,DP712,DP7C000000001,00.01.05"
    ratings = (rating("50V/3A", (53, 55), (3.2, 3.3, 3)),)


class E36311A(E36312A):
    model = "E36311A"
    identity = "Keysight Technologies,E36311A,MY00000003,2.1.0-1.0.4-1.12"


class E36313A(E36312A):
    model = "E36313A"
    identity = "Keysight Technologies,E36313A,MY00000004,2.1.0-1.0.4-1.12"
    AMPS = (Range(0, 10.3, 10, "A"), Range(0, 2.06, 2, "A"), Range(0, 2.06, 2, "A"))


class DL3031(DL3021):
    model = "DL3031"
    identity = "RIGOL TECHNOLOGIES,DL3031,DL3B000000001,00.01.05.00.01"
    LEVELS = {"CURR": Range(0, 60, 0, "A"), "VOLT": VOLTS, "RES": OHMS, "POW": Range(0, 350, 0, "W")}  # noqa: RUF012
    RANGES = {"CURR": (6.0, 60.0), "VOLT": (15.0, 150.0), "RES": (15.0, 15000.0)}  # noqa: RUF012
    ILIMIT = Range(0, 60, 60, "A")


class Keysight34460A(Keysight34461A):
    model = "34460A"
    identity = Keysight34461A.identity.replace("34461A", "34460A")


class Keysight34465A(Keysight34461A):
    model = "34465A"
    identity = Keysight34461A.identity.replace("34461A", "34465A")


class Keysight34470A(Keysight34461A):
    model = "34470A"
    identity = Keysight34461A.identity.replace("34461A", "34470A")


class Keysight34972A(Keysight34970A):
    model = "34972A"
    identity = "Agilent Technologies,34972A,MY00000005,1.16-1.12-02-02"


class DM3058(DM3068):
    model = "DM3058"
    identity = DM3068.identity.replace("DM3068", "DM3058")


class DM3058E(DM3068):
    model = "DM3058E"
    identity = DM3068.identity.replace("DM3068", "DM3058E")


class SPD3303XE(SPD3303X):
    model = "SPD3303X-E"
    identity = SPD3303X.identity.replace("SPD3303X", "SPD3303X-E")


_TIMED: dict[str, type[Keithley2281S] | type[E36312A]] = {
    "2281S": Keithley2281S, "2281S-20-6": Keithley2281S, "E36311A": E36311A, "E36312A": E36312A, "E36313A": E36313A,
}  # fmt: skip
_PLAIN: dict[str, type[ScpiInstrument]] = {
    "DP711": DP711, "DP712": DP712,
    "DP811": DP811, "DP821": DP821, "DP831": DP831, "DP832": DP832, "DL3021": DL3021, "DL3031": DL3031,
    "34970A": Keysight34970A, "34972A": Keysight34972A, "34460A": Keysight34460A, "34461A": Keysight34461A,
    "34465A": Keysight34465A, "34470A": Keysight34470A, "DMM6500": DMM6500, "DM3058": DM3058, "DM3058E": DM3058E,
    "DM3068": DM3068, "SPD3303X": SPD3303X, "SPD3303X-E": SPD3303XE, "SPD1168X": SPD1168X, "SPD1305X": SPD1305X,
}  # fmt: skip
MODELS = (*_PLAIN, *_TIMED, "2200-32-3", "T7", "T7-PRO", "USB-RLY16", "KA3005P", "modbus-coils")
"""Examples of the models that can be simulated."""


def simulated(model: str, clock: Clock = time.monotonic) -> Simulated | None:
    """Return a new simulated instrument of this model, or None if it cannot be simulated."""
    name = catalog.plain(model)
    if name in ("T7", "T7-PRO"):
        return T7(clock=clock)
    if name in ("USB-RLY16", "KA3005P"):
        return UsbRly16() if name == "USB-RLY16" else KA3005P()
    if name in ("MODBUS-COILS", "USB-HUB"):  # there is no simulated USB: its ports are coils
        return ModbusRelays()
    if timed := _TIMED.get(name):
        return timed(clock)
    without_a = name.removesuffix("A")
    if found := _PLAIN.get(name) or _PLAIN.get(without_a):
        return (found if name in _PLAIN else _named(found, without_a, name))()
    if match := re.fullmatch(r"2200-(\d+)-(\d+)", name):
        return _keithley_2200(name, int(match[1]), int(match[2]))()
    return _of_its_driver(model)


def unknown(model: str) -> AnyScpi:
    """Return an instrument that says it is this model, and knows only the common commands."""
    return _named(AnyScpi, "ANY", model)()


def _named(base: type[Model], old: str, name: str) -> type[Model]:
    """Return a class of the same instrument with another name in its identity."""
    words = {"model": name, "identity": base.identity.replace(f",{old},", f",{name},")}
    return cast("type[Model]", type(base.__name__, (base,), words))


def _keithley_2200(name: str, volts: int, amps: int) -> type[Keithley2200]:
    ranges = {
        "VOLTS": Range(0, volts, 0, "V"), "AMPS": Range(0, amps, 0.1, "A"),
        "OVP": Range(1, 1.1 * volts, 1.1 * volts, "V"),
    }  # fmt: skip
    return cast("type[Keithley2200]", type("Keithley2200", (_named(Keithley2200, "2200-32-3", name),), ranges))


def _of_its_driver(model: str) -> ScpiInstrument | None:
    """Return the instrument that the driver of the model brings, or one made from the table of its supply."""
    family = catalog.find(model)
    if family is None:
        return None
    module = family.loaded()
    if made := getattr(module, "SIMULATED", None):
        return cast("Brought", type("Brought", (_named(Brought, "ANY", model),), {"made": staticmethod(made)})())
    driver: Any = getattr(module, family.drivers.get(NetType.PowerSupply, ""), None)
    if driver is None or not issubclass(driver, Supply):
        return None
    count = len(family.channels(model, NetType.PowerSupply) or (1,))
    words = {"driver": driver, "count": count}
    return cast("ScpiInstrument", type("Supply", (_named(TableSupply, "ANY", model),), words)())
