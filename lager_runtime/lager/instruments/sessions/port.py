"""Finds out which leases are for the same serial port under another name.

A lease is claimed for the path in the nets file. The device that the path points to may change whenever an adapter is
plugged in again, so it is checked twice: when the lease is claimed, and each time the port is opened.
"""

import time
from typing import TYPE_CHECKING, Any

from lager.daemon.lease_calls import LeaseCalls
from lager.errors import InstrumentBusy
from lager.nets.resource import device

if TYPE_CHECKING:
    from lager.contract import LeaseDetails

_MOST = 64


class LeasedPort:
    """The serial port at `path`; `instrument` is the key of its lease, `name` its name in the nets file."""

    def __init__(self, calls: LeaseCalls, instrument: str, name: str, path: str) -> None:
        self.path = path
        self._calls = calls
        self._instrument = instrument
        self._name = name
        self._device = ""

    def details(self) -> dict[str, Any]:
        """Return the details of a claim on this port (see Claimant in lagerd). Blocks and raises like a claim."""
        self._device = device(self.path)
        same, moved = [], []
        for lease in self._others():
            now = device(lease["address"])
            if self._device and now == self._device:
                same.append(lease["instrument"])
            elif lease["device"] == self._device:
                moved.append(lease["instrument"])
        return {"address": self.path, "device": self._device, "same": same[:_MOST], "moved": moved[:_MOST]}

    def check_again(self) -> None:
        """Check the path again before the port is opened.

        Raises InstrumentBusy if the path now points to another device and another lease holds that device.
        """
        found = device(self.path)
        if found == self._device:
            return
        for lease in self._others():
            if found and device(lease["address"]) == found:
                self._refuse(lease, f"{self.path} has been plugged in again, and is now {lease['name']}")
        self._device = found

    def is_device(self, fd: int) -> bool:
        """Return whether the open descriptor `fd` is the device that was checked."""
        return device(fd) == self._device

    def refuse_holder(self) -> None:
        """Raise an error that explains why another program has the port open, if that is known.

        Raises InstrumentBusy if that program holds a lease of the port under a name that now points elsewhere.
        """
        for lease in self._others():
            if self._device and self._device in (lease["device"], device(lease["address"])):
                self._refuse(lease, f"{self.path} is still open as {lease['name']}")

    def _others(self) -> "list[LeaseDetails]":
        return [
            {"address": "", "device": "", **lease}
            for lease in self._calls.leases()
            if lease["instrument"] != self._instrument and (lease.get("address") or lease.get("device"))
        ]

    def _refuse(self, lease: "LeaseDetails", why: str) -> None:
        since = time.strftime("%H:%M:%S", time.localtime(lease["since"]))
        holder = f"{lease['user']}: {lease['script'] or lease['pid']} (net {lease['net']}) since {since}"
        raise InstrumentBusy(
            f"{self._name} cannot be opened: {why}, which is held by {holder}.",
            "See who holds what with: lager instruments",
        )
