"""What becomes of a command whose user is lost: it is interrupted as by Ctrl-C, then ended, and the journal says so."""

import contextlib
import os
import pwd
import signal
import threading
import time
from pathlib import Path

from lager_cli.boxes.box_child import Command
from lager_cli.linux import process_tree

STEP_SECONDS = 3.0
_JOURNAL = Path("/run/systemd/journal/socket")
MESSAGE_ID = "9e1b3f6c2c8f4f0b8f5a1d0a7d3f4c61"
_LADDER = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def end(command: Command, silent: bool) -> None:
    """Interrupt it, and end what does not end by that within STEP_SECONDS; nothing that it wrote is kept."""
    process_tree.adopt_orphans()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    _record(silent)
    for source in command.sources:
        if not source.ended:
            threading.Thread(target=_drain, args=(source.fd,), daemon=True).start()
    for number in _LADDER:
        _signal(number, command.pid)
        if _all_ended(STEP_SECONDS):
            return


def _signal(number: int, leader: int) -> None:
    """`lager python` passes signals on, and a script that is interrupted twice cannot tidy up: so it gets none."""
    pids = process_tree.descendants()
    if number != signal.SIGKILL and len(pids) > 1:
        pids = [pid for pid in pids if pid != leader]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _all_ended(seconds: float) -> bool:
    over = time.monotonic() + seconds
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not process_tree.descendants():
            return True
        left = over - time.monotonic()
        if left <= 0 or signal.sigtimedwait([signal.SIGCHLD], left) is None:
            return False


def _drain(fd: int) -> None:
    """So that it need not wait for somebody to read what it says at last."""
    os.set_blocking(fd, True)
    with contextlib.suppress(OSError):
        while os.read(fd, 1 << 16):
            pass


def _record(silent: bool) -> None:
    """In the journal, if there is one. Never raises."""
    with contextlib.suppress(Exception):
        from logging_journald import JournaldTransport

        uid, run = os.getuid(), _run_id()
        user = pwd.getpwuid(uid).pw_name
        how = "is silent" if silent else "hung up"
        transport = JournaldTransport(_JOURNAL, connected=False)
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
    """The id of the run among what descends from us, or nothing."""
    for pid in process_tree.descendants():
        with contextlib.suppress(OSError):
            for setting in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                if setting.startswith(b"LAGER_PROCESS_ID="):
                    return setting.partition(b"=")[2].decode("ascii", "replace")
    return ""
