"""`lager uart`: a terminal on a serial net, or a pipe to it."""

import errno
import os
import re
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
from lager.nets.settings.serial_line import FLOW_CONTROLS, PARITIES, flow_control
from lager_cli.commands.instruments.net_actions import with_net
from lager_cli.commands.instruments.net_table import print_nets
from lager_cli.display import output
from lager_cli.options import completion, default_nets
from lager_cli.options.box_option import box_option
from lager_cli.options.common import seconds, wait_option
from lager_cli.options.typed_values import Whole, Word

_LEAVE = b"\x1d"  # Ctrl-]
_LINE_ENDINGS = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}


class _FlowControl(click.ParamType[str]):
    """The type of an option for flow control; also accepts RTS/CTS for rtscts."""

    name = "flow control"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return flow_control(value)
        except ValueError as error:
            self.fail(f"flow control {error}.", param, ctx)


@click.command()
@click.argument("net", required=False, shell_complete=completion.nets(NetType.UART))
@click.argument("what", required=False, type=Word(["serial-port"]), metavar="[serial-port]")
@click.option("--baudrate", type=Whole(min=1), help="Set the baud rate (default: as in the nets file).")
@click.option(
    "--bytesize",
    type=click.Choice(["5", "6", "7", "8"]),
    help="Set the number of data bits (default: as in the nets file).",
)
@click.option(
    "--parity",
    type=click.Choice([*PARITIES], case_sensitive=False),
    help="Set the parity (default: as in the nets file).",
)
@click.option(
    "--stopbits",
    type=click.Choice(["1", "1.5", "2"]),
    help="Set the number of stop bits (default: as in the nets file).",
)
@click.option(
    "--flow-control",
    type=_FlowControl(),
    metavar=f"[{'|'.join(FLOW_CONTROLS)}]",
    help="Set the flow control (default: as in the nets file, else none).",
)
@click.option("--xonxoff/--no-xonxoff", default=None, help="Switch software flow control on or off.")
@click.option("--rtscts/--no-rtscts", default=None, help="Switch RTS/CTS flow control on or off.")
@click.option("--dsrdtr/--no-dsrdtr", default=None, help="Switch DSR/DTR flow control on or off.")
@click.option(
    "--line-ending",
    type=click.Choice([*_LINE_ENDINGS]),
    help="Send this line ending (default: unchanged).",
)
@click.option(
    "--opost/--no-opost", default=True, help="Convert each received newline to CR LF on the terminal (default: on)."
)
@click.option(
    "-i",
    "--interactive",
    is_flag=True,
    help="Ignored, for compatibility: on a terminal, lager always sends what you type.",
)
@click.option(
    "--quiet-for",
    type=seconds,
    default=0.5,
    metavar="TIME",
    help="After piped input ends, read until the line has been quiet for TIME (default: 0.5).",
)
@wait_option
@box_option
def uart(
    net: str | None, what: str | None, quiet_for: float, wait: float, line_ending: str | None, opost: bool, **line: Any
) -> None:
    """Talk to a serial device: open a terminal until Ctrl-], or send piped input and print the answers. With
    serial-port, only print the path of the port. Without NET, use your default net, or list the nets.

    \b
    Examples:
      lager uart uart1 --baudrate 115200
      lager uart uart1 --parity even --stopbits 2 --line-ending crlf
      lager uart uart1 --flow-control rtscts
      lager uart uart1 serial-port
      echo help | lager uart uart1
      lager uart uart1 --quiet-for 3 < commands.txt
    """
    if sum(bool(line.get(name)) for name in ("flow_control", *FLOW_CONTROLS)) > 1:
        raise click.UsageError("Give at most one of --flow-control, --xonxoff, --rtscts and --dsrdtr.")
    net = net or default_nets.of(NetType.UART)
    if not net:
        print_nets(NetType.UART, as_json=False)
    elif what is not None:
        with_net(net, NetType.UART, wait, lambda opened: output.say(opened.get_path()))
    else:
        ending = _LINE_ENDINGS[line_ending] if line_ending else None
        with_net(net, NetType.UART, wait, lambda opened: _talk(opened, _settings(line), quiet_for, ending, opost))


def _settings(line: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of pyserial for the options that were given."""
    numbers = {"bytesize": int, "stopbits": float}
    given = {name: value for name, value in line.items() if value is not None and name != "interactive"}
    return {name: numbers[name](value) if name in numbers else value for name, value in given.items()}


def _talk(opened: Any, settings: dict[str, Any], quiet_for: float, ending: bytes | None, opost: bool) -> None:
    port = opened.connect(timeout=0, **settings)
    with _raw(opost):
        if _on_terminal():
            output.note(f"connected to {opened.name}: press Ctrl-] to leave")
        try:
            _Line(port, quiet_for, ending).pump()
        except _PortLost as problem:
            opened.session.lost(problem)


class _PortLost(Exception):
    """The port no longer works, for example because its adapter was unplugged."""


class _Line:
    """Copies bytes in both directions.

    It reads more input only once the line has taken the last, and reads the line while it writes, so that a long file
    overflows neither the line nor the buffer of the answers.
    """

    def __init__(self, port: Any, quiet_for: float, ending: bytes | None = None) -> None:
        self._port = port
        self._ending = ending
        self._after_return = False  # a newline that follows belongs to the same line end
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
        """Read standard input; return False when it is time to leave."""
        terminal = _on_terminal()
        try:
            keys = os.read(0, 4096)
        except OSError as problem:
            if problem.errno != errno.EBADF:  # descriptor 0 is open for writing only
                raise InvalidArgument(f"Cannot read standard input: {problem.strerror}.") from problem
            keys = b""
        self._unsent, leave, _ = keys.partition(_LEAVE) if terminal else (keys, b"", b"")
        self._ended = not keys
        self._unsent = self._with_line_ends(self._unsent)
        self._heard = time.monotonic()
        if self._unsent:
            self._send()
        return not (terminal and (leave or self._ended))

    def _with_line_ends(self, data: bytes) -> bytes:
        """Return the data with the line end that the user chose in place of each \\n, \\r or \\r\\n."""
        if self._ending is None or not data:
            return data
        if self._after_return and data.startswith(b"\n"):
            data = data[1:]
        self._after_return = data.endswith(b"\r")
        return re.sub(rb"\r\n|\r|\n", lambda _: self._ending or b"", data)

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
def _raw(opost: bool = True) -> Iterator[None]:
    if not _on_terminal():
        yield
        return
    before = termios.tcgetattr(0)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        tty.setraw(0, termios.TCSANOW)  # at once, so that no key typed in the meantime is lost
        raw = termios.tcgetattr(0)
        if opost:
            raw[1] |= termios.OPOST  # output lines still get a carriage return
        termios.tcsetattr(0, termios.TCSANOW, raw)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        output.say("")


def _on_terminal() -> bool:
    return sys.stdin is not None and os.isatty(0)
