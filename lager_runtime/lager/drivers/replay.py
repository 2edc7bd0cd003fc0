"""For the tests of drivers: nets on an instrument that plays a script, and leases that are only recorded.

    with playing([("*IDN?", "ACME,P100,1,1.0"), ("MEAS:VOLT?", "3.3")], "P100", "type = 'supply'") as supply:
        assert supply.voltage() == 3.3

lager's own drivers are tested with it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lager.drivers.scripted_instrument import ScriptedInstrument
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.net import Net
from lager.nets import file as nets_file
from lager.nets.model import Nets

TIMEOUT = 1.0  # seconds; long for a loopback socket, even on a busy machine


class Leases:
    """Replaces lagerd: grants every lease, and records the calls in their order."""

    def __init__(self) -> None:
        self.happened: list[tuple[str, str]] = []
        self.held: list[str] = []
        self.waits: list[float] = []

    def __call__(self, instrument_key: str, *, net: str, wait: float = 0.0, name: str = "") -> "_Lease":
        self.happened.append(("claim", net))
        self.held.append(instrument_key)
        self.waits.append(wait)
        return _Lease(self, instrument_key, net)


class _Lease:
    def __init__(self, leases: Leases, key: str, net: str) -> None:
        self._leases, self._key, self._net = leases, key, net

    def release(self) -> None:
        self._leases.held.remove(self._key)
        self._leases.happened.append(("release", self._net))


def bench(model: str, address: str, *, drivers: str | os.PathLike[str] = "", **tables: str) -> Nets:
    """Return a bench of one instrument; each keyword is a net, its value the lines of its table. `drivers` is a folder
    with drivers of one's own."""
    text = f"drivers = {json.dumps(os.fspath(drivers))}\n" if drivers else ""
    text += f'[instruments.it]\nmodel = "{model}"\naddress = "{address}"\ntimeout = {TIMEOUT}\n'
    for name, lines in tables.items():
        text += f'[nets.{name}]\ninstrument = "it"\n{lines}\n'
    return nets_file.parse(text)


@contextmanager
def playing(
    script: list[tuple[Any, Any]], model: str, lines: str, drivers: str | os.PathLike[str] = ""
) -> Iterator[Any]:
    """Open the net of this table on an instrument that plays the script; nothing is held when the block ends."""
    leases = Leases()
    with ScriptedInstrument(*script) as instrument:
        place = instrument.address if model == "T7" else instrument.visa
        config = bench(model, place, drivers=drivers, it=lines)
        try:
            driver: Driver[Any] = Net.get("it", config.net("it").type, nets=config, claim=leases)
            with driver:
                yield driver
        finally:
            assert leases.held == []
