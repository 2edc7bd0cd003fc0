"""The relay between a console's client and the paused script: forwards frames, and answers those for lagerd.

The client talks only to the relay, in the same process or at the other end of an ssh session.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

from lager.bus.facade import Bus
from lager.bus.received import Signal
from lager.console.protocol import ProtocolError, Splitter, encode, parsed
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH
from lager.errors import LagerError
from lager_cli.daemon import connected, identify

_CHUNK = 1 << 16
_WHO_SECONDS = 1.0
_CLOSING_SECONDS = 1.0
_ENDED = encode({"ended": None})[4:12]
_FOR_LAGERD = {"extend", "continue", "given"}  # what a client asks; "given" answers the question of the pause
_PAUSED = encode({"paused": None})[4:13]
_HELLO = encode({"hello": None})[4:12]


class Relay:
    """One console, from its opening to the end of either side."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._ends: dict[str, dict[str, Any]] = {}
        self._changed = asyncio.Event()
        self._id = ""
        self._answers: set[asyncio.Task[None]] = set()

    async def open(self, wanted: str, options: dict[str, Any]) -> socket.socket:
        """Open a console in the pause `wanted`, and return its socket. Raises the error with which lagerd refuses."""
        await self._bus.subscribe(BREAKPOINTS, {"Resumed": self._resumed})
        opened = await self._bus.call(BREAKPOINTS, BREAKPOINTS_PATH, "OpenConsole", "sa{sv}", wanted, options)
        return socket.socket(fileno=opened[0])

    async def run(self, script: socket.socket, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """Forward frames both ways until either side is closed."""
        frames, self._script = await asyncio.open_unix_connection(sock=script)
        client.transport.set_write_buffer_limits(0)  # so drain() writes everything; the end of the loop would lose it
        down = asyncio.ensure_future(self._down(frames, client))
        up = asyncio.ensure_future(self._up(reader, client))
        try:
            await asyncio.wait([down, up], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (down, up, *self._answers):
                task.cancel()
            await asyncio.gather(down, up, *self._answers, return_exceptions=True)
            self._script.close()
            client.close()

    async def _down(self, script: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        ended = False
        async for frame in _frames(script):
            if not self._id and frame.startswith(_HELLO, 4):
                self._id = str(parsed(frame)["hello"].get("id", ""))
                self._close_if_over()
            elif frame.startswith(_PAUSED, 4):  # also after a step
                self._id = str(parsed(frame)["paused"].get("id", ""))
                self._close_if_over()
            ended = ended or frame.startswith(_ENDED, 4)
            client.write(frame)
            await client.drain()
        if not ended:
            client.write(encode({"ended": await self._why()}))
            await client.drain()

    async def _up(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        async for frame in _frames(reader):
            message = parsed(frame)
            if "ask" in message and _FOR_LAGERD & message.keys():
                task = asyncio.ensure_future(self._answer(message, client))
                self._answers.add(task)
                task.add_done_callback(self._answers.discard)
            else:
                self._script.write(frame)
                await self._script.drain()

    async def _answer(self, message: dict[str, Any], client: asyncio.StreamWriter) -> None:
        """Call lagerd for the client, with our own identity."""
        answer: dict[str, Any] = {"answer": message["ask"]}
        try:
            if "continue" in message:
                answer["continue"] = await self._ask("Continue", "s", self._id)
            elif "given" in message:
                answer["given"] = await self._ask("Answer", "sv", self._id, str(message["given"]))
            else:
                answer["extend"] = await self._ask("Extend", "sd", self._id, float(message["extend"]))
        except (LagerError, TypeError, ValueError) as problem:
            answer["error"] = str(problem)
        client.write(encode(answer))

    async def _ask(self, member: str, signature: str, *values: Any) -> Any:
        identify(self._bus, "console")
        return (await self._bus.call(BREAKPOINTS, BREAKPOINTS_PATH, member, signature, *values))[0]

    async def _why(self) -> dict[str, Any] | None:
        """Return why the script was resumed, after its signal has arrived; None if it does not arrive."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WHO_SECONDS):
                while self._id not in self._ends:
                    self._changed.clear()
                    await self._changed.wait()
        ended = self._ends.get(self._id)
        if ended is not None and ended["by"].get("how") == "step":  # the script has ended before its stop
            return {**ended, "reason": "over"}
        return ended

    def _resumed(self, signal: Signal) -> None:
        id, reason, by = signal.args
        self._ends[id] = {"reason": reason, "by": by}
        self._changed.set()
        if by.get("how") != "step":
            self._close_if_over()

    def _close_if_over(self) -> None:
        """Close the console when its pause has ended, even if another process holds its socket open."""
        if self._id in self._ends:
            asyncio.get_running_loop().call_later(_CLOSING_SECONDS, self._script.close)


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield whole frames until the end, or until invalid data."""
    splitter = Splitter()
    with contextlib.suppress(ProtocolError, ConnectionError):
        while data := await reader.read(_CHUNK):
            for frame in splitter.split(data):
                yield frame


async def _is_own(bus: Bus, wanted: str) -> bool:
    """Return whether all pauses that match `wanted` belong to this user, as lagerd knows from the bus."""
    wanted = wanted.strip().lower()
    try:
        pauses = (await bus.call(BREAKPOINTS, BREAKPOINTS_PATH, "List"))[0]
    except LagerError:
        return False
    owners = {pause["uid"] for pause in pauses if pause["run_id"] == wanted or pause["id"].startswith(wanted)}
    return owners == {os.getuid()}


@contextlib.asynccontextmanager
async def opened(id: str, options: dict[str, Any]) -> AsyncIterator[tuple[socket.socket, bool]]:
    """Open a console of a script on this machine. Yields the socket for its frames, and whether the script is this
    user's."""
    async with connected("console") as bus:
        relay = Relay(bus)
        script = await relay.open(id, options)
        ours, theirs = socket.socketpair()
        relaying = asyncio.ensure_future(relay.run(script, *await asyncio.open_unix_connection(sock=theirs)))
        try:
            yield ours, await _is_own(bus, id)
        finally:
            ours.close()
            relaying.cancel()
            await asyncio.gather(relaying, return_exceptions=True)


async def serve(id: str, options: dict[str, Any]) -> int:
    """Run `lager python --console ID --relay`: frames on standard input and output. A refusal is a frame, too."""
    reader, writer = await standard_streams()
    try:
        async with connected("console") as bus:
            relay = Relay(bus)
            await relay.run(await relay.open(id, options), reader, writer)
    except LagerError as problem:
        refused = {"kind": type(problem).__name__, "what": problem.what, "hint": problem.hint}
        writer.write(encode({"refused": refused}))
        writer.close()
        return problem.exit_code
    return 0


async def standard_streams() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return standard input and output as streams of the event loop."""
    if os.path.samestat(os.fstat(0), os.fstat(1)):  # one socket for both; a pipe's transport takes its input for an end
        return await asyncio.open_connection(sock=socket.socket(fileno=os.dup(1)))
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    stdin, stdout = os.fdopen(0, "rb", buffering=0), os.fdopen(os.dup(1), "wb", buffering=0)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdin)
    transport, protocol = await loop.connect_write_pipe(lambda: asyncio.streams.FlowControlMixin(loop=loop), stdout)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
