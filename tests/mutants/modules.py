"""The modules in which a fault can damage a bench: a test should notice every change in them; and these tests."""

_DRIVERS = "lager_runtime/lager/instruments/drivers"


def _tests(*names: str) -> list[str]:
    return ["tests/unit/{}/test_{}.py".format(*name.rsplit("/", 1)) for name in names]


_UNREAD = ["tests/unit/instruments/test_partial_state.py::test_one_unread_answer_leaves_the_others"]
_SUPPLY = [
    *_tests("drivers/supplies/supplies", "drivers/supplies/supply_limits", "drivers/supplies/supply_methods"),
    *_tests("drivers/levels", "drivers/states", "drivers/settings"),
    *_UNREAD,
]
_BATTERY = [
    *_tests("drivers/loads/battery_levels", "drivers/loads/battery_load"),
    *_tests("drivers/levels", "drivers/states", "drivers/settings"),
    *_UNREAD,
]
_LOAD = [
    *_tests("drivers/loads/load_registers", "drivers/loads/battery_load"),
    *_tests("drivers/settings", "drivers/levels", "drivers/states"),
    *_UNREAD,
]
_METERS = _tests("instruments/multimeters", "safety/through")
_SWITCHES = _tests("instruments/switches", "safety/through")
_SERIAL = _tests("drivers/serial", "instruments/sessions/serial_session")
_NETS_FILE = _tests("nets/settings", "nets/nets", "instruments/sessions/modbus_rtu")
_LEASES = [
    *_tests("leases/table/lease_table", "leases/table/claim_details", "leases/table/crashes", "leases/table/looks"),
    *_tests("leases/table/reserved_leases", "leases/leases"),
]
_WATCHDOGS = [f"tests/unit/safety/watchdogs/test_{name}.py" for name in ("keepalive", "nets_file", "t7", "watchdog")]
TESTS = {
    f"{_DRIVERS}/base/driver.py": _tests(
        "drivers/supplies/supplies",
        "drivers/levels",
        "drivers/loads/battery_load",
        "instruments/net",
        "drivers/daq",
        "drivers/digital_lines",
        "nets/reference",
        "safety/through",
        "safety/safe_state",
        "leases/lent_sessions",
        "instruments/driver_base",
    ),
    f"{_DRIVERS}/base/state.py": _tests("instruments/partial_state", "drivers/states"),
    f"{_DRIVERS}/base/supply_state.py": _tests(
        "instruments/partial_state", "drivers/states", "drivers/supplies/supply_methods", "drivers/loads/roles"
    ),
    f"{_DRIVERS}/base/supply.py": [*_SUPPLY, *_tests("safety/coupling", "bench/hardware_limits")],
    f"{_DRIVERS}/base/battery.py": _tests("drivers/states"),
    f"{_DRIVERS}/base/setting.py": _tests(
        "drivers/reports", "drivers/settings", "drivers/levels", "instruments/driver_base"
    ),
    f"{_DRIVERS}/base/dmm.py": _METERS,
    f"{_DRIVERS}/base/switch.py": _SWITCHES,
    f"{_DRIVERS}/supplies/keithley_2200.py": _SUPPLY,
    f"{_DRIVERS}/batteries/keithley_2281s/roles.py": [*_tests("drivers/loads/roles"), *_BATTERY, *_SUPPLY],
    f"{_DRIVERS}/batteries/keithley_2281s/supply.py": [*_tests("drivers/loads/roles"), *_SUPPLY],
    f"{_DRIVERS}/batteries/keithley_2281s/battery.py": _BATTERY,
    f"{_DRIVERS}/supplies/keysight_e36300.py": [
        *_SUPPLY,
        *_tests("drivers/supplies/e36300_watchdog", "safety/coupling"),
    ],
    f"{_DRIVERS}/supplies/rigol_dp800.py": [*_SUPPLY, *_tests("safety/coupling")],
    f"{_DRIVERS}/supplies/korad_ka.py": _tests("drivers/supplies/korad"),
    f"{_DRIVERS}/supplies/rigol_dp700.py": _tests("drivers/supplies/supplies"),
    f"{_DRIVERS}/supplies/siglent_spd.py": [*_SUPPLY, *_tests("safety/coupling")],
    f"{_DRIVERS}/loads/rigol_dl3000.py": _LOAD,
    f"{_DRIVERS}/meters/keithley_dmm6500.py": _METERS,
    f"{_DRIVERS}/meters/keysight_truevolt.py": _METERS,
    f"{_DRIVERS}/meters/rigol_dm3000.py": _METERS,
    f"{_DRIVERS}/switches/devantech_usb_rly.py": _SWITCHES,
    f"{_DRIVERS}/switches/keysight_34970a.py": _SWITCHES,
    f"{_DRIVERS}/switches/modbus_coils.py": [*_SWITCHES, *_tests("instruments/sessions/modbus_rtu")],
    f"{_DRIVERS}/switches/usb_hub.py": _tests("instruments/usb_hub", "safety/through"),
    f"{_DRIVERS}/data_acquisition/labjack_t7/analog.py": _tests(
        "drivers/daq", "drivers/digital_lines", "instruments/multimeters"
    ),
    f"{_DRIVERS}/data_acquisition/labjack_t7/digital.py": _tests("drivers/daq", "drivers/digital_lines"),
    f"{_DRIVERS}/data_acquisition/labjack_t7/watchdog.py": _WATCHDOGS,
    f"{_DRIVERS}/serial_port.py": _SERIAL,
    f"{_DRIVERS}/scpi_net.py": _tests("instruments/scpi_nets"),
    "lager_runtime/lager/instruments/sessions/serial_line.py": _tests(
        "drivers/serial", "instruments/sessions/serial_session"
    ),
    "lager_runtime/lager/nets/quantities.py": _tests(
        "nets/quantities", "drivers/supplies/supply_limits", "drivers/states"
    ),
    "lager_runtime/lager/instruments/sessions/parse.py": _tests(
        "instruments/real_replies", "drivers/loads/battery_levels"
    ),
    "lager_runtime/lager/instruments/safety/safe_state.py": [
        *_tests("safety/safe_nets", "safety/safe_state", "instruments/switches", "instruments/sessions/talk"),
        *_WATCHDOGS,
    ],
    "lager_runtime/lager/nets/settings/safe.py": _tests("safety/safe_nets"),
    "lager_runtime/lager/nets/terminals.py": _tests("nets/terminals", "safety/safe_nets"),
    "lager_runtime/lager/nets/checks/document.py": [
        *_NETS_FILE,
        *_tests("nets/outside_drivers", "instruments/scpi_nets", "safety/safe_nets"),
    ],
    "lager_runtime/lager/nets/checks/instruments.py": [
        *_NETS_FILE,
        *_tests("nets/outside_drivers", "instruments/scpi_nets"),
    ],
    "lager_runtime/lager/nets/checks/mistakes.py": _tests("nets/mistakes", "nets/settings"),
    "lager_runtime/lager/nets/checks/nets.py": [*_NETS_FILE, *_tests("safety/safe_nets"), *_WATCHDOGS],
    "lager_runtime/lager/nets/checks/settings.py": _NETS_FILE,
    "lagerd/make_safe/process.py": [
        *_tests("safety/safe_state"),
        "tests/unit/safety/test_safe_process.py::test_one_process_is_ready_and_answers_many_at_once",
    ],
    "lagerd/make_safe/standby.py": [
        *_tests("safety/standby"),
        "tests/unit/safety/test_safe_state.py::test_each_limit_of_the_process_ends_before_the_next_one",
    ],
    "lagerd/instruments/leases/table.py": [*_LEASES, *_tests("leases/loans")],
    "lagerd/instruments/leases/queues.py": _LEASES,
    "lagerd/instruments/leases/owners.py": _LEASES,
    "lagerd/instruments/leases/quarantines.py": _LEASES,
    "lagerd/instruments/leases/claim_details.py": _LEASES,
    "lagerd/instruments/leases/lease.py": [*_LEASES, *_tests("leases/claims")],
    "lagerd/instruments/leases/files/kept_claims.py": _tests("leases/claims"),
    "lagerd/instruments/leases/files/lock_files.py": _tests("leases/lock_files"),
    "lagerd/instruments/leases/refusal.py": _tests(
        "leases/refusal", "leases/table/lease_table", "leases/table/crashes"
    ),
    "lagerd/breakpoints/table/pauses.py": _tests("breakpoints/pauses"),
    "lagerd/journal/audit.py": _tests("lagerd/journal/audit_events", "lagerd/journal/audit"),
    "lagerd/journal/recorder.py": _tests("lagerd/journal/audit_events"),
}
