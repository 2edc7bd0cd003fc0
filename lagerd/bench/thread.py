"""Runs a bench in a thread of this process, so that a test can inject faults and read states.

with running(DefaultBench(), tmp_path) as bench:
    bench.psu1.faults.inject(Fault.NO_ANSWER, count=1)
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol, TypeVar


class Served(Protocol):
    async def start(self, folder: Path) -> None: ...

    async def close(self) -> None: ...


AnyBench = TypeVar("AnyBench", bound=Served)


@contextlib.contextmanager
def running(bench: AnyBench, folder: Path) -> Iterator[AnyBench]:
    """Serve the bench until the block ends. The nets file exists in the folder before the block starts."""
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        try:
            await bench.start(folder)
        except BaseException as error:
            ready.set_exception(error)
            return
        stop = asyncio.Event()
        ready.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
        await bench.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="bench", daemon=True)
    thread.start()
    loop, stop = ready.result()
    try:
        yield bench
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
