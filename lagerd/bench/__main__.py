"""Runs the simulated bench as a process, which ends with the process that started it."""

import argparse
import asyncio
import contextlib
import os
import signal
from pathlib import Path

from lagerd.bench.bench import DefaultBench


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lagerd.bench", description=__doc__)
    parser.add_argument(
        "--folder",
        type=Path,
        required=True,
        help="write the nets file and serial ports to this existing private folder",
    )
    parser.add_argument("--ready-fd", type=int, help="write the line 'ready' to this descriptor once the bench runs")
    parser.add_argument("--parent-fd", type=int, help="stop the bench when this pipe reaches end of file")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is not a folder")
    return arguments


def announce(descriptor: int) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(descriptor, b"ready\n")
    os.close(descriptor)


def watch_parent(descriptor: int, stop: asyncio.Event) -> None:
    """Set `stop` when the parent closes its pipe; ignore data that the parent writes."""
    try:
        gone = os.read(descriptor, 4096) == b""
    except BlockingIOError:
        return
    except OSError:
        gone = True
    if gone:
        asyncio.get_running_loop().remove_reader(descriptor)
        stop.set()


async def serve(arguments: argparse.Namespace) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if arguments.parent_fd is not None:
        os.set_blocking(arguments.parent_fd, False)
        loop.add_reader(arguments.parent_fd, watch_parent, arguments.parent_fd, stop)
    bench = DefaultBench()
    await bench.start(arguments.folder.absolute())
    try:
        if arguments.ready_fd is not None:
            announce(arguments.ready_fd)
        await stop.wait()
    finally:
        await bench.close()


if __name__ == "__main__":
    asyncio.run(serve(parse()))
