"""Paused scripts on a box, and calls of other users."""

import contextlib
import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lager.contract import path_of
from tests.box.container import COMMAND_SECONDS, Box, Process

NAME, PATH = "com.lager.Breakpoints", "/com/lager/Breakpoints"
INSTRUMENTS, INSTRUMENTS_PATH = "com.lager.Instruments", "/com/lager/Instruments"
SCRIPT, HOLDER = "/opt/pausing.py", "/opt/holding.py"
_TEXT = """
import sys
from lager import pause
pause("box test", timeout=float(sys.argv[1]), interactive="interactive" in sys.argv)
print("went on", flush=True)
"""
_HOLDING = """
import runpy, sys
try:
    from lager.instruments.lease import claim
except ImportError:  # as it was called in 0.21
    from lager.lease import claim
key = sys.argv.pop()
lease = claim(key, net="supply", name=key)
runpy.run_path("/opt/pausing.py")
"""


@dataclass
class Paused:
    """A script that is paused."""

    process: Process
    id: str
    run_id: str

    def goes_on(self) -> str:
        """Return the line that says why the script resumed. Raises AssertionError if the script stays paused."""
        why = self.process.until(rf"lager: {self.id} (.*)")[1]
        self.process.until("went on")
        assert self.process.ended() == 0
        return why


def paused(box: Box, user: str, timeout: float = 300, *, interactive: bool = False) -> Paused:
    started = start(box, user, timeout, interactive=interactive)
    return stands(started)


def start(
    box: Box, user: str, timeout: float = 300, *, interactive: bool = False, holding: str = ""
) -> tuple[Process, str]:
    """A script on its way to its pause, which claims the instrument `holding` first."""
    write_scripts(box)
    run_id = str(uuid.uuid4())
    command = ["python", HOLDER if holding else SCRIPT, timeout]
    command += (["interactive"] if interactive else []) + ([holding] if holding else [])
    return box.start("env", f"LAGER_PROCESS_ID={run_id}", *command, user=user), run_id


def write_scripts(box: Box) -> None:
    """Write the scripts that `start` runs, for tests that need them earlier."""
    if not (box.root / HOLDER.lstrip("/")).exists():
        box.write(SCRIPT, _TEXT)
        box.write(HOLDER, _HOLDING)


def stands(started: tuple[Process, str]) -> Paused:
    process, run_id = started
    try:
        return Paused(process, process.until(r"  id +([0-9a-f]{8})$")[1], run_id)
    except AssertionError:
        process.close()
        raise


def call(box: Box, user: str, member: str, *words: object, interface: str = NAME, check: bool = True) -> str:
    """What busctl prints: the result, or the error's message."""
    where = (interface, path_of(interface), interface, member)
    done = box.run("busctl", "--json=short", "call", *where, *map(str, words), user=user, check=check)
    return done.stdout if done.returncode == 0 else done.stderr


class Journal:
    """What the journal of a box says from now on. A journalctl that follows may never see it, so it is asked again."""

    def __init__(self, box: Box, *matches: str) -> None:
        """Only entries that the arguments of journalctl match."""
        *_, cursor = box.run("journalctl", "--lines=1", "--show-cursor", "--output=cat").stdout.splitlines()
        after = cursor.removeprefix("-- cursor: ")
        self._box, self._command = box, ("journalctl", "--output=cat", f"--after-cursor={after}", *matches)
        self._seen = 0

    def until(self, pattern: str) -> re.Match[str]:
        """Wait for a line that has `pattern`; the first one behind that of the call before."""
        ends = time.monotonic() + COMMAND_SECONDS
        while True:
            said = self._box.run(*self._command).stdout.splitlines()
            for number, line in enumerate(said[self._seen :], self._seen + 1):
                if found := re.search(pattern, line):
                    self._seen = number
                    return found
            if time.monotonic() > ends:
                raise AssertionError(f"No {pattern!r} within {COMMAND_SECONDS} s in {said}")


def listed(box: Box, user: str = "root") -> dict[str, dict[str, Any]]:
    """The pauses by id."""
    pauses = json.loads(call(box, user, "List"))["data"][0]
    plain = [{key: value["data"] for key, value in pause.items()} for pause in pauses]
    return {str(pause["id"]): pause for pause in plain}


def held(box: Box) -> dict[str, dict[str, object]]:
    """The leases by instrument."""
    done = box.run("busctl", "--json=short", "call", INSTRUMENTS, INSTRUMENTS_PATH, INSTRUMENTS, "List")
    leases = [{key: value["data"] for key, value in lease.items()} for lease in json.loads(done.stdout)["data"][0]]
    return {str(lease["instrument"]): lease for lease in leases}


@contextlib.contextmanager
def configured(box: Box, text: str, reload: bool = True) -> Iterator[None]:
    """Change lagerd.toml inside the block; lagerd is reloaded at the beginning and at the end."""

    def say(what: str) -> None:
        box.write("/etc/lager/lagerd.toml", what)
        if reload:
            box.run("systemctl", "reload", "lagerd")

    old = (box.root / "etc/lager/lagerd.toml").read_text()
    say(text)
    try:
        yield
    finally:
        say(old)


def records(box: Box, **fields: Any) -> list[Any]:
    """The journal's records that have these fields, oldest first."""
    listed(box)  # what lagerd has answered before it has recorded by then
    box.run("journalctl", "--sync")
    matches = [f"{key}={value}" for key, value in fields.items()]
    lines = box.run("journalctl", "--output=json", "_SYSTEMD_UNIT=lagerd.service", *matches).stdout.splitlines()
    return [json.loads(line) for line in lines]


def restart_polkit(box: Box) -> None:
    """Restart polkit, which reads new rules at once then, however often that was done in the last seconds."""
    box.run("systemctl", "reset-failed", "polkit")
    box.run("systemctl", "restart", "polkit")
