"""The coils of any Modbus device, over TCP or a serial line: relay modules and outlets.

The channel is the address of the coil, from 0.

MODBUS Application Protocol Specification V1.1b3: 6.1 Read Coils (function 1), 6.5 Write Single Coil (function 5).
Coil 1 of a device has the address 0 (section 4.4).
"""

from lager.instruments.drivers.base.switch import Switch
from lager.instruments.sessions.modbus import ModbusCoils


class Coil(Switch[ModbusCoils]):
    def _is_on(self) -> bool:
        return self.session.read_coil(self.channel, self._unit)

    def _switch(self, on: bool) -> None:
        self.session.write_coil(self.channel, on, self._unit)

    @property
    def _unit(self) -> int:
        return int(self.config.options.get("unit", 1))
