"""Reads and writes the registers of a LabJack T7: over Modbus TCP with pymodbus, or over USB with the maker's library.
Also the coils of a Modbus device, over TCP or a serial line.

Modbus map: LabJack T-Series Datasheet, 3.1 Modbus Map. Values are big-endian, the high word first; functions 3 and 16
access every register used here.
"""

import contextlib
import importlib
import logging
import math
import struct
import time
from collections.abc import Sequence
from typing import Any, NoReturn

from lager.errors import InstrumentError, InstrumentTimeout, Rejected, WrongModel
from lager.instruments.sessions.session import Session
from lager.nets import catalog
from lager.nets.model import Instrument, NetType
from lager.nets.resource import Reach
from lager.nets.settings.serial_line import DEFAULT_BAUDRATE

_PRODUCT_ID = 60000  # float32: 7 is a T7 (T-Series Datasheet, 23.0 Device information registers)
_PRODUCTS = {4.0: "T4", 7.0: "T7", 8.0: "T8"}
_SERIAL_NUMBER = 60028  # uint32
_UNIT = 1
_QUIET = 0.1  # seconds: longer than a device takes to answer, and than the gaps in a frame

# For each type letter of `struct`: the number of registers, and the type code of the LJM library.
_WIDTH = {"f": 2, "H": 1, "I": 2}
_LJM_TYPE = {"H": 0, "I": 1, "f": 3}


class Registers(Session):
    """Typed access to the registers; `f` is float32, `H` uint16, `I` uint32."""

    def read(self, address: int, kind: str) -> float:
        """Read one value. Raises InstrumentTimeout, InstrumentUnreachable, BadReply, Rejected."""
        with self.exchange():
            value = self._read(address, kind)
            if not math.isfinite(value):
                self.bad_reply(f"read {address}", value, "not a number")
            return value

    def write(self, address: int, kind: str, value: float) -> None:
        """Write one value. Raises the same errors as `read`."""
        with self.exchange():
            self._write(address, kind, value)

    def identity(self) -> str:
        with self.exchange():
            product = self._read(_PRODUCT_ID, "f")
            return f"LabJack,{_PRODUCTS.get(product, f'product {product:g}')}"

    def device(self) -> str:
        return f"serial number {self.read(_SERIAL_NUMBER, 'I'):.0f}"

    def _identify(self) -> None:
        product = self._read(_PRODUCT_ID, "f")
        self.identified = f"LabJack,{_PRODUCTS.get(product, f'product {product:g}')}"
        if product != 7.0:
            found = f"LabJack product {product:g}, not a T7 (7)"
            self._drop()
            hint = f"Correct the model or the address in [instruments.{self.instrument.name}]."
            raise WrongModel(f"The device at {self.instrument.address} is {found}.", hint)

    def _read(self, address: int, kind: str) -> float:
        raise NotImplementedError

    def _write(self, address: int, kind: str, value: float) -> None:
        raise NotImplementedError

    def _rejected(self, what: str, reason: object) -> NoReturn:
        raise Rejected(f"{self.instrument} rejected {what}: {reason}.", "Check the channel in the nets file.")


class ModbusRegisters(Registers):
    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument)
        self._client: Any = None
        self._awaiting = False

    def load(self) -> None:
        importlib.import_module("pymodbus.client")

    def _connect(self) -> None:
        from pymodbus.client import ModbusTcpClient

        # pymodbus also logs every fault that it raises; the errors of this module report it once.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        place = self.instrument.resource
        client: Any = ModbusTcpClient(place.host, port=place.port, timeout=self.instrument.timeout, retries=0)
        self._awaiting = False
        if not client.connect():
            self.unreachable(f"nothing answers on port {place.port}")
        self._client = client

    def _disconnect(self) -> None:
        self._client.close()

    def _connection(self) -> object:
        return self._client

    def _idle(self) -> bool:
        return not self._awaiting

    def _read(self, address: int, kind: str) -> float:
        words = self._request(f"read {address}", "read_holding_registers", address, count=_WIDTH[kind])
        if len(words) != _WIDTH[kind]:
            self.bad_reply(f"read {address}", list(words), f"expected {_WIDTH[kind]} registers")
        packed = struct.pack(f">{len(words)}H", *words)
        return float(struct.unpack(f">{kind}", packed)[0])

    def _write(self, address: int, kind: str, value: float) -> None:
        packed = struct.pack(f">{kind}", value if kind == "f" else int(value))
        words = list(struct.unpack(f">{len(packed) // 2}H", packed))
        self._request(f"write {address}", "write_registers", address, words)

    def _request(self, what: str, method: str, *arguments: Any, **options: Any) -> Sequence[int]:
        return list(self._response(what, method, *arguments, **options).registers)

    def _response(self, what: str, method: str, *arguments: Any, unit: int = _UNIT, **options: Any) -> Any:
        from pymodbus.exceptions import ConnectionException, ModbusIOException

        self._awaiting = True
        try:
            response = getattr(self._client, method)(*arguments, **options, device_id=unit)
        except ModbusIOException as error:
            if "No response" in str(error):
                self.silent(what)
            self.bad_reply(what, str(error), "not valid Modbus")
        except (ConnectionException, OSError):
            self.lost("the instrument closed it")
        except Exception as error:
            # On garbage, pymodbus raises whatever exception its parser runs into.
            self.bad_reply(what, f"{type(error).__name__}: {error}", "not valid Modbus")
        self._awaiting = False
        if response.isError():
            self._rejected(what, f"Modbus exception {response.exception_code}")
        return response


class ModbusCoils(ModbusRegisters):
    """The coils of a Modbus device, which has no identity that could be checked."""

    def read_coil(self, address: int, unit: int) -> bool:
        """Return whether a coil is on. Raises InstrumentTimeout, InstrumentUnreachable, BadReply, Rejected."""
        with self.exchange():
            what = f"read coil {address}"
            bits = list(self._response(what, "read_coils", address, count=1, unit=unit).bits)
            if not bits:
                self.bad_reply(what, bits, "no coil")
            return bool(bits[0])

    def write_coil(self, address: int, on: bool, unit: int) -> None:
        """Switch a coil on or off. Raises the same errors as `read_coil`."""
        with self.exchange():
            self._response(f"write coil {address}", "write_coil", address, on, unit=unit)

    def identity(self) -> str:
        with self.exchange():
            return self.instrument.model

    def device(self) -> str:
        return ""

    def _identify(self) -> None:
        pass


class RtuCoils(ModbusCoils):
    """The coils of a Modbus device on a serial line (MODBUS over Serial Line Specification V1.02, RTU mode).

    An answer does not say to which request it belongs, so none may still be on its way when the next one is sent: a new
    connection first waits until the line has been quiet, and after a failure for as long as an answer may take.
    """

    def load(self) -> None:
        super().load()
        importlib.import_module("lager.instruments.sessions.serial_line")

    def _connect(self) -> None:
        from pymodbus.client import ModbusSerialClient

        from lager.instruments.sessions.serial_line import open_line

        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        timeout = self.instrument.timeout
        line = {"baudrate": DEFAULT_BAUDRATE, **self.instrument.serial_line}
        client: Any = ModbusSerialClient(self.instrument.resource.path, **line, timeout=timeout, retries=0)
        quiet = max(timeout, _QUIET) if self._awaiting else _QUIET
        self._awaiting = True
        with contextlib.ExitStack() as opened:
            port = open_line(self, {**line, "timeout": timeout, "write_timeout": timeout})
            opened.callback(port.close)
            port.inter_byte_timeout = client.inter_byte_timeout
            self._wait_until_quiet(port, quiet)
            opened.pop_all()
        client.socket = port
        self._client = client
        self._awaiting = False

    def _wait_until_quiet(self, port: Any, quiet: float) -> None:
        ends = time.monotonic() + quiet
        try:
            while time.monotonic() < ends:
                time.sleep(_QUIET / 10)
                if port.in_waiting:
                    port.reset_input_buffer()
        except OSError as error:
            self.unreachable(error)

    def silent(self, question: str) -> NoReturn:
        what = f"{self.instrument} did not answer {question!r} within {self.instrument.timeout:g} s."
        raise InstrumentTimeout(what, "Check its power, how it is wired, the settings of its line, and the unit.")


class LjmRegisters(Registers):  # pragma: no cover: needs the library of LabJack and a T7 on USB
    """The registers of a T7 on USB, through the library of its maker (`pip install lager-box[ljm]`)."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument)
        self._ljm: Any = None
        self._handle = 0

    def _connect(self) -> None:
        serial = self.instrument.resource.serial or "ANY"
        try:
            self._ljm = importlib.import_module("labjack.ljm")
            self._handle = self._ljm.openS("T7", "USB", serial)
        except (ImportError, OSError, AttributeError) as error:
            # If only the Python part is installed, its library object is None.
            hint = "Install it with 'pip install lager-box[ljm]' and the LJM library of LabJack."
            raise InstrumentError(f"{self.instrument} on USB needs labjack-ljm: {error}.", hint) from error
        except self._ljm.LJMError as error:
            self._failed(error)

    def _failed(self, error: Exception) -> NoReturn:
        name = str(getattr(error, "errorString", "") or error)
        if "CLAIMED" in name or "IN_USE" in name:
            self.in_use()
        self.unreachable(name)

    def _disconnect(self) -> None:
        self._ljm.close(self._handle)

    def _connection(self) -> object:
        return None  # the library does not expose its descriptors

    def _read(self, address: int, kind: str) -> float:
        try:
            return float(self._ljm.eReadAddress(self._handle, address, _LJM_TYPE[kind]))
        except self._ljm.LJMError as error:
            self.lost(getattr(error, "errorString", "") or error)

    def _write(self, address: int, kind: str, value: float) -> None:
        try:
            self._ljm.eWriteAddress(self._handle, address, _LJM_TYPE[kind], value)
        except self._ljm.LJMError as error:
            self.lost(getattr(error, "errorString", "") or error)


def registers(instrument: Instrument) -> Registers:
    """Return the registers of this instrument, not yet connected, for the transport that its address names."""
    if instrument.resource.reach is Reach.LJM:
        return LjmRegisters(instrument)
    if instrument.resource.reach is Reach.RTU:
        return RtuCoils(instrument)
    family = catalog.find(instrument.model)
    if family is not None and NetType.Switch in family.drivers:
        return ModbusCoils(instrument)
    return ModbusRegisters(instrument)
