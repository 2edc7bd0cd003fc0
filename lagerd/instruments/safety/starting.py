"""Starts the process that makes instruments safe: a child, or on a box an instance of the unit, by its socket."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Started:
    """A process that has been started, and the socket to it."""

    ours: socket.socket
    child: "subprocess.Popen[bytes] | None"
    at: float = field(default_factory=time.monotonic)

    def is_alive(self) -> bool:
        try:
            return bool(self.ours.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False


def start(unit: Path | None, first: Callable[[socket.socket], None]) -> Started:
    """Start the process; `unit` is the socket of its unit, None starts a child. Raises OSError.

    What `first` sends is in its socket before it begins: lagerd may be killed at any moment.
    """
    if unit is not None:
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            ours.connect(str(unit))
        except OSError:
            ours.close()
            raise
        first(ours)
        return Started(ours, None)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # lagerd never waits for a process that reads nothing; send_fds heeds no flags
    first(ours)
    command = [sys.executable, "-P", "-m", "lagerd.make_safe"]
    with theirs:
        try:
            null = subprocess.DEVNULL
            return Started(ours, subprocess.Popen(command, stdin=theirs.fileno(), stdout=null, start_new_session=True))
        except OSError:
            ours.close()
            raise
