"""Ends a command whose user's connection is lost: interrupts it as by Ctrl-C, then ends it, and records it."""

import contextlib
import os
import threading
from pathlib import Path

from lager.contract import JOURNAL_SOCKET
from lager.process import system
from lager.process.system import user_name
from lager_cli.boxes.session.box_child import Command
from lager_cli.linux import process_tree
from lager_cli.linux.ladder import SignalLadder

MESSAGE_ID = "9e1b3f6c2c8f4f0b8f5a1d0a7d3f4c61"


def end(command: Command, silent: bool) -> None:
    """Climb the ladder of signals until the command has ended. Its output is discarded."""
    system.adopt_orphans()
    _record(silent)
    for source in command.sources:
        if not source.ended:
            threading.Thread(target=_drain, args=(source.fd,), daemon=True).start()
    # `lager python` forwards signals, and a script that is interrupted twice cannot clean up. Therefore it gets none.
    SignalLadder(os.getpid()).climb(sparing=command.pid)


def _drain(fd: int) -> None:
    """Discard the remaining output, so that the command does not block on it."""
    os.set_blocking(fd, True)
    with contextlib.suppress(OSError):
        while os.read(fd, 1 << 16):
            pass


def _record(silent: bool) -> None:
    """Record the loss in the journal, if there is one. Never raises."""
    with contextlib.suppress(Exception):
        from logging_journald import JournaldTransport

        uid, run = os.getuid(), _run_id()
        user = user_name()
        how = "is silent" if silent else "hung up"
        transport = JournaldTransport(Path(JOURNAL_SOCKET), connected=False)
        with contextlib.closing(transport.socket):
            transport.socket.setblocking(False)
            transport.send(
                [
                    ("MESSAGE", f"The connection of {user} {how}; interrupting {f'run {run}' if run else 'a command'}"),
                    ("MESSAGE_ID", MESSAGE_ID),
                    ("PRIORITY", "5"),
                    ("SYSLOG_IDENTIFIER", "lager"),
                    ("LAGER_EVENT", "connection-lost"),
                    ("LAGER_RUN", run or "-"),
                    ("LAGER_BY_UID", str(uid)),
                    ("LAGER_BY_USER", user),
                ]
            )


def _run_id() -> str:
    """Return the id of the run among our descendants, or an empty string."""
    for pid in process_tree.descendants(os.getpid()):
        with contextlib.suppress(OSError):
            for setting in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                if setting.startswith(b"LAGER_PROCESS_ID="):
                    return setting.partition(b"=")[2].decode("ascii", "replace")
    return ""
