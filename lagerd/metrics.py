"""Writes the metrics for Prometheus: a file for the textfile collector of its node_exporter.

The file is written when a value has changed, at most every five seconds, and replaced as a whole.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

FOLDER = Path("/run/lager-metrics")  # the second RuntimeDirectory= of lagerd.service
NAME = "lager.prom"
_SECONDS = 5.0
_RETRY_SECONDS = 60.0  # after the file could not be written
_GAUGES = {
    "pauses": "Paused scripts.",
    "oldest_pause_timestamp_seconds": "When the oldest pause began, in seconds since the epoch; 0 without a pause.",
    "waiting_claims": "Claims that wait for an instrument.",
    "leases": "Instruments that are held.",
    "quarantined": "Instruments in quarantine.",
}
_COUNTERS = {
    "auto_resumes": "Pauses that were resumed automatically since lagerd started.",
    "denials": "Calls that were denied since lagerd started.",
}

_log = logging.getLogger("lagerd")


class Loop(Protocol):
    def time(self) -> float: ...
    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Any: ...


class Metrics:
    """`read` returns the present values, by the names above. Writes nothing until it is switched on."""

    def __init__(self, loop: Loop, read: Callable[[], Mapping[str, float]], folder: Path = FOLDER) -> None:
        self._loop = loop
        self._read = read
        self._path = folder / NAME
        self._is_on = False
        self._next = 0.0  # when it may be written again
        self._failed = False
        self._timer: Any = None

    def switch(self, on: bool) -> None:
        """Start or stop writing; when it stops, the file is removed."""
        if on:
            self._is_on = True
            self.changed()
        else:
            self.close()

    def changed(self) -> None:
        """Write the file, now or when five seconds have passed since it was written."""
        if not self._is_on or self._timer is not None:
            return
        self._timer = self._loop.call_later(max(self._next - self._loop.time(), 0.0), self._write)

    def close(self) -> None:
        """Stop, and remove the file, because its values are no longer true. A lagerd without metrics removes
        nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_on:
            self._is_on = False
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _write(self) -> None:
        self._timer = None
        self._next = self._loop.time() + _SECONDS
        try:
            data = text(self._read())
            draft = self._path.with_suffix(".new")
            with contextlib.suppress(OSError):
                os.chmod(self._path.parent, 0o755)  # systemd makes it as private as the other one
            draft.write_bytes(data)
            draft.chmod(0o644)
            draft.replace(self._path)
            self._failed = False
        except ModuleNotFoundError:
            self._is_on = False
            why = "prometheus_client is not installed. Install it: pip install 'lager-box[metrics]'"
            _log.error("There are no metrics: %s Then: systemctl reload lagerd", why)
        except OSError as problem:
            self._try_later(problem)

    def _try_later(self, problem: OSError) -> None:
        """Remove the file, whose values are outdated, and try again later, when a full disk may have space."""
        if not self._failed:
            _log.error("There are no metrics: %s cannot be written: %s. Trying again.", self._path, problem.strerror)
        self._failed = True
        for file in (self._path, self._path.with_suffix(".new")):
            with contextlib.suppress(OSError):
                file.unlink()
        self._next = self._loop.time() + _RETRY_SECONDS
        self.changed()


def text(values: Mapping[str, float]) -> bytes:
    """Return the values in the text format of Prometheus. Raises ModuleNotFoundError without prometheus_client."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    class Collector:
        def collect(self) -> Any:
            for name, about in _GAUGES.items():
                yield GaugeMetricFamily(f"lager_{name}", about, value=values[name])
            for name, about in _COUNTERS.items():
                yield CounterMetricFamily(f"lager_{name}", about, value=values[name])

    registry = CollectorRegistry()
    registry.register(Collector())
    return generate_latest(registry)
