"""The user's side of a console: from a terminal with a prompt, from a pipe statement by statement."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from enum import Enum
from typing import Any

from lager import banner
from lager.bus import Bus, Signal
from lager.wire import Decoder, encode
from lager_cli import output
from lager_cli.daemon import NAME, PATH, connected
from lager_cli.statements import Statements

_CHUNK = 1 << 16
_WHO_SECONDS = 1.0
_PROMPT, _MORE = ">>> ", "... "


def attach(id: str) -> int:
    """Open a console in the pause `id` and stay in it. The exit code: 0, or 1 where a piped statement raised."""
    return asyncio.run(_attach(id))


async def _attach(id: str) -> int:
    async with connected() as bus:
        ended = await _follow_ends(bus)
        fd = (await bus.call(NAME, PATH, "OpenConsole", "sa{sv}", id, {}))[0]
        with socket.socket(fileno=fd) as connection:
            connection.setblocking(False)
            link = _Script(connection)
            await link.receive()  # its greeting
            session: _Session = _Terminal(link, id) if os.isatty(0) else _Pipe(link)
            code = await session.run()
        if link.closed:
            await _tell_who(id, ended)
        return code


async def _follow_ends(bus: Bus) -> "asyncio.Queue[Signal]":
    ended: asyncio.Queue[Signal] = asyncio.Queue()
    bus.listen("Resumed", ended.put_nowait)
    await bus.add_match(f"type='signal',sender='{NAME}',interface='{NAME}',member='Resumed'")
    return ended


async def _tell_who(id: str, ended: "asyncio.Queue[Signal]") -> None:
    """Say by whom the script went on; it has, so the signal is here or about to be."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_WHO_SECONDS):
            while True:
                signal = await ended.get()
                if id in (signal.args[0][: len(id)], signal.args[2].get("run_id")):
                    output.note(banner.why(signal.args[1], signal.args[2]))
                    return
    output.note("the script went on, or ended")


class Outcome(Enum):
    """How an evaluation ended: well, with a traceback, with exit(), or because the script went on."""

    DONE = 0
    RAISED = 1
    LEFT = 2
    ENDED = 3


class _Script:
    """The other end: frames to and from the paused process."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._decoder = Decoder()
        self._frames: list[dict[str, Any]] = []
        self.closed = False

    async def send(self, message: dict[str, Any]) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._connection, encode(message))
        except OSError:
            self.closed = True

    async def receive(self) -> dict[str, Any] | None:
        """The next frame; None when the script has closed the console."""
        while not self._frames:
            try:
                data = await asyncio.get_running_loop().sock_recv(self._connection, _CHUNK)
            except OSError:
                data = b""
            if not data:
                self.closed = True
                return None
            self._frames = self._decoder.feed(data)
        return self._frames.pop(0)

    async def evaluate(self, source: str) -> Outcome:
        """Run `source` there and print what it prints."""
        await self.send({"eval": source})
        while (frame := await self.receive()) is not None:
            if "out" in frame:
                _write(sys.stdout, frame["out"])
            elif "err" in frame:
                _write(sys.stderr, frame["err"])
            elif "done" in frame:
                return Outcome.DONE if frame["done"] else Outcome.RAISED
            elif "bye" in frame:
                return Outcome.LEFT
        return Outcome.ENDED


def _write(stream: Any, text: str) -> None:
    stream.buffer.write(text.encode(stream.encoding, "backslashreplace"))
    stream.flush()


class _Session:
    def __init__(self, script: _Script) -> None:
        self._script = script
        self._statements = Statements()

    async def run(self) -> int:
        raise NotImplementedError


class _Pipe(_Session):
    """Statements from standard input, until one raises or the input ends."""

    async def run(self) -> int:
        lines = asyncio.StreamReader(limit=1 << 24)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        try:
            return await self._serve(lines)
        finally:
            transport.close()

    async def _serve(self, lines: asyncio.StreamReader) -> int:
        while line := await lines.readline():
            text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            for source in self._statements.feed(text):
                outcome = await self._script.evaluate(source)
                if outcome is not Outcome.DONE:
                    return int(outcome is not Outcome.LEFT)
        if self._statements:
            return int((await self._script.evaluate(self._statements.rest())) in (Outcome.RAISED, Outcome.ENDED))
        return 0


class _Terminal(_Session):
    """Lines from a terminal, at a prompt; the terminal itself does the editing."""

    def __init__(self, script: _Script, id: str) -> None:
        super().__init__(script)
        self._id = id
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._evaluating = False

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        terminal = os.open(os.ttyname(0), os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)
        loop.add_reader(terminal, self._read, terminal)
        loop.add_signal_handler(signal.SIGINT, self._interrupted)
        try:
            output.note(f"a console of {self._id}: Ctrl-D leaves it, and the script stays paused")
            await self._serve()
        finally:
            loop.remove_reader(terminal)
            os.close(terminal)
        return 0

    def _read(self, terminal: int) -> None:
        try:
            data = os.read(terminal, 1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lines.put_nowait(None)
        for line in data.decode("utf-8", "surrogateescape").splitlines():
            self._lines.put_nowait(line)

    async def _serve(self) -> None:
        watching = asyncio.ensure_future(self._script.receive())
        while True:
            _write(sys.stdout, _MORE if self._statements else _PROMPT)
            typing = asyncio.ensure_future(self._lines.get())
            await asyncio.wait([typing, watching], return_when=asyncio.FIRST_COMPLETED)
            if not typing.done() or typing.result() is None:
                typing.cancel()
                _write(sys.stdout, "\n")
                break
            sources = self._statements.feed(typing.result() or "")
            if sources:
                await _cancelled(watching)
                if not await self._run(sources):
                    break
                watching = asyncio.ensure_future(self._script.receive())
        await _cancelled(watching)

    async def _run(self, sources: list[str]) -> bool:
        """Whether the console goes on."""
        self._evaluating = True
        try:
            for source in sources:
                if await self._script.evaluate(source) in (Outcome.LEFT, Outcome.ENDED):
                    return False
            return True
        finally:
            self._evaluating = False

    def _interrupted(self) -> None:
        """Ctrl-C: interrupts what runs, else forgets what was typed."""
        if self._evaluating:
            self._interrupting = asyncio.ensure_future(self._script.send({"interrupt": True}))
            return
        self._statements = Statements()
        _write(sys.stdout, "\nKeyboardInterrupt\n" + _PROMPT)


async def _cancelled(task: "asyncio.Future[Any]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
