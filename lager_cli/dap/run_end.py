"""Waits for the end of the run that an editor is attached to, on this machine or on a box."""

import asyncio
import json
import os
from typing import Any

from lager.errors import Failed
from lager_cli.runs.ending.until_ended import until_ended


async def exit_code(run_id: str, box: str | None) -> int | None:
    """Wait for the end of a run of this user, and return its exit code; None if that was not recorded. Raises
    LagerError if the end is not known here, as for another user's run."""
    if box is None:
        return (await until_ended(run_id)).exit_code
    code = json.loads(await _line_of(box, run_id)).get("exit_code")
    return code if type(code) is int else None


async def _line_of(box: str, run_id: str) -> bytes:
    """Return the line that the box prints at the end of the run. Raises LagerError."""
    from lager_cli.boxes.remote import channel

    with open(os.devnull, "wb") as nowhere:  # an older box does not know the option, and says so
        words = ["runs", "--until-ended", run_id]
        connection: Any = await asyncio.to_thread(channel, box, words, errors=nowhere.fileno())
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            line = await reader.readline()
        finally:
            writer.close()
    if not line:
        raise Failed("The box does not report the end of the run.")
    return line
