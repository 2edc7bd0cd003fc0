"""Scripts whose pauses list what is changed on the bench, and what they print of it."""

import os
import pwd
import re
import socket
import tomllib
from pathlib import Path
from re import Pattern
from typing import Any

from tests.bus.instruments.safe_bench import INSTRUMENTS
from tests.client import Client
from tests.station import Station

ME = pwd.getpwuid(os.getuid()).pw_name
PAUSES = """
import lager
lager.pause("looking")
print("goes on", flush=True)
"""
HOLDS = """
import lager
supply = lager.Net.get("supply2", type="supply")
supply.set_voltage(3.3)
supply.set_current(0.5)
lager.pause("held", interactive=True)
supply.set_voltage(1.5)
print("goes on", flush=True)
"""


def changes(client: Client, pause: Any) -> Any:
    [found] = [one for one in client.list() if one["id"] == pause["id"]]
    return found["changes"]


def printed(process: Any) -> list[Any]:
    """The lines about changes that a resumed script has printed."""
    process.out.expect("goes on")
    process.wait()
    return re.findall(r"^  (\w+ [\w.]+ \S+ → .*)$", process.err.rest(), re.MULTILINE)


def line(text: Any, how: Any) -> Pattern[Any]:
    return re.compile(rf"{re.escape(text)} \({ME}, {re.escape(how)}, \d\d:\d\d:\d\d\)\Z")


def key_of(client: Client, name: Any) -> Any:
    return next(one["instrument"] for one in client.call("List", name=INSTRUMENTS) if one["name"] == name)


def at_the_instrument(station: Station, command: Any, name: Any = "psu1") -> None:
    """Send a command to a simulated instrument, like a person who turns its knob."""
    nets = tomllib.loads(Path(station.env["LAGER_NETS"]).read_text())
    _, host, port, _ = nets["instruments"][name]["address"].split("::")
    with socket.create_connection((host, int(port))) as instrument, instrument.makefile("rw") as lines:
        lines.write(f"{command}\n:SYST:ERR?\n")
        lines.flush()
        assert '"No error"' in lines.readline()
