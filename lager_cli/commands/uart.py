"""`lager uart`: a terminal on a serial net."""

import os
import selectors
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from lager import NetType
from lager_cli.commands import completion
from lager_cli.commands.box_option import box_option
from lager_cli.commands.net_actions import with_net
from lager_cli.commands.options import wait_option
from lager_cli.display import output

_LEAVE = b"\x1d"  # Ctrl-]


@click.command()
@click.argument("net", shell_complete=completion.nets(NetType.UART))
@click.option("--baudrate", type=click.IntRange(min=1), help="Instead of that of the nets file.")
@wait_option
@box_option
def uart(net: str, baudrate: int | None, wait: float) -> None:
    """Talk to a serial device: a terminal until Ctrl-], or what is piped in until it ends.

    \b
    Examples:
      lager uart uart1 --baudrate 115200
      echo version | lager uart uart1
    """
    settings = {"baudrate": baudrate} if baudrate else {}
    with_net(net, NetType.UART, wait, lambda opened: _talk(opened.connect(timeout=0, **settings), net))


def _talk(port: Any, net: str) -> None:
    with _raw(), selectors.DefaultSelector() as selector:
        if os.isatty(0):
            output.note(f"connected to {net}: Ctrl-] leaves")
        selector.register(0, selectors.EVENT_READ)
        selector.register(port.fileno(), selectors.EVENT_READ)
        while _pump(port, [key.fd for key, _ in selector.select()]):
            pass


def _pump(port: Any, ready: list[int]) -> bool:
    """Pass on what there is, in both directions; False when it is time to leave."""
    if port.fileno() in ready:
        output.raw(port.read(4096))
    if 0 not in ready:
        return True
    keys = os.read(0, 4096)
    before, leave, _ = keys.partition(_LEAVE) if os.isatty(0) else (keys, b"", b"")
    port.write(before)
    port.flush()
    return bool(keys) and not leave


@contextmanager
def _raw() -> Iterator[None]:
    if not os.isatty(0):
        yield
        return
    before = termios.tcgetattr(0)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        tty.setraw(0, termios.TCSANOW)  # at once, so that no key typed meanwhile is lost
        raw = termios.tcgetattr(0)
        raw[1] |= termios.OPOST  # lines still end as lines
        termios.tcsetattr(0, termios.TCSANOW, raw)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        output.say("")
