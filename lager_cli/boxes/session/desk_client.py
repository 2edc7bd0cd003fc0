"""The user's end of a session: carries streams to the command on the box and back."""

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from lager import build, variables
from lager.breakpoints.terminal.notices import identify
from lager.errors import BoxError, LagerError, NoConnection, OtherVersion
from lager.wording import commands
from lager_cli.boxes.names.box_table import Box
from lager_cli.boxes.session.endpoints import PipeSink, Source, ThreadedSink
from lager_cli.boxes.session.multiplexer import BEAT_SECONDS, Lost, Multiplexer
from lager_cli.boxes.session.protocol import PROTOCOL, FrameKind, Stream
from lager_cli.boxes.ssh import Ssh
from lager_cli.display import output
from lager_cli.linux import pipelines, tty
from lager_cli.transfer.attachments import Attachments

_TOLD = (
    "TERM", "COLORTERM", "NO_COLOR", variables.BREAKPOINTS, variables.BREAKPOINT_TIMEOUT, variables.THROUGH,
    variables.NEXT_RUN, variables.BENCH, variables.VIA,
)  # fmt: skip


class BoxSession:
    """`streams` are the descriptors for 0, 1 and 2; -1 means closed. If the command does not read, standard input is
    left to other processes."""

    def __init__(
        self,
        box: Box,
        ssh: Ssh,
        arguments: Sequence[str],
        streams: Sequence[int],
        environment: Mapping[str, str],
        attachments: Attachments,
        reads: bool = True,
    ) -> None:
        self._reads = reads
        self._box, self._ssh, self._streams, self._attachments = box, ssh, streams, attachments
        self.multiplexer = Multiplexer(ssh.incoming, ssh.outgoing, self._take, greeted=False)
        self.multiplexer.parties.append(ssh)
        self._terminals = [fd for fd in streams if fd >= 0 and os.isatty(fd)]
        self._raw = tty.Raw(self._terminals[0]) if streams[0] in self._terminals else None
        self._keys: Source | None = None
        self._writers: list[ThreadedSink] = []
        self._helpers: list[_Helper] = []
        self._sending = -1
        self._there = ""
        self._code: int | None = None
        self.multiplexer.send(FrameKind.HEADER, self._header(arguments, environment))

    def _header(self, arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
        told = {name: os.environ[name] for name in _TOLD if name in os.environ}
        if seen := pipelines.seen({identify(fd) for fd in self._terminals}):
            told[variables.SEEN_STREAMS] = " ".join(map(str, seen))
        told[variables.COMMAND] = commands.missing_path()  # commands that are shown there are typed here
        screen = self._terminals[0] if self._terminals else None
        return {
            "protocol": PROTOCOL,
            "version": build.release(),
            "box": self._box.name,
            "arguments": [_bytes(argument) for argument in arguments],
            "environment": {_bytes(name): _bytes(value) for name, value in {**told, **environment}.items()},
            "streams": ["closed" if fd < 0 else "terminal" if os.isatty(fd) else "pipe" for fd in self._streams],
            "size": None if screen is None else tty.size(screen),
            "settings": None if screen is None else tty.settings(screen),
            "order": self._attachments.order,
            "upload": self._attachments.send is not None,
            "download": self._attachments.receive is not None,
        }

    def open(self, patience: float = math.inf) -> None:
        """Wait until lager answers on the box. Raises NoConnection after `patience` seconds.

        While ssh may ask the user for a password, `patience` is infinite: ssh has its own timeout, and Ctrl-C works.
        """
        end = time.monotonic() + patience
        try:
            while not self._there:
                if time.monotonic() >= end:
                    what = f"{self._box.command} on the box {self._box.name} does not answer."
                    raise NoConnection(what, f"Try: ssh {self._box.ssh} {self._box.command} --version")
                self.multiplexer.turn(min(BEAT_SECONDS, max(end - time.monotonic(), 0)))
        except Lost:
            self._take_what_happened()
            raise self._ssh.why() from None

    def run(self, check: Callable[[], float] = lambda: BEAT_SECONDS) -> int:
        """Carry the streams until the command has ended, and return its exit code.

        `check` is called before each turn. It returns how many seconds the turn may take, or raises.
        """
        try:
            self._begin()
            while self._code is None or self._busy():
                self._turn(check())
            for helper in self._helpers:
                helper.join()
        finally:
            if self._raw is not None:
                self._raw.end()
            for helper in self._helpers:
                helper.end()
            for writer in self._writers:
                writer.close()
        self._ssh.close()
        assert self._code is not None
        unwritten = self._unwritten()
        return self._code or unwritten

    def _turn(self, seconds: float) -> None:
        try:
            self.multiplexer.turn(seconds)
        except Lost:
            self._take_what_happened()
            if self._code is None:
                raise self._broken() from None
            if self._attachments.receive is not None:  # everything has arrived, and some may still be written
                self._download.end()

    def _take_what_happened(self) -> None:
        """Handle pending signals after the loss: if the same Ctrl-C ended both ends, report the Ctrl-C and not the
        loss."""
        self.multiplexer.hang_up()
        self.multiplexer.turn(0)

    def _unwritten(self) -> int:
        """Return 1 if some output could not be written here, as on a full disk; else 0."""
        problems = [writer.problem for writer in self._writers if writer.problem is not None]
        for problem in problems:
            output.error(
                LagerError(f"The output of the box could not be written: {problem}.", "Fix this and try again.")
            )
        return 1 if problems else 0

    def _begin(self) -> None:
        stdin, stdout, stderr = self._streams
        for stream, fd in ((Stream.OUT, stdout), (Stream.ERR, stderr)):
            if fd >= 0 and fd not in self._terminals:
                self._writers.append(ThreadedSink(self.multiplexer, stream, fd))
        if self._terminals:
            # Write to the terminal of an output stream if there is one; that of standard input is the last choice.
            self._writers.append(ThreadedSink(self.multiplexer, Stream.TERMINAL, self._terminals[-1]))
        if self._raw is None and stdin >= 0 and self._reads:
            Source(self.multiplexer, Stream.IN, stdin)
        elif self._raw is None:
            self.multiplexer.send(FrameKind.END, stream=Stream.IN)
        self._start_helpers()

    def _take_keys(self) -> None:
        """Forward keys from now on, because the command has started. Until then Ctrl-C is for this process."""
        if self._raw is not None:
            self._keys = Source(self.multiplexer, Stream.TERMINAL, self._streams[0])
            self._keys.paused = not self._raw.begin()

    def _start_helpers(self) -> None:
        if self._attachments.send is not None:
            self._sending, writer = os.pipe()
            Source(self.multiplexer, Stream.UPLOAD, self._sending, on_end=self._sent)
            self._helpers.append(_Helper(self._attachments.send, os.fdopen(writer, "wb"), self._close_sending))
        else:
            self._take_keys()
        if self._attachments.receive is not None:
            reader, writer = os.pipe()
            self._download = PipeSink(self.multiplexer, Stream.DOWNLOAD, writer)
            self._helpers.append(_Helper(self._attachments.receive, os.fdopen(reader, "rb"), self._download.close))

    def _sent(self) -> None:
        self._close_sending()
        self._take_keys()

    def _close_sending(self) -> None:
        if self._sending >= 0:
            os.close(self._sending)
        self._sending = -1

    def _busy(self) -> bool:
        """Return whether received data has not been written yet."""
        return not all(writer.idle for writer in self._writers) or not (
            self._attachments.receive is None or self._download.closed
        )

    def _take(self, kind: FrameKind, value: Any) -> None:
        if kind is FrameKind.HELLO:
            if value["protocol"] != PROTOCOL:
                raise OtherVersion(
                    f"The box {self._box.name} has lager {value['version']}, which speaks another protocol than "
                    f"this one ({build.release()}).",
                    "Update the older of the two.",
                )
            self._there = value["version"]
        elif kind is FrameKind.REFUSED:
            raise _refusal(value)
        elif kind is FrameKind.EXIT:
            self._code = _exit_code(value)

    def signalled(self, number: int) -> None:
        """Handle a signal: forward it to the command on the box once that runs; signals of the terminal are ours."""
        if number == signal.SIGWINCH:
            if self._terminals:
                with contextlib.suppress(OSError):
                    self.multiplexer.send(FrameKind.SIZE, tty.size(self._terminals[0]))
        elif number == signal.SIGCONT:
            if self._raw is not None and self._keys is not None:
                self._keys.paused = not self._raw.begin()
        elif self._there and self._code is None and self._sending < 0:
            self.multiplexer.send(FrameKind.SIGNAL, signal.Signals(number).name)
        else:
            raise SystemExit(128 + number)

    def _broken(self) -> LagerError:
        self._ssh.close(at_once=True)
        return NoConnection(
            f"The connection to the box {self._box.name} is lost; the box interrupts the run unless it is detached.",
            f"When the box is back, see: lager runs --box {self._box.name}",
        )


class _Helper:
    """Sends or receives the attachments in a thread, through a pipe; `cut` closes the other end."""

    def __init__(self, work: Callable[[BinaryIO], None], end: BinaryIO, cut: Callable[[], None]) -> None:
        self._work, self._end, self._cut = work, end, cut
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="attachments", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread. Raises what the work raised."""
        self._thread.join()
        if self._problem is not None:
            raise self._problem

    def end(self) -> None:
        """Close the other end, and wait for the thread."""
        self._cut()
        self._thread.join()

    def _run(self) -> None:
        try:
            with self._end:
                self._work(self._end)
        except Exception as problem:
            self._problem = problem


def _refusal(value: Any) -> BoxError:
    told = value if isinstance(value, dict) else {}
    return BoxError(str(told.get("what", "The box refused the command without a reason.")), str(told.get("hint", "")))


def _exit_code(value: Any) -> int:
    if not (isinstance(value, int) and 0 <= value <= 255):
        raise BoxError("The box returned an invalid exit code.")
    return value


def _bytes(text: str) -> str:
    """Return an argument or a variable in a form that JSON can hold byte by byte."""
    return os.fsencode(text).decode("latin-1")
