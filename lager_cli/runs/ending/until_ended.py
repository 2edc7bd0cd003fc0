"""Waits for the end of a run that another process keeps."""

import asyncio
import os

from lager_cli.linux.process_id import Identity
from lager_cli.runs import records
from lager_cli.runs.records import Record


async def until_ended(id: str) -> Record:
    """Wait until a run of this user has ended, and return its record; without an exit code if its keeper was killed.
    Raises NoSuchRun or AmbiguousId."""
    record = records.find(id)
    for process in (record.script, record.keeper):  # the second records the end before it exits
        await _until_gone(process)
    return records.find(record.id)


async def _until_gone(process: Identity) -> None:
    ended = process.opened()
    if ended is None:
        return
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(ended, told.set)
    try:
        await told.wait()
    finally:
        loop.remove_reader(ended)
        os.close(ended)
