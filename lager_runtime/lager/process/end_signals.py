"""Waits for the signals that end a server process."""

import asyncio
import signal


def until_told() -> asyncio.Future[None]:
    """Return a future that is done at the first SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, resolve, stop)
    return stop


def resolve(future: asyncio.Future[None]) -> None:
    """Complete `future`, unless it is done already."""
    if not future.done():
        future.set_result(None)
