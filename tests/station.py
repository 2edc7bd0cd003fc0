"""A private broker with a real lagerd on it, for tests and measurements."""

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.processes import BIN, LAGERD, Process

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <listen>unix:path={folder}/bus</listen>
 <auth>EXTERNAL</auth>
 <policy context="default">
  <allow user="*"/><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
 </policy>
{limits}
</busconfig>
"""


# What the suites of tests do not use: importing anyio alone takes half of the time of a small one.
_NO_PLUGINS = " ".join(f"-p no:{name}" for name in ("anyio", "cacheprovider", "hypothesispytest", "randomly"))
_UNREAD = 0.05  # seconds, for what lagerd wrote last; what it started to make instruments safe outlives it
MANY = {"max_replies_per_connection": 50000}


class Station:
    """A broker, a lagerd on it, and the environment of those who use them.

    The broker has the limits that are given, and beside them those of a system bus.
    """

    def __init__(
        self, folder: Path, command: Sequence[str] = (LAGERD,), *, limits: Mapping[str, int] = MANY, **env: str
    ) -> None:
        """`command` starts lagerd; `env` is for everybody, beside what they need."""
        self.folder = folder
        self._command = command
        self._limits = "".join(f'<limit name="{name}">{value}</limit>' for name, value in limits.items())
        self.address = f"unix:path={folder}/bus"
        self.env = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("LAGER", "DBUS", "PYTHONBREAK", "COLUMNS", "LINES", "CI"))
        }
        self.env |= {
            "LAGER_BUS_ADDRESS": self.address,
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTEST_ADDOPTS": _NO_PLUGINS,
            "PYTHONUNBUFFERED": "1",
            "TERM": "xterm",
            **env,
        }
        self.start_broker()
        self._lagerd: Process | None = None
        try:
            self.start_lagerd()
        except BaseException:
            self.close()
            raise

    @property
    def lagerd(self) -> Process:
        assert self._lagerd is not None, "the test has killed it"
        return self._lagerd

    @property
    def has_lagerd(self) -> bool:
        return self._lagerd is not None

    def start_broker(self) -> None:
        config = self.folder / "bus.conf"
        config.write_text(_CONFIG.format(folder=self.folder, limits=self._limits))
        reader, writer = os.pipe()
        command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--nosyslog", f"--print-address={writer}"]
        self.broker = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        with open(reader) as answer:
            assert answer.readline(), "dbus-daemon does not start"

    def start_lagerd(self) -> Process:
        """Start lagerd and wait until it says, as to systemd, that it is ready."""
        path = str(self.folder / "notify")
        Path(path).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(20)
            self._lagerd = lagerd = Process(self._command, {**self.env, "NOTIFY_SOCKET": path}, self.folder)
            while b"READY=1" not in notify.recv(4096):
                pass
        return lagerd

    def kill_lagerd(self) -> None:
        self.lagerd.close(_UNREAD)
        self._lagerd = None

    def kill_broker(self) -> None:
        self.broker.kill()
        self.broker.wait()

    def close(self) -> None:
        if self._lagerd is not None:
            self._lagerd.close(_UNREAD)
        self.kill_broker()
