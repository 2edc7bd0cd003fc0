"""Claims the instruments of some nets for a run before its script starts, so that no other program gets them
meanwhile."""

import contextlib
import fcntl
import os
import time
from collections.abc import Sequence
from typing import Any

from lager.daemon import lease_calls
from lager.instruments.sessions.port import LeasedPort
from lager.nets import file as nets_file
from lager.nets.model import NetConfig, Nets


class Reservation:
    """Raises NoSuchNet and NetsFileError if this machine does not have the nets.

    The first claim of the run takes a lease over (`reserved` in docs/dbus.md); `release` ends those that it left.
    """

    def __init__(self, nets: Sequence[str], run_id: str, script: str, bench: Nets | None = None) -> None:
        bench = bench or nets_file.load()
        self._by_key = {config.instrument.key: config for config in map(bench.net, nets)}
        self._run_id = run_id
        self._script = script
        self._calls = lease_calls.of_this_process()  # its thread gets the signal mask of now
        self._held: dict[str, int] = {}

    def claim(self, wait: float) -> None:
        """Claim all of them, or none. Blocks up to `wait` seconds. Raises InstrumentBusy and BusError."""
        ends = time.monotonic() + wait
        try:
            for key in sorted(self._by_key):  # always in one order: two runs never wait for each other
                details = self._details(self._by_key[key])
                self._held[key] = self._calls.claim(key, details, max(ends - time.monotonic(), 0.0))
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Release the claims that the run has not taken over. Returns at once; safe to call more than once."""
        while self._held:
            key, fd = self._held.popitem()
            with contextlib.suppress(OSError):
                fcntl.flock(fd, fcntl.LOCK_UN)  # a process that was forked meanwhile has the descriptor, too
            self._calls.release(key, fd)

    def _details(self, config: NetConfig) -> dict[str, Any]:
        instrument, place = config.instrument, config.instrument.resource
        details = {
            "net": config.name,
            "name": instrument.name,
            "run_id": self._run_id,
            "script": self._script,
            "how": "cli",
            "reserved": True,
            "ancestors": [str(os.getppid())],
        }
        if place.path:
            details |= LeasedPort(self._calls, instrument.key, instrument.name, place.path).details()
        return details
