"""Ask the board for its voltage over its serial port."""

import os

from lager import Net, NetType
from lager.breakpoint import pause

uart = Net.get("uart1", type=NetType.UART)
print(f"{uart.get_baudrate()} baud, USB serial number {uart.usb_serial}, settings {uart.params}")
assert os.path.exists(uart.get_path())
assert uart.get_config()["role"] == "uart"

port = uart.connect(baudrate=115200, parity="none")
port.write(b"help\r\n")
port.timeout = 5
print(port.readline().decode().strip())
pause("look at the board", timeout="0.1")
port.close()
