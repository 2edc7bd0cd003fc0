"""The box's end of a session, which `lager COMMAND --box NAME` starts over ssh."""

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from lager import build
from lager.errors import LagerError
from lager_cli.boxes.session import lost_client
from lager_cli.boxes.session.box_child import Command
from lager_cli.boxes.session.endpoints import PipeSink, Source
from lager_cli.boxes.session.multiplexer import Lost, Multiplexer
from lager_cli.boxes.session.protocol import FrameKind, Stream, greeting

if TYPE_CHECKING:
    from lager_cli.transfer.run_folder import RunFolder


@click.command(hidden=True)
def session() -> int:
    """Serve `lager COMMAND --box NAME` on the box; not for interactive use."""
    if sys.stdin is None or os.isatty(0):
        raise click.UsageError("lager COMMAND --box NAME runs this command on a box; it is not for interactive use.")
    connection = _taken_over()
    os.write(connection[1], greeting(build.release()))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _hung_up)
    server = _Server(*connection)
    try:
        server.serve()
    except Lost as lost:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        server.lost(lost.silent)
    except LagerError as problem:
        server.refuse(problem)
    finally:
        server.clean_up()
    return 0


def _taken_over() -> tuple[int, int]:
    """Move the connection away from descriptors 0 and 1, so that no other code writes into it."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(nowhere, fd)
    os.close(nowhere)
    return incoming, outgoing


def _hung_up(number: int, frame: object) -> None:
    raise Lost(silent=False)


class _Server:
    def __init__(self, incoming: int, outgoing: int) -> None:
        self._multiplexer = Multiplexer(incoming, outgoing, self._take, greeted=True)
        self._header: dict[str, Any] | None = None
        self._folder: RunFolder | None = None
        self._command: Command | None = None
        self._signalled = 0

    def serve(self) -> None:
        """Serve until the other end has received everything and hangs up. Raises Lost if it hangs up earlier."""
        while self._header is None:
            self._multiplexer.turn()
        self._unpack()
        code = 128 + self._signalled if self._signalled else self._run()
        self._pack()
        if code == 0 and self._folder is not None and self._folder.stays:
            self._folder = None  # the supervisor of the detached run removes it
        self.clean_up()
        self._multiplexer.send(FrameKind.EXIT, code)
        self._say_goodbye()

    def _run(self) -> int:
        assert self._header is not None
        self._command = Command(self._multiplexer, self._header, None if self._folder is None else self._folder.path)
        while not self._command.ended:
            self._multiplexer.turn()
        return self._command.finish()

    def _take(self, kind: FrameKind, value: Any) -> None:
        if kind is FrameKind.HEADER and self._header is None:
            self._header = value
        elif kind is FrameKind.SIZE and self._command is not None:
            self._command.resize(value)
        elif kind is FrameKind.SIZE and self._header is not None:
            self._header["size"] = value
        elif kind is FrameKind.SIGNAL:
            number = signal.Signals[value]
            if self._command is not None:
                self._command.signal(number)
            else:
                self._signalled = number

    def _unpack(self) -> None:
        assert self._header is not None
        if not self._header["upload"]:
            return
        from lager_cli.transfer.run_folder import RunFolder  # most commands do not need it

        self._folder = RunFolder(self._header["order"])
        reader, writer = os.pipe()
        pipe = PipeSink(self._multiplexer, Stream.UPLOAD, writer)
        self._through(os.fdopen(reader, "rb"), self._folder.unpack, pipe.close)
        pipe.close()

    def _pack(self) -> None:
        assert self._header is not None
        if not self._header["download"] or self._folder is None:
            return
        reader, writer = os.pipe()
        source = Source(self._multiplexer, Stream.DOWNLOAD, reader, on_end=lambda: os.close(reader))
        with contextlib.suppress(LagerError):  # the other end sees that files are missing
            self._through(os.fdopen(writer, "wb"), self._folder.pack, source.end)
        while not source.ended:
            self._multiplexer.turn()

    def _through(self, end: BinaryIO, work: Callable[[BinaryIO], None], stop: Callable[[], None]) -> None:
        """Do the work in a thread at one end of a pipe, and transfer the content of the pipe meanwhile; `stop` closes
        our end."""
        problems: list[Exception] = []
        done = _Done()

        def run() -> None:
            try:
                with end:
                    work(end)
            except Exception as problem:
                problems.append(problem)
            finally:
                done.set()

        self._multiplexer.parties.append(done)
        thread = threading.Thread(target=run, name="attachments", daemon=True)
        thread.start()
        try:
            while not done.flag:
                self._multiplexer.turn()
        except BaseException:
            stop()
            thread.join()
            raise
        self._multiplexer.parties.remove(done)
        done.close()
        if problems and not isinstance(problems[0], LagerError):
            raise LagerError(f"The files could not be transferred: {problems[0]}.") from problems[0]
        if problems:
            raise problems[0]

    def _say_goodbye(self) -> None:
        with contextlib.suppress(Lost):
            while True:
                self._multiplexer.turn()

    def refuse(self, problem: LagerError) -> None:
        self._multiplexer.send(FrameKind.REFUSED, {"what": problem.what, "hint": problem.hint})
        self._say_goodbye()

    def lost(self, silent: bool) -> None:
        if self._command is not None and not self._command.ended:
            lost_client.end(self._command, silent)

    def clean_up(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.remove()


class _Done:
    """The end of a thread's work, as a party of the multiplexer."""

    def __init__(self) -> None:
        self.flag = False
        self._event = os.eventfd(0)

    def set(self) -> None:
        os.eventfd_write(self._event, 1)

    def interest(self) -> tuple[int, int]:
        return self._event, select.POLLIN

    def ready(self) -> None:
        self.flag = True

    def close(self) -> None:
        os.close(self._event)
