"""Compares the simulator with the exchanges that were written from the manuals for the drivers.

Each request of a scenario is put to a fresh simulated instrument, and what it answers must look like what the manual
answers: the same number of fields, numbers in the place of numbers, the same words. What is measured and what was
set before the scenario began differ, so values are compared only where the scenario itself has set them.
"""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lagerd.bench.bench import Bench
from lagerd.bench.models.batteries.keithley_2281s import Keithley2281S
from lagerd.bench.models.loads.rigol_dl3000 import DL3021
from lagerd.bench.models.supplies.keithley_2200 import Keithley2200
from lagerd.bench.models.supplies.keysight_e36300 import E36312A
from lagerd.bench.models.supplies.rigol_dp700 import DP711
from lagerd.bench.models.supplies.rigol_dp800 import DP821
from lagerd.bench.models.supplies.siglent_spd import SPD1168X, SPD3303X
from lagerd.bench.thread import running
from tests.unit.drivers.exchanges import (
    keithley_2200,
    keithley_2281s,
    keysight_e36300,
    rigol_dl3000,
    rigol_dp700,
    rigol_dp800,
    siglent_spd1000x,
    siglent_spd3303x,
)

Exchange = tuple[str, str | None]
INSTRUMENTS: list[tuple[ModuleType, type[Any]]] = [
    (rigol_dp800, DP821),
    (keithley_2281s, Keithley2281S),
    (keithley_2200, Keithley2200),
    (keysight_e36300, E36312A),
    (rigol_dl3000, DL3021),
    (rigol_dp700, DP711),
    (siglent_spd3303x, SPD3303X),
    (siglent_spd1000x, SPD1168X),
]
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")
_ALTERNATIVES = ({"NONE", "OVP", "OCP"}, {"ON", "OFF"}, {"YES", "NO"}, {"CV", "CC", "UR"}, {"CC", "CV", "CR", "CP"})


def scenarios() -> Iterator[Any]:
    for module, model in INSTRUMENTS:
        for name, value in vars(module).items():
            if name.isupper() and isinstance(value, list):
                yield pytest.param(model, value, id=f"{model.__name__}-{name}")


@pytest.mark.parametrize(("model", "exchanges"), list(scenarios()))
def test_the_simulator_answers_as_the_manual_does(model: type[Any], exchanges: list[Exchange], tmp_path: Path) -> None:
    with running(Bench({"it": model()}, []), tmp_path) as _, _connected(tmp_path) as talk:
        before = _before(exchanges)
        for request, reply in [*before, *exchanges]:
            talk.write(f"{request}\n".encode())
            talk.flush()
            if reply is not None:
                answer = talk.readline().decode().rstrip("\n")
                assert _alike(request, answer, reply), f"{request}: {answer!r}, and the manual: {reply!r}"


def _before(exchanges: list[Exchange]) -> list[Exchange]:
    """What must have happened before a scenario of the 2281S: its role, and whether the battery runs."""
    role = next((reply for request, reply in exchanges if request == ":ENTR:FUNC?"), None)
    before: list[Exchange] = [(f":ENTR:FUNC {role}", None)] if role else []
    runs = any(reply and reply.startswith("704") for _, reply in exchanges)
    return [*before, (":BATT:OUTP ON", None)] if runs else before


def _connected(folder: Path) -> Any:
    address = re.search(r"TCPIP0::127\.0\.0\.1::(\d+)::SOCKET", (folder / "nets.toml").read_text())
    assert address
    with socket.create_connection(("127.0.0.1", int(address[1])), timeout=10) as connection:
        return connection.makefile("rwb")


def _alike(request: str, answer: str, reply: str) -> bool:
    ours, theirs = answer.split(","), reply.split(",")
    if request == "*IDN?":  # maker, model, serial number, versions: the first two are the instrument's
        return len(ours) == len(theirs) and ours[0] == theirs[0] and ours[1].strip()[:5] == theirs[1].strip()[:5]
    return len(ours) == len(theirs) and all(map(_same_kind, ours, theirs))


def _same_kind(ours: str, theirs: str) -> bool:
    if _NUMBER.sub("#", ours).lower() == _NUMBER.sub("#", theirs).lower():
        return True
    return any(ours in words and theirs in words for words in _ALTERNATIVES)
