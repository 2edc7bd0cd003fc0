"""Every command of the pages that need no box of their own does what the page says."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client import NAME, PATH, Client
from tests.documents import ID, PAGES, ROOT, Step, play
from tests.fixtures import Command, Starter
from tests.loopback import Loopback
from tests.processes import LAGER, Process, Terminal
from tests.station import Station

Ended = subprocess.CompletedProcess[str]
IN_A_BOX = {"administration.md", "dbus.md", "fleet.md", "notify.md"}
WITHOUT_COMMANDS = {"api.md", "page.md"}
# What runs until a key ends it: what it shows before, and the key.
KEYS = {"lager breakpoints --watch": ("ID", "q"), f"lager python --console {ID} --watch": ("leaves", "\x03")}
# The boxes of a page, and those that are there when it is tested.
BOXES = {"anna@bench3.example.com": f"near --command {LAGER}", "bench4": "other"}
SHELL = re.compile(r"[|&;<>$`*?~(){}#!\\\[\]]")
SAVED = [
    {"name": "supply1", "role": "power-supply", "instrument": "Rigol_DP821", "pin": 1, "address": "TCPIP::h::INSTR"}
]


class Desk:
    """A user who types what a page says, beside a script that is paused whenever the page mentions one.

    All other pauses are resumed at once.
    """

    def __init__(
        self, station: Station, client: Client, start: Starter, lager: Callable[..., Ended], folder: Any
    ) -> None:
        self._station, self._client, self._start, self._lager, self._folder = station, client, start, lager, folder
        self._pause = ""
        self._ours = False
        client.bus.listen("Paused", self._heard, of=NAME)

    def run(self, step: Step) -> tuple[int, str, str]:
        command = step.command.replace(ID[:4], self.pause()[:4]) if step.needs_pause else step.command
        command = command.replace(ID[4:], self._pause[4:])
        for box, name in BOXES.items():
            command = command.replace(box, name)
        if step.command in KEYS:
            return self._on_a_terminal(command, *KEYS[step.command])
        done = self._done(command, "".join(f"{line}\n" for line in step.typed))
        return done.returncode, done.stdout.replace(self._pause, ID) if self._pause else done.stdout, done.stderr

    def _done(self, command: str, typed: str) -> Ended:
        """Run a command to its end: in a shell, if that has anything to do."""
        if command.startswith("lager ") and not SHELL.search(command):
            return self._lager(*shlex.split(command)[1:], stdin=typed)
        return subprocess.run(
            ["bash", "-c", command], input=typed, capture_output=True, text=True,
            env=self._station.env, cwd=self._folder, timeout=60, check=False, start_new_session=True,
        )  # fmt: skip

    def pause(self) -> str:
        """Return the id of the pause; of a new one if the last has ended."""
        if self._pause not in [pause["id"] for pause in self._client.list()]:
            self._ours = True
            self._start(LAGER, "python", "examples/inspect_bench.py")
            while True:
                self._pause = self._client.paused()["id"]
                if self._pause in [pause["id"] for pause in self._client.list()]:
                    break
            self._ours = False
        return self._pause

    def _heard(self, signal: Any) -> None:
        if not self._ours:
            self._client.bus.post(NAME, PATH, "Continue", "s", signal.args[0])

    def _on_a_terminal(self, command: str, shown: str, keys: str) -> tuple[int, str, str]:
        terminal = Terminal(["/bin/bash", "-c", command], self._station.env, self._folder)
        try:
            terminal.expect(shown)
            terminal.type(keys)
            return terminal.wait(), terminal.screen.text, ""
        finally:
            terminal.close()


@pytest.fixture
def desk(
    own_station: Station, bench: Process, near: Loopback, client: Client, start: Starter, lager: Command, tmp_path: Path
) -> Desk:
    (tmp_path / "examples").mkdir()
    for name in os.listdir(ROOT / "examples"):
        (tmp_path / "examples" / name).write_text((ROOT / "examples" / name).read_text())
    (tmp_path / "limits.csv").write_text("1\n")
    (tmp_path / "saved_nets.json").write_text(json.dumps(SAVED))
    return Desk(own_station, client, start, lager, tmp_path)


FIRST = "console.md"  # in `make test`: it types commands, and into a console
OTHERS = {page.name for page in PAGES.glob("*.md")} - IN_A_BOX - WITHOUT_COMMANDS - {FIRST}


@pytest.mark.parametrize("page", [FIRST, *sorted(OTHERS)])
def test_a_page(desk: Desk, page: Any) -> None:
    assert play(page, desk.run)
