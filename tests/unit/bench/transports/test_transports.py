"""Each family of supplies over each transport: it opens, sets, trips and clears.

The servers are the tests' own, written after the specifications; the client, pyvisa-py, is another project's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import usb.backend.libusb1

from lager.drivers.replay import Leases, bench
from lager.instruments.net import Net
from lagerd.bench.bench import Bench
from lagerd.bench.models import known
from lagerd.bench.thread import running
from lagerd.bench.transports.terminal import Terminal
from lagerd.bench.wiring import output_of
from tests.unit.bench.transports.hislip_instrument import HislipInstrument
from tests.unit.bench.transports.usbtmc_instrument import VISA, UsbtmcBackend
from tests.unit.bench.transports.vxi11instrument import Vxi11Instrument

SUPPLIES = {
    "DP821": 2,
    "2281S-20-6": None,
    "2200-32-3": None,
    "E36312A": 2,
    "SPD3303X": 2,
    "SPD1305X": None,
    "DP711": None,
}
UNPROTECTED = ("SPD3303X",)  # nothing that can be set or reset
SILENT = ("SPD3303X", "SPD1305X")  # do not tell whether a protection has tripped


def messages(device: Any) -> Callable[[bytes], bytes | None]:
    def answer(message: bytes) -> bytes | None:
        reply = device.handle(message.decode("ascii").strip())
        return None if reply is None else f"{reply}\n".encode()

    return answer


@contextmanager
def over_vxi11(device: Any, patch: pytest.MonkeyPatch, folder: Path) -> Iterator[str]:
    with Vxi11Instrument(messages(device)) as instrument:
        yield instrument.visa


@contextmanager
def over_hislip(device: Any, patch: pytest.MonkeyPatch, folder: Path) -> Iterator[str]:
    with HislipInstrument(messages(device)) as instrument:
        yield instrument.visa


@contextmanager
def over_usbtmc(device: Any, patch: pytest.MonkeyPatch, folder: Path) -> Iterator[str]:
    backend = UsbtmcBackend(messages(device))
    patch.setattr(usb.backend.libusb1, "get_backend", lambda *_, **__: backend)
    yield VISA
    assert backend.opened == 0


class OnPort(Bench):
    async def start(self, folder: Path) -> None:
        self.terminal = Terminal(next(iter(self.devices.values())), b"\n")
        await self.terminal.start(folder / "port")

    async def close(self) -> None:
        await self.terminal.close()


@contextmanager
def over_a_serial_line(device: Any, patch: pytest.MonkeyPatch, folder: Path) -> Iterator[str]:
    with running(OnPort({"it": device}), folder):
        yield f"ASRL{folder}/port::INSTR"


TRANSPORTS = (over_vxi11, over_hislip, over_usbtmc, over_a_serial_line)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("model", SUPPLIES)
def test_a_supply_opens_sets_trips_and_clears(
    model: str, transport: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device: Any = known.simulated(model)
    channel = SUPPLIES[model]
    lines = "type = 'supply'" + (f"\nchannel = {channel}" if channel else "")
    leases = Leases()
    with transport(device, monkeypatch, tmp_path) as address:
        nets = bench(model, address, out=lines)
        with Net.get("out", type="supply", nets=nets, claim=leases) as supply:
            assert supply.set_voltage(3.3) == pytest.approx(3.3)
            supply.set_current(1)
            if model not in UNPROTECTED:
                assert supply.set_ovp(5) == pytest.approx(5)
            supply.enable()
            assert supply.measured_voltage() == pytest.approx(3.3)
            output = output_of(device, channel or 1)
            assert output is not None
            output.trip()
            state = supply.state()
            assert (state.enabled, state.ovp_tripped) == (False, None if model in SILENT else True)
            if model in UNPROTECTED:
                return
            supply.clear_ovp()
            state = supply.state()
            assert (state.enabled, state.ovp_tripped) == (False, None if model in SILENT else False)
            assert not output.ovp.tripped
    assert leases.held == []
