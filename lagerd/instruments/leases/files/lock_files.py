"""Keeps leases as files: open file descriptions with an exclusive flock, which ends when their last copy closes.

Each grant replaces the file by a new one. Descriptors that are passed to clients are open for reading only; this module
opens the files for writing. So inotify distinguishes the end of a lease (IN_CLOSE_NOWRITE) from a check by this module
(inotify(7), flock(2)).

The mode of a file tells its holder at once whether other scripts are paused (`mark`).
"""

import asyncio
import contextlib
import errno
import fcntl
import json
import logging
import os
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from lager.contract import LEASE_WATCHED
from lager.errors import Failed
from lager.process import system
from lager.process.end_signals import resolve
from lagerd.instruments.leases.files.kept_claims import Claims
from lagerd.instruments.leases.lease import Lease

_EVENT = struct.Struct("iIII")
_LONGEST_RECORD = 1 << 16

_log = logging.getLogger("lagerd")


class LeaseFiles:
    """The folder of lock files, and the records of claims. `closed` is called with the instrument whenever its lease
    may have ended."""

    def __init__(self, folder: Path, closed: Callable[[str], None], claims: Claims) -> None:
        self._folder = folder
        self.claims = claims
        self._closed = closed
        self.is_watched: Callable[[str], bool] = lambda owner: False
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._inotify: int | None = None
        try:
            self._inotify = _watch(folder)
        except OSError as error:
            # Other programs may have used up the user's inotify instances. Releases and deaths are noticed without it.
            _log.warning(
                "%s. Raise fs.inotify.max_user_instances, then restart lagerd. Until then, it notices a lease that was "
                "closed but not released only at the next claim.",
                error,
            )
        else:
            asyncio.get_running_loop().add_reader(self._inotify, self._read_events, self._inotify)

    def close(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify)
            os.close(self._inotify)
        self.claims.close()

    def take(self, lease: Lease) -> int:
        """Return the descriptor of a new locked file, which the caller closes. Raises Failed on a full disk."""
        path = self._folder / lease.instrument
        try:
            if lease.safe:
                self.claims.keep(lease)
            return self._new(path, lease)
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                if lease.safe and not lease.making_safe:
                    self.claims.drop(lease.instrument)
            raise _unwritable(lease, error) from error

    def _new(self, path: Path, lease: Lease) -> int:
        path.unlink(missing_ok=True)
        mode = 0o600 | (LEASE_WATCHED if self.is_watched(lease.owner) else 0)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            json.dump(lease.kept(), file)
        # The file's time stores when the lease began, by the monotonic clock: an older lagerd rejects unknown keys.
        os.utime(path, ns=(_nanoseconds(lease.began),) * 2)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return fd

    def mark(self, instrument: str, watched: bool) -> None:
        """Mark the file if others are paused, so that its holder can see this at any time without a message."""
        with contextlib.suppress(OSError):  # it has just been released
            os.chmod(self._folder / instrument, 0o600 | (LEASE_WATCHED if watched else 0))

    def is_file_of(self, instrument: str, fd: int) -> bool:
        """Return whether a descriptor is one of the lock file of this instrument."""
        try:
            return os.path.samestat(os.fstat(fd), os.stat(self._folder / instrument))
        except OSError:
            return False

    def is_free(self, instrument: str) -> bool:
        try:
            fd = os.open(self._folder / instrument, os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
        return True

    def drop(self, instrument: str) -> None:
        """Remove the file; a process that still has it open no longer holds the instrument."""
        (self._folder / instrument).unlink(missing_ok=True)

    def keep_record(self, lease: Lease) -> None:
        """Record which nets of the lease have a safe state. Raises Failed on a full disk."""
        try:
            self.claims.keep(lease)
        except OSError as error:
            raise _unwritable(lease, error) from error

    def drop_record(self, instrument: str) -> None:
        self.claims.drop(instrument)

    def keep_quarantine(self, lease: Lease, reason: str) -> None:
        """Record a quarantine. Raises OSError."""
        self.claims.quarantine(lease, reason)

    def drop_quarantine(self, instrument: str) -> None:
        self.claims.clear(instrument)

    def move(self, instrument: str, others: "LeaseFiles") -> None:
        """Move the file of an instrument to `others`; its lock stays."""
        with contextlib.suppress(FileNotFoundError):  # the borrower has just closed it
            (self._folder / instrument).replace(others._folder / instrument)

    def held(self) -> Iterator[Lease]:
        """Yield the leases that outlived the previous lagerd; remove the files of all others."""
        for path in sorted(self._folder.iterdir()):
            lease = None if self.is_free(path.name) else _recorded(path)
            if lease is None:
                path.unlink(missing_ok=True)
            else:
                yield lease

    def _read_events(self, inotify: int) -> None:
        data = os.read(inotify, 1 << 16)
        at, names = 0, set()
        while at < len(data):
            _, _, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size + length
            names.add(os.fsdecode(data[at - length : at].rstrip(b"\0")))
        for name in names:
            self._closed(name)


def _unwritable(lease: Lease, error: OSError) -> Failed:
    return Failed(
        f"{lease.name} cannot be claimed: {error.filename or 'its file'} cannot be written ({error.strerror}).",
        "Free some space there, then try again.",
    )


def _watch(folder: Path) -> int:
    try:
        return system.watched(folder, system.CLOSED_UNWRITTEN)
    except OSError as error:
        raise OSError(error.errno, f"{folder} cannot be watched: {error.strerror}") from None


def _recorded(path: Path) -> Lease | None:
    """Return the lease in a lock file; None if it cannot be read, and the lease is then dropped."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        with open(os.open(path, os.O_RDWR | os.O_CLOEXEC), encoding="utf-8") as file:
            lease = Lease.from_kept(json.loads(file.read(_LONGEST_RECORD)))
            lease = replace(lease, began=_began(lease, os.fstat(file.fileno()).st_mtime_ns))
        return lease if lease.instrument == path.name else None
    return None


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1000) * 1_000_000


def _began(lease: Lease, written: int) -> float:
    """Return when a lease began, by the monotonic clock; for one of an older lagerd, computed from the wall clock."""
    began = round(written / 1e9, 3)
    return began if began <= time.monotonic() else round(time.monotonic() - max(time.time() - lease.since, 0.0), 3)


async def process_end(pid: int) -> None:
    """Wait until the process has ended: pidfd_open(2)."""
    try:
        fd = os.pidfd_open(pid)
    except OSError as error:
        if error.errno in (errno.ESRCH, errno.EINVAL):
            return
        raise
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, resolve, ended)
    try:
        await ended
    finally:
        loop.remove_reader(fd)
        os.close(fd)
