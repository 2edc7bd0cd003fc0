"""A serial port among the leases: which of them are the same port under another name, at this moment.

A lease is taken on the path that the nets file names. Which device is behind it changes whenever an adapter is plugged
in again, so that is looked at twice: when the lease is taken, and again whenever the port is opened.
"""

import time
from typing import Any

from lager.daemon_client import Link
from lager.errors import InstrumentBusy
from lager.nets.resource import device

_MOST = 64


class Port:
    """The port at `path`, whose lease has the key `instrument` and which the nets file calls `name`."""

    def __init__(self, link: Link, instrument: str, name: str, path: str) -> None:
        self.path = path
        self._link = link
        self._instrument = instrument
        self._name = name
        self._device = ""

    def details(self) -> dict[str, Any]:
        """What a claim says of it: see Claimant of lagerd. Blocks, and raises as a claim."""
        self._device = device(self.path)
        same, moved = [], []
        for lease in self._others():
            now = device(lease["address"])
            if self._device and now == self._device:
                same.append(lease["instrument"])
            elif lease["device"] == self._device:
                moved.append(lease["instrument"])
        return {"address": self.path, "device": self._device, "same": same[:_MOST], "moved": moved[:_MOST]}

    def look_again(self) -> None:
        """To be called before the port is opened. Raises InstrumentBusy where the path leads to another device than it
        did, and that is somebody else's."""
        found = device(self.path)
        if found == self._device:
            return
        for lease in self._others():
            if found and device(lease["address"]) == found:
                self._refuse(lease, f"{self.path} has been plugged in again, and is now {lease['name']}")
        self._device = found

    def is_on(self, fd: int) -> bool:
        """Whether what was opened is the device that was looked at."""
        return device(fd) == self._device

    def refuse_holder(self) -> None:
        """To be called where another program has the port open. Raises InstrumentBusy if it is one that had a lease of
        it, under a name that leads elsewhere by now."""
        for lease in self._others():
            if self._device and self._device in (lease["device"], device(lease["address"])):
                self._refuse(lease, f"{self.path} is still open as {lease['name']}")

    def _others(self) -> list[dict[str, Any]]:
        return [
            {"address": "", "device": "", **lease}
            for lease in self._link.leases()
            if lease["instrument"] != self._instrument and (lease.get("address") or lease.get("device"))
        ]

    def _refuse(self, lease: dict[str, Any], why: str) -> None:
        since = time.strftime("%H:%M:%S", time.localtime(lease["since"]))
        holder = f"{lease['user']}: {lease['script'] or lease['pid']} (net {lease['net']}) since {since}"
        raise InstrumentBusy(
            f"{self._name} cannot be opened: {why}, which is held by {holder}.",
            "See who holds what with: lager instruments",
        )
