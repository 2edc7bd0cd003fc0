"""The bench: serves instruments by name, and writes the nets file for them."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import singledispatch
from pathlib import Path
from typing import Protocol, TypeAlias

from lagerd.bench.dut import Dut
from lagerd.bench.models.batteries.keithley_2281s import Keithley2281S
from lagerd.bench.models.data_acquisition.labjack_t7 import T7
from lagerd.bench.models.loads.rigol_dl3000 import DL3021
from lagerd.bench.models.meters.keysight_truevolt import Keysight34461A
from lagerd.bench.models.supplies.korad_ka import KA3005P
from lagerd.bench.models.supplies.rigol_dp800 import DP821
from lagerd.bench.models.switches.devantech_usb_rly import UsbRly16
from lagerd.bench.models.switches.keysight_34970a import Keysight34970A
from lagerd.bench.models.switches.modbus_coils import ModbusRelays
from lagerd.bench.models.uart_device import UartDevice
from lagerd.bench.nets import InstrumentEntry, NetEntry, NetsFile, render
from lagerd.bench.scpi.instrument import ScpiInstrument
from lagerd.bench.transports.lines import LineServer
from lagerd.bench.transports.modbus import ModbusServer
from lagerd.bench.transports.terminal import BytePort, Terminal

Device: TypeAlias = ScpiInstrument | T7 | ModbusRelays | UartDevice | UsbRly16 | KA3005P

NETS = (
    NetEntry("supply1", "supply", "smu1", 1, {"max_voltage": 10.0, "max_current": 3.0}),
    NetEntry("supply2", "supply", "psu1", 1, {"max_voltage": 10.0, "max_current": 1.0}),
    NetEntry("supply3", "supply", "psu1", 2, {"max_voltage": 8.0, "max_current": 10.0}),
    NetEntry("battery1", "battery", "smu1", 1, {"max_voltage": 10.0, "max_current": 3.0}),
    NetEntry("eload1", "eload", "load1", 1, {"max_current": 10.0}),
    NetEntry("adc1", "adc", "daq1", "AIN0"),
    NetEntry("adc2", "adc", "daq1", "AIN1"),
    NetEntry("adc3", "adc", "daq1", "AIN2"),
    NetEntry("adc4", "adc", "daq2", "AIN0"),
    NetEntry("dac1", "dac", "daq1", "DAC0", {"max_voltage": 5.0}),
    NetEntry("gpi1", "gpio", "daq1", "FIO0"),
    NetEntry("gpo1", "gpio", "daq1", "FIO1"),
    NetEntry("relay1", "switch", "mux1", 103),
    NetEntry("dmm1", "dmm", "dmm1"),
    NetEntry("thermocouple1", "thermocouple", "daq1", "AIN4"),
    NetEntry("uart1", "uart", "uart1"),
)


class Server(Protocol):
    async def start(self, place: Path) -> str:
        """Start serving and return the address. `place` is an unused path, for a server that needs one."""

    async def close(self) -> None: ...


@singledispatch
def server_for(device: Device) -> Server:
    raise TypeError(f"no server for a {type(device).__name__}")


@server_for.register
def _(device: ScpiInstrument) -> Server:
    return LineServer(device)


@server_for.register
def _(device: T7 | ModbusRelays) -> Server:
    return ModbusServer(device)


@server_for.register
def _(device: UartDevice) -> Server:
    return Terminal(device)


@server_for.register
def _(device: UsbRly16 | KA3005P) -> Server:
    return Terminal(device, port=BytePort, address="ASRL{}::INSTR")


class Bench:
    """A group of devices that are served together. This object keeps their state, whether it is started or not."""

    def __init__(self, devices: Mapping[str, Device], nets: Sequence[NetEntry] = ()) -> None:
        self.devices = devices
        self.nets = nets
        self.instruments: dict[str, InstrumentEntry] = {}
        self._running = contextlib.AsyncExitStack()

    async def start(self, folder: Path) -> None:
        """Serve every device, then write the nets file to the folder."""
        async with contextlib.AsyncExitStack() as stack:
            for name, device in self.devices.items():
                server = server_for(device)
                address = await server.start(folder / name)
                stack.push_async_callback(server.close)
                self.instruments[name] = InstrumentEntry(name, device.model, address)
            file = NetsFile(folder)
            stack.callback(file.remove)
            file.write(render(self.instruments.values(), self.nets))
            self._running = stack.pop_all()

    async def close(self) -> None:
        await self._running.aclose()


class DefaultBench(Bench):
    """The default bench: eight instruments and their device under test."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.psu1 = DP821()
        self.smu1 = Keithley2281S(clock)
        self.daq1 = T7(470000001, clock)
        self.daq2 = T7(470000002, clock)
        self.load1 = DL3021()
        self.mux1 = Keysight34970A()
        self.dmm1 = Keysight34461A()
        self.uart1 = UartDevice()
        self.dut = Dut(self.psu1, self.smu1, self.load1, self.daq1, self.daq2, self.uart1, self.dmm1, self.mux1)
        names = ("psu1", "smu1", "daq1", "daq2", "load1", "mux1", "dmm1", "uart1")
        super().__init__({name: getattr(self, name) for name in names}, NETS)
