"""Where a bench can be hurt: the modules whose every change a test should notice, and the tests that should."""

_DRIVERS = "lager_runtime/lager/instruments/drivers"
_UNIT = "tests/unit/test_"


def _tests(*names: str) -> list[str]:
    return [f"{_UNIT}{name}.py" for name in names]


_SUPPLIES = ("drivers_supplies", "drivers_levels")
TESTS = {
    f"{_DRIVERS}/driver.py": _tests("drivers_supplies", "drivers_levels", "drivers_battery_load", "net"),
    f"{_DRIVERS}/state.py": _tests("partial_state", "drivers_levels", "drivers_supplies"),
    f"{_DRIVERS}/supply.py": _tests(*_SUPPLIES),
    f"{_DRIVERS}/battery.py": _tests("drivers_battery_load", "drivers_levels"),
    f"{_DRIVERS}/keithley_2200.py": _tests(*_SUPPLIES),
    f"{_DRIVERS}/keithley_2281s.py": _tests(*_SUPPLIES, "drivers_battery_load"),
    f"{_DRIVERS}/keysight_e36300.py": _tests(*_SUPPLIES, "coupling"),
    f"{_DRIVERS}/rigol_dp800.py": _tests(*_SUPPLIES, "coupling"),
    f"{_DRIVERS}/rigol_dl3000.py": _tests("drivers_battery_load", "drivers_levels", "partial_state"),
    f"{_DRIVERS}/labjack_t7.py": _tests("drivers_daq", "drivers_levels"),
    f"{_DRIVERS}/serial_port.py": _tests("drivers_serial"),
    "lager_runtime/lager/instruments/quantities.py": _tests("quantities", "drivers_levels"),
    "lager_runtime/lager/instruments/parse.py": _tests("real_replies", "drivers_levels"),
    "lager_runtime/lager/nets/validate.py": _tests("nets", "terminals"),
    "lagerd/instruments/leases.py": _tests("leases"),
    "lagerd/breakpoints/pauses.py": _tests("pauses"),
    "lagerd/journal/audit.py": _tests("audit"),
    "lagerd/journal/events.py": _tests("audit"),
}
