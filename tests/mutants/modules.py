"""Where a bench can be hurt: the modules whose every change a test should notice, and the tests that should."""

_DRIVERS = "lager_runtime/lager/instruments/drivers"
_UNIT = "tests/unit/test_"


def _tests(*names: str) -> list[str]:
    return [f"{_UNIT}{name}.py" for name in names]


_UNREAD = ["tests/unit/test_partial_state.py::test_one_unread_answer_leaves_the_others"]
_SUPPLY = [*_tests("drivers_supplies", "drivers_levels", "drivers_states", "supply_limits"), *_UNREAD]
_BATTERY = _tests("battery_levels", "drivers_battery_load")
_LOAD = [*_tests("load_registers", "drivers_battery_load", "drivers_levels", "drivers_states"), *_UNREAD]
TESTS = {
    f"{_DRIVERS}/base/driver.py": _tests(
        "drivers_supplies", "drivers_levels", "drivers_battery_load", "net", "drivers_daq"
    ),
    f"{_DRIVERS}/base/state.py": _tests("partial_state", "drivers_states"),
    f"{_DRIVERS}/base/supply.py": [*_SUPPLY, *_tests("coupling")],
    f"{_DRIVERS}/base/battery.py": _tests("drivers_states"),
    f"{_DRIVERS}/keithley_2200.py": _SUPPLY,
    f"{_DRIVERS}/keithley_2281s.py": [*_BATTERY, *_SUPPLY],
    f"{_DRIVERS}/keysight_e36300.py": [*_SUPPLY, *_tests("coupling")],
    f"{_DRIVERS}/rigol_dp800.py": [*_SUPPLY, *_tests("coupling")],
    f"{_DRIVERS}/rigol_dl3000.py": _LOAD,
    f"{_DRIVERS}/labjack_t7.py": _tests("drivers_daq"),
    f"{_DRIVERS}/serial_port.py": _tests("drivers_serial", "serial_session"),
    "lager_runtime/lager/instruments/sessions/quantities.py": _tests("quantities", "supply_limits", "drivers_states"),
    "lager_runtime/lager/instruments/sessions/parse.py": _tests("real_replies", "battery_levels"),
    "lager_runtime/lager/instruments/safety/safe_state.py": _tests("safe_nets", "safe_state"),
    "lager_runtime/lager/nets/safe.py": _tests("safe_nets"),
    "lager_runtime/lager/nets/terminals.py": _tests("terminals", "safe_nets"),
    "lager_runtime/lager/nets/validate.py": _tests("nets_settings", "nets"),
    "lagerd/make_safe.py": _tests("safe_state"),
    "lagerd/standby.py": _tests("standby"),
    "lagerd/instruments/leases/table.py": _tests("lease_table", "leases"),
    "lagerd/instruments/leases/queues.py": _tests("lease_table", "leases"),
    "lagerd/instruments/leases/owners.py": _tests("lease_table", "leases"),
    "lagerd/instruments/leases/quarantines.py": _tests("lease_table", "leases"),
    "lagerd/instruments/leases/claim_details.py": _tests("lease_table", "leases"),
    "lagerd/breakpoints/pauses.py": _tests("pauses"),
    "lagerd/journal/audit.py": _tests("audit_events", "audit"),
    "lagerd/journal/recorder.py": _tests("audit_events"),
}
