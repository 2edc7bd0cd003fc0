"""Builds and serves a bench that a file describes."""

import os
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import tomlkit

from lager.nets import catalog
from lager.nets.model import NetConfig, NetType
from lager.nets.resource import Reach
from lagerd.bench.bench import Device, server_for
from lagerd.bench.description import Description, Part, PlannedFault, add_addresses
from lagerd.bench.dut import ROOM
from lagerd.bench.faults import Faults, Planned
from lagerd.bench.models import known
from lagerd.bench.models.data_acquisition.labjack_t7 import T7
from lagerd.bench.models.supplies.korad_ka import KA3005P
from lagerd.bench.models.switches.devantech_usb_rly import UsbRly16
from lagerd.bench.models.switches.modbus_coils import ModbusRelays
from lagerd.bench.models.uart_device import UartDevice
from lagerd.bench.nets import NetsFile
from lagerd.bench.scpi.instrument import ScpiInstrument
from lagerd.bench.transports.lines import LineDevice
from lagerd.bench.transports.modbus_rtu import RtuPort
from lagerd.bench.transports.terminal import BytePort, Terminal
from lagerd.bench.wiring import Circuit, output_of


class DescribedBench:
    """A bench as its file describes it. `notes` say what cannot be simulated completely."""

    def __init__(self, description: Description, clock: Callable[[], float] = time.monotonic) -> None:
        self._description = description
        self.notes: list[str] = []
        self.devices: dict[str, Device] = {}
        for part in description.parts:
            device = self._device(part, clock)
            for instrument in part.instruments:
                self.devices[instrument.name] = device
        circuit = Circuit([self.devices[part.instruments[0].name] for part in description.parts])
        for part in description.parts:
            self._behave(part, circuit, clock)
        for net in description.nets.values():
            if net.type is NetType.Thermocouple:
                self.devices[net.instrument.name].inputs[net.channel or 0].celsius = lambda: ROOM  # type: ignore[union-attr]
        for wire in description.wires:
            circuit.wire([(net, self.devices[net.instrument.name]) for net in wire.nets], wire.ohms)
        circuit.settle()
        self._servers: list[Any] = []
        self._file: NetsFile | None = None

    async def start(self, folder: Path) -> None:
        """Serve every device, then write the nets file to the folder. Call `close` also after an error."""
        addresses = {}
        for index, part in enumerate(self._description.parts):
            device = self.devices[part.instruments[0].name]
            server = self._server(part, device)
            address = await server.start(folder / f"port{index}")
            self._servers.append(server)
            on_line = part.reach is Reach.VISA and isinstance(server, Terminal)
            for instrument in part.instruments:
                addresses[instrument.name] = f"ASRL{address}::INSTR" if on_line else address
        self._file = NetsFile(folder)
        self._file.write(with_addresses(self._description, addresses))

    async def close(self) -> None:
        if self._file is not None:
            self._file.remove()
        for server in self._servers:
            await server.close()

    def _device(self, part: Part, clock: Callable[[], float]) -> Device:
        name = part.instruments[0].name
        if part.reach is Reach.SERIAL:
            return UartDevice()
        if (found := known.simulated(part.model, clock)) is not None:
            return found
        if any(net.type is not NetType.SCPI for net in self._description.nets.values() if net.instrument.name == name):
            self.notes.append(f"there is no simulated {part.model}: {name} only answers *IDN?")
        return known.unknown(part.model)

    def _behave(self, part: Part, circuit: Circuit, clock: Callable[[], float]) -> None:
        device: Any = self.devices[part.instruments[0].name]
        device.faults = Faults(latency=part.latency, clock=clock)
        device.faults.planned = [self._planned(fault, clock()) for fault in part.faults]
        circuit.faults.append(device.faults)
        if part.noise:
            noise = partial(random.Random(f"{self._description.seed}/{part.instruments[0].name}").gauss, 0, part.noise)
            device.noise = noise
            for output in getattr(device, "outputs", None) or [getattr(device, "output", None)]:
                if output is not None:
                    output.noise = noise
        if not isinstance(device, UartDevice):
            device.changed = circuit.settle

    def _planned(self, fault: PlannedFault, now: float) -> Planned:
        begins = float("-inf") if fault.at is None else now + fault.at
        if fault.fault is not None:
            return Planned(fault.fault, fault.after, begins, fault.count)
        assert fault.net is not None
        return Planned(partial(self._trip, fault.net), fault.after, begins)

    def _trip(self, net: NetConfig) -> None:
        device: Any = self.devices[net.instrument.name]
        if (output := output_of(device, net.channel or 1)) is not None:
            output.trip()
        else:
            device.on = False

    def _server(self, part: Part, device: Device) -> Any:
        if part.reach is Reach.RTU:
            return Terminal(device, port=RtuPort, address="rtu:{}")
        if isinstance(device, T7 | ModbusRelays):
            return server_for(device)
        if isinstance(device, UsbRly16 | KA3005P):
            return Terminal(device, port=BytePort)
        served: Any = _WithReplies(device, part.replies) if part.replies else device
        first = part.instruments[0]
        if part.reach is Reach.SERIAL or first.resource.is_serial_line:
            end = first.serial_line.get("read_termination", "\n").encode() if part.reach is Reach.VISA else b"\r\n"
            return Terminal(served, end)
        from lagerd.bench.transports.lines import LineServer

        return LineServer(served)


class _WithReplies:
    """A device that answers some lines as its description says, and all others itself."""

    def __init__(self, device: ScpiInstrument | UartDevice, replies: Any) -> None:
        self._device: LineDevice = device
        self._replies = replies

    @property
    def faults(self) -> Faults:
        return self._device.faults

    def handle(self, line: str) -> str | None:
        found: str | None = self._replies.get(line.strip().upper())
        return self._device.handle(line) if found is None else found

    def other_answer(self, line: str) -> str:
        return self._device.other_answer(line)

    def overrun(self) -> None:
        self._device.overrun()


def with_addresses(description: Description, addresses: dict[str, str]) -> str:
    """Return the text of the nets file, with the addresses of the simulated instruments, and without [simulate]."""
    document: Any = tomlkit.parse(description.text).unwrap()
    add_addresses(document)
    document.pop("simulate", None)
    if "drivers" in document:
        document["drivers"] = os.path.join(os.path.dirname(os.path.abspath(description.where)), document["drivers"])
    for name, address in addresses.items():
        table = document["instruments"][name]
        table["address"] = address
        if catalog.plain(str(table.get("model", ""))) == "USB-HUB":
            table["model"] = "modbus-coils"  # which is what simulates it
    return tomlkit.dumps(document)
