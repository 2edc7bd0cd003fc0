"""The adapter: reads the requests of an editor and answers them, from `initialize` to `disconnect`.

No port is open: the editor talks on standard input and output, and lagerd decides who may attach, as for a console.
Requests are answered one after the other, except `cancel`, so that a long evaluation can be interrupted. When the
editor disconnects, the console is closed at once, which ends a request that waits for the script.
"""

import asyncio
from typing import Any

from lager.errors import LagerError
from lager.wording import commands
from lager_cli.console.relay import standard_streams
from lager_cli.dap.messages import Editor, read
from lager_cli.dap.script_requests import RESUMING
from lager_cli.dap.session import Session

_ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)  # of an invalid request or answer

Request = dict[str, Any]


class Adapter:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, id: str, box: str | None) -> None:
        self._reader = reader
        self._editor = Editor(writer)
        self._session = Session(self._editor, id, box)
        self._queue: asyncio.Queue[Request | None] = asyncio.Queue()

    async def run(self) -> int:
        """Serve the editor to the end of its session. Return the exit code. Raises Unreadable, or ConnectionError if
        the editor has closed the other end."""
        answering = asyncio.ensure_future(self._answer_all())
        reading = asyncio.ensure_future(self._read_all())
        try:
            await asyncio.wait([reading, answering], return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                reading.result()
            await answering
            return 0
        finally:
            reading.cancel()
            answering.cancel()
            await asyncio.gather(reading, answering, return_exceptions=True)
            await self._session.leave()

    async def _read_all(self) -> None:
        while (request := await read(self._reader)) is not None:
            if request.get("command") == "cancel":
                await self._session.interrupt()
                self._editor.answer(request, {})
                continue
            self._queue.put_nowait(request)
            if request.get("command") == "disconnect":
                break
        self._session.release()
        self._queue.put_nowait(None)

    async def _answer_all(self) -> None:
        while (request := await self._queue.get()) is not None:
            await self._answer_in_turn(request)
            await self._editor.drain()

    async def _answer_in_turn(self, request: Request) -> None:
        if str(request.get("command")) in RESUMING:
            async with self._session.answering:
                await self._answer(request)
        else:
            await self._answer(request)

    async def _answer(self, request: Request) -> None:
        command = str(request.get("command", ""))
        known = self._session.requests.get(command)
        if known is None:
            self._editor.refuse(request, f"lager does not know the request {command[:40]!r}.")
            return
        try:
            body = await known(request.get("arguments") or {})
        except LagerError as problem:
            self._editor.refuse(request, commands.as_typed(str(problem)))
            return
        except _ODD:
            self._editor.refuse(request, f"The request {command!r} or its answer is not valid.")
            return
        self._editor.answer(request, body or {})
        if command == "initialize":
            self._editor.tell("initialized")


async def serve(id: str, box: str | None) -> int:
    """Serve the editor at standard input and output. `id` and `box` are those of the command line."""
    reader, writer = await standard_streams()
    try:
        return await Adapter(reader, writer, id, box).run()
    except ConnectionError:  # the editor has ended
        return 0
    finally:
        writer.close()
