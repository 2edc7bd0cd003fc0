"""Every command on the pages about a box and its bus does what the page says."""

import re
from collections.abc import Iterator

import pytest

from tests.box.container import Box
from tests.box.people import Paused, call, paused
from tests.documents import ID, Step, play

pytestmark = pytest.mark.slow

# What is run elsewhere: the box of these tests is installed from a wheel, and its people are there already.
INSTALLING = ("sudo ",)
LAST = "lagerd uninstall"


class Desk:
    """Root, in a box, beside a script of alice that is paused whenever the page speaks of one."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._script: Paused | None = None

    def run(self, step: Step) -> tuple[int, str, str]:
        if step.command.startswith(INSTALLING) or step.command == LAST:
            return 0, " ".join(step.printed), ""
        command = step.command.replace(ID, self._pause()) if step.needs_pause else step.command
        done = self._box.run("bash", "-c", command, check=False)
        return done.returncode, re.sub(r"\b[0-9a-f]{8}\b", ID, done.stdout), done.stderr

    def _pause(self) -> str:
        if self._script is None or self._script.process.popen.poll() is not None:
            self._script = paused(self._box, "alice", interactive=True)
        return self._script.id

    def close(self) -> None:
        if self._script is not None:
            self._script.process.close()


@pytest.fixture
def desk(box: Box) -> Iterator[Desk]:
    with (script := paused(box, "alice")).process:  # so that there is something to tell
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()
    box.run("journalctl", "--sync")
    box.run("mkdir", "-p", "/root/remote", "/var/log/journal/remote")
    files = "$(find /run/log/journal /var/log/journal -name '*.journal')"
    box.run("sh", "-c", f"cp {files} /root/remote && mv /root/remote/* /var/log/journal/remote/")
    desk = Desk(box)
    yield desk
    box.run("rm", "-r", "/var/log/journal/remote")
    desk.close()


@pytest.mark.parametrize("page", ["administration.md", "dbus.md", "fleet.md"])
def test_a_page(desk: Desk, page: str) -> None:
    assert play(page, desk.run)
