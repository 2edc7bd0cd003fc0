"""The pauses of this machine or of a box, as they begin and end."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator
from typing import Any

from lager.errors import Failed, NoSuchBreakpoint
from lager_cli.follower import Following, PauseEvent

_LONGEST_LINE = 1 << 20
_ENDED = "The box has stopped reporting its pauses."


async def events(box: str | None) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """Yield the event and the pause: first ("standing", pause) of each pause that exists, then ("listed", {}), then
    each change. Raises LagerError if lagerd or the box cannot be reached, or is lost."""
    found = _here() if box is None else _there(box)
    async with contextlib.aclosing(found) as changes:
        async for change in changes:
            yield change


async def _here() -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    changes: asyncio.Queue[PauseEvent | None] = asyncio.Queue()
    following = Following(changes.put_nowait)
    work = asyncio.ensure_future(following.run())
    work.add_done_callback(lambda _: changes.put_nowait(None))
    listed = False
    try:
        while True:
            change = await changes.get()
            if work.done():
                work.result()
            if change is not None:
                yield change.event, dict(change.pause)
            elif following.listed and not listed:
                listed = True
                yield "listed", {}
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _there(box: str) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    from lager_cli.boxes.remote import channel

    connection = await asyncio.to_thread(channel, box, ["breakpoints", "--watch", "--json"])
    reader, writer = await asyncio.open_connection(sock=connection, limit=_LONGEST_LINE)
    try:
        yield "listed", {}
        while line := await reader.readline():
            change = json.loads(line)
            yield str(change["event"]), dict(change["pause"])
        raise Failed(_ENDED, "See: lager boxes check")
    except (ValueError, KeyError, TypeError):
        raise Failed(_ENDED, "See: lager boxes check") from None
    finally:
        writer.close()


class Wanted:
    """The pauses of a session: those of one run, the one with an id, or the first of this user."""

    def __init__(self, id: str, run_id: str) -> None:
        self._id = id.strip().lower()
        self.run_id = run_id

    @property
    def name(self) -> str:
        """Return the id of a pause or a run that the user has given; empty if none."""
        return self._id

    def fits(self, pause: dict[str, Any], *, any_user: bool) -> bool:
        """Return whether the pause is one of the session's. Without a name, only this user's count, unless `any_user`:
        on a box, lagerd decides."""
        if self.run_id:
            return bool(pause["run_id"] == self.run_id)
        if self._id:
            return str(pause["id"]).startswith(self._id) or str(pause["run_id"]).startswith(self._id)
        return any_user or bool(pause["uid"] == os.getuid())

    def stay_with(self, run_id: str) -> None:
        """Limit the session to this run."""
        self.run_id, self._id = run_id, ""

    def missing(self) -> NoSuchBreakpoint:
        return NoSuchBreakpoint(f"No paused script has the id {self._id}.", "See: lager breakpoints")
