"""Drives one instrument with another project's driver, in that project's environment: `python talk.py CASE ADDRESS`.

Reads each property or parameter of the driver, sets what it has read back, then carries out what the case says. Prints
a line of JSON: what was measured, and what the driver could not do.
"""

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

warnings.simplefilter("ignore")
LINES = {"read_termination": "\n", "write_termination": "\n", "timeout": 3000}
problems: dict[str, str] = {}


def tried(name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        problems[name] = f"{type(error).__name__}: {str(error)[:200]}"
        return None


# pymeasure


def pymeasure_all(owner: Any, prefix: str = "", without: tuple[str, ...] = ()) -> None:
    """Read every property, and set it to what it said."""
    for name in sorted(dir(type(owner))):
        found = getattr(type(owner), name, None)
        if name.startswith("_") or name in without or not isinstance(found, property):
            continue
        value = tried(f"{prefix}{name}", partial(getattr, owner, name))
        if value is not None and found.fset is not None and f"{prefix}{name}" not in problems:
            tried(f"{prefix}{name}=", partial(setattr, owner, name, value))
    # What the driver itself says that it can only read, or only set.
    for name in [name for name, why in problems.items() if why.startswith("LookupError: Property can not be")]:
        del problems[name]


_NOT_ASKED = ("SRQ_enabled", "shutdown", "next_error", "options")


def pymeasure_e36312a(address: str) -> list[float]:
    from pymeasure.instruments.keysight import KeysightE36312A

    supply = KeysightE36312A(address, visa_library="@py", **LINES)
    pymeasure_all(supply, without=_NOT_ASKED)
    for channel in (supply.ch_1, supply.ch_2, supply.ch_3):
        pymeasure_all(channel, f"ch_{channel.id}.")
    supply.ch_2.voltage_setpoint, supply.ch_2.current_limit = 3.3, 0.5
    supply.ch_2.output_enabled = True
    return [supply.ch_2.voltage, supply.ch_2.current, float(supply.ch_2.output_enabled), len(supply.check_errors())]


def pymeasure_2200(address: str) -> list[float]:
    from pymeasure.instruments.keithley import Keithley2200

    supply = Keithley2200(address, visa_library="@py", **LINES)
    pymeasure_all(supply, without=_NOT_ASKED)
    pymeasure_all(supply.ch_1, "ch_1.")
    supply.display_text_data = "LAGER"
    supply.ch_1.voltage_setpoint, supply.ch_1.current_limit = 3.3, 0.5
    supply.write("OUTP ON")
    supply.ch_1.output_enabled = True
    return [supply.ch_1.voltage, supply.ch_1.current, float(supply.display_text_data == "LAGER")]


def pymeasure_2281s(address: str) -> list[float]:
    from pymeasure.instruments.keithley import Keithley2281S

    smu = Keithley2281S(address, visa_library="@py", **LINES)
    pymeasure_all(smu, without=(*_NOT_ASKED, "function_mode", "buffer_data"))
    smu.function_mode = "POWER"
    pymeasure_all(smu.ps, "ps.", ("buffer_data",))
    smu.ps.voltage_setpoint, smu.ps.current_limit = 3.3, 0.5
    smu.ps.output_enabled = True
    measured = smu.ps.buffer_data
    found = [float(measured["voltage"].iloc[-1]), float(measured["current"].iloc[-1])]
    smu.ps.output_enabled = False
    smu.function_mode = "SIMULATOR" if "SIMULATOR" in str(type(smu).function_mode.__doc__) else "SIMULATION"
    pymeasure_all(smu.bs, "bs.", ("buffer_data",))
    return found


def pymeasure_spd1305x(address: str) -> list[float]:
    from pymeasure.instruments.siglenttechnologies import SPD1305X

    supply = SPD1305X(address, visa_library="@py", timeout=3000)
    pymeasure_all(supply, without=_NOT_ASKED)
    pymeasure_all(supply.ch_1, "ch_1.")
    supply.enable_4W_mode()
    supply.ch_1.voltage_setpoint, supply.ch_1.current_limit = 3.3, 0.5
    supply.ch_1.enable_output()
    status = supply.system_status_code
    switched = status == status.OUTPUT_ENABLED | status.FOUR_WIRE
    supply.enable_4W_mode(False)
    return [supply.ch_1.voltage, supply.ch_1.current, float(switched), supply.ch_1.power]


# qcodes


def qcodes_all(owner: Any, prefix: str = "") -> None:
    """Get every parameter, and set it to what it said."""
    for name, parameter in owner.parameters.items():
        if name in ("timeout", "IDN") or not parameter.gettable:
            continue
        value = tried(f"{prefix}{name}", parameter.get)
        if isinstance(value, str) and parameter.settable:
            value = value.lower()  # the driver takes on and off, but not what the instrument answers
        if value is not None and parameter.settable and f"{prefix}{name}" not in problems:
            tried(f"{prefix}{name}=", partial(parameter.set, value))
    for name, part in owner.submodules.items():
        for each in part if hasattr(part, "__iter__") else ():
            qcodes_all(each, f"{prefix}{each.short_name}.")
        if not hasattr(part, "__iter__"):
            qcodes_all(part, f"{prefix}{name}.")


def _qcodes_dp800(driver: Any, address: str) -> list[float]:
    supply = driver("it", address, visalib="@py", terminator="\n")
    qcodes_all(supply)
    channel = supply.ch2
    channel.set_voltage(3.3)
    channel.set_current(0.5)
    channel.state("on")
    return [channel.voltage(), channel.current(), float(channel.state().lower() == "on"), channel.power()]


def qcodes_dp821(address: str) -> list[float]:
    from qcodes.instrument_drivers.rigol import RigolDP821

    return _qcodes_dp800(RigolDP821, address)


def qcodes_dp832(address: str) -> list[float]:
    from qcodes.instrument_drivers.rigol import RigolDP832

    return _qcodes_dp800(RigolDP832, address)


def qcodes_e36313a(address: str) -> list[float]:
    from qcodes_contrib_drivers.drivers.Keysight import Keysight_E36313A as module

    driver = getattr(module, "E36313A", None) or module.Keysight_E36313A
    supply = driver("it", address, visalib="@py")
    qcodes_all(supply)
    supply.ch2.source_voltage(3.3)
    supply.ch2.source_current(0.5)
    supply.ch2.enable("on")
    return [supply.ch2.voltage(), supply.ch2.current()]


# dcps


def _dcps(device: Any, channel: int | None) -> list[float]:
    words = {} if channel is None else {"channel": channel}
    tried("beeperOff", device.beeperOff)
    device.setVoltage(3.3, **words)
    device.setCurrent(0.5, **words)
    device.outputOn(**words)
    for name in ("isOutputOn", "queryVoltage", "queryCurrent", "queryVoltageProtection", "queryCurrentProtection"):
        call = getattr(device, name, None)
        if call is not None:
            tried(name, partial(call, **words))
    return [device.measureVoltage(**words), device.measureCurrent(**words)]


def dcps_dp800(address: str) -> list[float]:
    from dcps import RigolDP800

    supply = RigolDP800(address, wait=0.0, read_termination="\n", write_termination="\n")
    supply.open()
    return _dcps(supply, 2)


def dcps_korad(address: str) -> list[float]:
    from dcps.KoradKAseries import KAseries, cc_cv_mode

    supply = KAseries(address, wait=0.0)
    supply.open()
    supply.setRemote()
    supply.setVoltage(3.3)
    supply.setCurrent(0.05)
    supply.outputOn()
    limited = supply.get_status()
    supply.setCurrent(0.5)
    status = supply.get_status()
    modes = [limited.ch1_mode == cc_cv_mode.CC, status.ch1_mode == cc_cv_mode.CV, status.output]
    supply.outputOff()
    switched_off = not supply.isOutputOn()
    return [supply.queryVoltage(), supply.queryCurrent(), float(all(modes) and switched_off)]


def dcps_dl3000(address: str) -> list[float]:
    from dcps import RigolDL3000

    load = RigolDL3000(address, wait=0.0, write_termination="\n")
    load.open()
    load.setFunctionMode("FIXed")
    load.setCurrentVON(0.5)
    tried("queryCurrentVON", load.queryCurrentVON)
    tried("queryFunctionMode", load.queryFunctionMode)
    load.setSenseState(False)
    tried("querySenseState", load.querySenseState)
    load.setCurrent(0.25)
    tried("queryCurrent", load.queryCurrent)
    load.inputOn()
    tried("isInputOn", load.isInputOn)
    return [load.measureVoltage(), load.measureCurrent()]


def _cases() -> Iterator[tuple[str, Callable[[str], list[float]]]]:
    return ((name, found) for name, found in globals().items() if name.startswith(("pymeasure_", "qcodes_", "dcps_")))


if __name__ == "__main__":
    import os

    measured = dict(_cases())[sys.argv[1]](sys.argv[2])
    print(json.dumps({"measured": measured, "problems": problems}))
    sys.stdout.flush()
    os._exit(0)  # a library that keeps a thread does not keep the test
