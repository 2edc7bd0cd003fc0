"""Keeps records across restarts and reboots: claims that were never released, and quarantined instruments.

A record is written before its claim is granted, and removed when the instrument is released or safe. It is on the disk
as soon as the kernel writes it there: a thread asks for that at once, so that a power cut rarely loses one, and no
caller waits for the disk.
"""

import contextlib
import json
import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from lagerd.instruments.leases.lease import Lease

UNKNOWN = "unknown"
_LONGEST = 1 << 16
_log = logging.getLogger("lagerd")


class Claims:
    """The folders `claims` and `quarantine` below `folder`, with a file for each instrument."""

    def __init__(self, folder: Path) -> None:
        self._claims, self._quarantine = folder / "claims", folder / "quarantine"
        for one in (self._claims, self._quarantine):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._disk = ThreadPoolExecutor(1, "disk")

    def close(self) -> None:
        self._disk.shutdown(wait=False, cancel_futures=True)

    def keep(self, lease: Lease) -> None:
        """Record a claim with nets to be made safe. Raises OSError."""
        self._write(self._claims / lease.instrument, {"lease": lease.kept()})

    def drop(self, instrument: str) -> None:
        self._remove(self._claims / instrument)

    def kept(self) -> list[tuple[Lease, str]]:
        """Return the claims that were never released; for one that cannot be read, also the reason."""
        return list(_readable(self._claims))

    def quarantine(self, lease: Lease, reason: str) -> None:
        """Record a quarantine. Raises OSError."""
        self._write(self._quarantine / lease.instrument, {"lease": lease.kept(), "reason": reason})

    def clear(self, instrument: str) -> None:
        self._remove(self._quarantine / instrument)

    def quarantined(self) -> list[tuple[Lease, str]]:
        """Return the quarantined instruments: whose lease it was, and the reason."""
        return list(_readable(self._quarantine))

    def _write(self, path: Path, record: object) -> None:
        fresh = path.with_name(f".{path.name}")
        fresh.write_text(json.dumps(record), encoding="utf-8")
        fresh.replace(path)
        self._sync(path)

    def _remove(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            self._sync(path.parent)

    def _sync(self, path: Path) -> None:
        with contextlib.suppress(RuntimeError):  # lagerd is ending
            self._disk.submit(_to_disk, path)


def any_kept(folder: Path) -> bool:
    """Return whether the folder has a claim that was never released."""
    with contextlib.suppress(OSError):
        return any((folder / "claims").iterdir())
    return False


def forget(folder: Path, nets_file: Path) -> None:
    """Remove the records of the instruments in a nets file: the records of a simulated bench end with it."""
    for kept in (folder / "claims", folder / "quarantine"):
        for lease, _ in _readable(kept) if kept.is_dir() else ():
            if lease.nets_file == str(nets_file):
                (kept / lease.instrument).unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    for one in {path, path.parent if path.is_file() else path}:
        with contextlib.suppress(OSError):  # it was removed meanwhile
            fd = os.open(one, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


def _readable(folder: Path) -> Iterator[tuple[Lease, str]]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            path.unlink(missing_ok=True)  # lagerd died while it wrote this; the claim was not granted
            continue
        try:
            record = json.loads(path.read_text(encoding="utf-8")[:_LONGEST])
            lease, reason = Lease.from_kept(record["lease"]), str(record.get("reason", ""))
            if lease.instrument != path.name:
                raise ValueError(f"it is for {lease.instrument}")
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            _log.error("%s cannot be read: %r", path, error)
            name, now = path.name, path.stat().st_mtime
            lease = Lease(name, name, "", "", "", owner="", uid=0, user=UNKNOWN, pid=0, since=now)
            reason = "lagerd cannot read its record of the last claim."
        yield replace(lease, began=time.monotonic() - max(time.time() - lease.since, 0.0)), reason
