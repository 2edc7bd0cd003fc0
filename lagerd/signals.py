"""How a daemon of ours learns that it is to end."""

import asyncio
import signal


def until_told() -> asyncio.Future[None]:
    """Done at the first SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, resolve, stop)
    return stop


def resolve(future: asyncio.Future[None]) -> None:
    """Let `future` be done, if it is not so already."""
    if not future.done():
        future.set_result(None)
