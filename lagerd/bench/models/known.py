"""Finds the simulated instrument for a model: lager's own, that of its driver, or one made from its table of commands.

Ratings of a Keithley 2200: Series 2200 Reference Manual (2200S-901-01), section 4; the name has the volts and amperes.
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
from lagerd.bench.models.loads.rigol_dl3000 import DL3021, DL3031
from lagerd.bench.models.meters.keithley_dmm6500 import DMM6500
from lagerd.bench.models.meters.keysight_truevolt import Keysight34460A, Keysight34461A, Keysight34465A, Keysight34470A
from lagerd.bench.models.meters.rigol_dm3000 import DM3058, DM3058E, DM3068
from lagerd.bench.models.supplies.keithley_2200 import Keithley2200
from lagerd.bench.models.supplies.keysight_e36300 import E36311A, E36312A, E36313A
from lagerd.bench.models.supplies.korad_ka import KA3005P
from lagerd.bench.models.supplies.rigol_dp700 import DP711, DP712
from lagerd.bench.models.supplies.rigol_dp800 import DP811, DP821, DP831, DP832
from lagerd.bench.models.supplies.siglent_spd import SPD1168X, SPD1305X, SPD3303X, SPD3303XE
from lagerd.bench.models.switches.devantech_usb_rly import UsbRly16
from lagerd.bench.models.switches.keysight_34970a import Keysight34970A, Keysight34972A
from lagerd.bench.models.switches.modbus_coils import ModbusRelays
from lagerd.bench.scpi.instrument import ScpiInstrument
from lagerd.bench.scpi.language import Range

Clock = Callable[[], float]
Simulated: TypeAlias = ScpiInstrument | T7 | ModbusRelays | UsbRly16 | KA3005P
Model = TypeVar("Model", bound=ScpiInstrument)


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
    """Return an instrument that identifies itself as this model, and supports only the common commands."""
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
    """Return the simulation in the driver of the model, or one made from the driver's table of supply commands."""
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
