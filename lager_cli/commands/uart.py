"""`lager uart`: a terminal on a serial net, or a pipe to it."""

import errno
import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from lager import NetType
from lager.errors import InvalidArgument
from lager_cli.commands.net_actions import with_net
from lager_cli.display import output
from lager_cli.options import completion
from lager_cli.options.box_option import box_option
from lager_cli.options.common import seconds, wait_option
from lager_cli.options.typed_values import Whole

_LEAVE = b"\x1d"  # Ctrl-]


@click.command()
@click.argument("net", shell_complete=completion.nets(NetType.UART))
@click.option("--baudrate", type=Whole(min=1), help="Set the baud rate (default: the one in the nets file).")
@click.option(
    "--quiet-for",
    type=seconds,
    default=0.5,
    metavar="TIME",
    help="After piped input ends, read until the line has been quiet for TIME [0.5].",
)
@wait_option
@box_option
def uart(net: str, baudrate: int | None, quiet_for: float, wait: float) -> None:
    """Talk to a serial device: open a terminal until Ctrl-], or send piped input and print the answers.

    \b
    Examples:
      lager uart uart1 --baudrate 115200
      echo help | lager uart uart1
      lager uart uart1 --quiet-for 3 < commands.txt
    """
    settings = {"baudrate": baudrate} if baudrate else {}
    with_net(net, NetType.UART, wait, lambda opened: _talk(opened, settings, quiet_for))


def _talk(opened: Any, settings: dict[str, int], quiet_for: float) -> None:
    port = opened.connect(timeout=0, **settings)
    with _raw():
        if _on_terminal():
            output.note(f"connected to {opened.name}: press Ctrl-] to leave")
        try:
            _Line(port, quiet_for).pump()
        except _PortLost as problem:
            opened.session.lost(problem)


class _PortLost(Exception):
    """The port no longer works, for example because its adapter was unplugged."""


class _Line:
    """Copies bytes in both directions.

    It reads more input only once the line has taken the last, and reads the line while it writes, so that a long file
    overflows neither the line nor the buffer of the answers.
    """

    def __init__(self, port: Any, quiet_for: float) -> None:
        self._port = port
        self._quiet_for = quiet_for
        self._unsent = b""
        self._ended = (
            sys.stdin is None
        )  # our standard input; if it was closed before we started, descriptor 0 is another file
        self._heard = time.monotonic()

    def pump(self) -> None:
        """Copy until Ctrl-] on a terminal; otherwise until the input has ended and the line has been quiet."""
        while not self._is_over():
            poll = select.poll()  # unlike epoll, poll accepts regular files
            poll.register(self._port.fileno(), select.POLLIN | (select.POLLOUT if self._unsent else 0))
            if not self._unsent and not self._ended:
                poll.register(0, select.POLLIN)
            # The timeout is needed: a signal that arrives just before the call does not interrupt it.
            ready = dict(poll.poll(50 if self._ended else 1000))
            events = ready.get(self._port.fileno(), 0)
            if events & ~select.POLLOUT:
                self._receive()
            if events & select.POLLOUT:
                self._send()
            if 0 in ready and not self._take():
                return

    def _is_over(self) -> bool:
        if self._unsent or not self._ended:
            return False
        try:
            if self._port.out_waiting:
                self._heard = time.monotonic()
        except OSError as problem:
            raise _PortLost(problem.strerror) from problem
        return time.monotonic() - self._heard >= self._quiet_for

    def _take(self) -> bool:
        """Read our standard input; return False when it is time to leave."""
        terminal = _on_terminal()
        try:
            keys = os.read(0, 4096)
        except OSError as problem:
            if problem.errno != errno.EBADF:  # descriptor 0 is open for writing only
                raise InvalidArgument(f"Cannot read standard input: {problem.strerror}.") from problem
            keys = b""
        self._unsent, leave, _ = keys.partition(_LEAVE) if terminal else (keys, b"", b"")
        self._ended = not keys
        self._heard = time.monotonic()
        if self._unsent:
            self._send()
        return not (terminal and (leave or self._ended))

    def _receive(self) -> None:
        try:
            got = os.read(self._port.fileno(), 4096)
        except BlockingIOError:
            return
        except OSError as problem:
            raise _PortLost(problem.strerror) from problem
        if not got:
            raise _PortLost("the port has hung up")
        output.raw(got)
        self._heard = time.monotonic()

    def _send(self) -> None:
        try:
            sent = os.write(self._port.fileno(), self._unsent)
        except BlockingIOError:
            return
        except OSError as problem:
            raise _PortLost(problem.strerror) from problem
        self._unsent = self._unsent[sent:]
        self._heard = time.monotonic()


@contextmanager
def _raw() -> Iterator[None]:
    if not _on_terminal():
        yield
        return
    before = termios.tcgetattr(0)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        tty.setraw(0, termios.TCSANOW)  # at once, so that no key typed in the meantime is lost
        raw = termios.tcgetattr(0)
        raw[1] |= termios.OPOST  # output lines still get a carriage return
        termios.tcsetattr(0, termios.TCSANOW, raw)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        output.say("")


def _on_terminal() -> bool:
    return sys.stdin is not None and os.isatty(0)
