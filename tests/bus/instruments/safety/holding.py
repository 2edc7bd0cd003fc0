"""A script that holds a net with a safe state, with its output on, and what is asked of lagerd about it."""

import os
import time
from typing import Any

from tests.bus.instruments.safe_bench import INSTRUMENTS
from tests.client import Client
from tests.processes import children
from tests.station import Station

HOLD = """
from lager import Net
import sys, signal
supply = Net.get("supply2", type="supply")
supply.set_voltage(3.3)
supply.enable()
print("on", flush=True)
signal.pause()
"""


def told(client: Client, member: str, key: str) -> dict[str, Any]:
    details: dict[str, Any] = client.expect(member, lambda s: s.args[0] == key).args[1]
    return details


def listed(client: Client) -> list[dict[str, Any]]:
    leases: list[dict[str, Any]] = client.call("List", name=INSTRUMENTS)
    return leases


def claim(client: Client, key: str, **details: Any) -> int:
    lock: int = client.call("Claim", "sa{sv}", key, {"net": "x", "name": "psu1", **details}, name=INSTRUMENTS)
    return lock


def until_kept_ready(station: Station) -> None:
    """Wait for the process that acts without lagerd: until it has a session of its own, it is killed with lagerd."""
    while not any(os.getsid(child) == child for child in children(station.lagerd.pid)):
        time.sleep(0.01)
