"""pyvisa, imported when the first instrument is opened.

pyvisa shares one ResourceManager in a process, and closing it closes every session. lager therefore creates a separate
one, so that a script that uses pyvisa may close its own at any time. A forked child creates another.
"""

import atexit
import contextlib
import os
import threading
from collections.abc import Mapping
from typing import Any

_manager_lock = threading.Lock()
_managers: dict[int, Any] = {}
_abandoned: list[Any] = []


def manager() -> Any:
    """Return the manager of this process."""
    with _manager_lock:
        found = _managers.get(os.getpid())
        if found is None or found._session is None:  # something in this process has closed every manager
            found = _managers[os.getpid()] = _new_manager()
        return found


def _new_manager() -> Any:
    from pyvisa.highlevel import ResourceManager, get_wrapper_class

    # pyvisa keeps one library per class and path, and one manager per library (pyvisa/highlevel.py,
    # VisaLibraryBase.__new__ and ResourceManager.__new__). Nothing else uses this class, so the manager is ours alone.
    own_library = type("LagerLibrary", (get_wrapper_class("py"),), {})
    created = ResourceManager(own_library())
    # It would close every session before the exit handlers of the script; process/at_end.py closes lager's after them.
    atexit.unregister(created._atexit_handler)
    return created


def _after_fork() -> None:
    """Disarm the parent's manager: at the end of this child it would close its sessions and notify the instruments."""
    global _manager_lock
    _manager_lock = threading.Lock()
    for inherited in _managers.values():
        with contextlib.suppress(Exception):
            for resource in list(inherited._created_resources):
                resource._session = None
    _abandoned.extend(_managers.values())
    _managers.clear()


os.register_at_fork(after_in_child=_after_fork)


def line_settings(given: Mapping[str, Any], baudrate: int) -> dict[str, Any]:
    """Return the settings of a serial line in the words of pyvisa: `given` in a nets file, and else the defaults."""
    from pyvisa.constants import ControlFlow, Parity, StopBits

    parities = {"N": Parity.none, "E": Parity.even, "O": Parity.odd, "M": Parity.mark, "S": Parity.space}
    flows = {"xonxoff": ControlFlow.xon_xoff, "rtscts": ControlFlow.rts_cts, "dsrdtr": ControlFlow.dtr_dsr}
    stops = {1: StopBits.one, 1.5: StopBits.one_and_a_half, 2: StopBits.two}
    return {
        "baud_rate": given.get("baudrate", baudrate),
        "data_bits": given.get("bytesize", 8),
        "parity": parities[given.get("parity", "N")],
        "stop_bits": stops[given.get("stopbits", 1)],
        "flow_control": flows.get(given.get("flow_control", ""), ControlFlow.none),
    }
