"""An asyncio script that continues to read a UART while another of its tasks is paused."""

import asyncio

from lager import Net, NetType, pause

heard: list[str] = []


def exchange(port, line: str) -> str:
    port.write(line.encode() + b"\r\n")
    return port.readline().decode().strip()


async def listen(port) -> None:
    """Ask the board repeatedly until this task is cancelled."""
    while True:
        heard.append(await asyncio.to_thread(exchange, port, "rail"))


async def main() -> None:
    uart = Net.get("uart1", type=NetType.UART)
    port = uart.connect(baudrate=115200)
    port.timeout = 2
    listening = asyncio.create_task(listen(port))
    while not heard:
        await asyncio.sleep(0.01)
    before = len(heard)
    await asyncio.to_thread(pause, "the board talks on", interactive=True)
    print(f"heard while it was paused: {len(heard) > before}, last {heard[-1]}")
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    port.close()


asyncio.run(main())
