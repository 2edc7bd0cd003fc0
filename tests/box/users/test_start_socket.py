"""The socket of the group that starts a stopped lagerd."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.box.container import Box
from tests.box.methods import errors
from tests.box.people import INSTRUMENTS, NAME, call, configured, paused, records, stands, start

DBUS = "org.freedesktop.DBus"


START_SOCKET = "/run/lager-start.socket"
CONNECT = """
import socket, sys
for _ in range(int(sys.argv[1])):
    with socket.socket(socket.AF_UNIX) as start:
        start.settimeout(60)
        start.connect("/run/lager-start.socket")
        if len(sys.argv) > 2:
            try: print(start.recv(1))
            except ConnectionResetError: pass
"""


@pytest.fixture
def stopped(box: Box) -> Iterator[Box]:
    """The box with a stopped lagerd, which anybody who may can start."""
    box.run("systemctl", "stop", "lagerd")
    yield box
    box.run("systemctl", "start", "lagerd")


def active(box: Box, unit: Any = "lagerd") -> str:
    return box.run("systemctl", "is-active", unit, check=False).stdout.strip()


def test_an_outsider_cannot_start_a_stopped_lagerd(stopped: Box) -> None:
    for method, error in errors(stopped, "mallory"):
        assert "not provided" in error, method
    for name in (NAME, INSTRUMENTS):
        done = stopped.run(
            "busctl", "call", DBUS, "/", DBUS, "StartServiceByName", "su", name, "0", user="mallory", check=False
        )
        assert "not provided" in done.stderr
    assert "PermissionError" in stopped.run("python", "-c", CONNECT, "1", user="mallory", check=False).stderr
    systemctl = ("systemctl", "--no-ask-password", "start", "lagerd")
    assert stopped.run(*systemctl, user="mallory", check=False).returncode != 0
    for words in (
        ("breakpoints",),
        ("python", "--continue", "deadbeef"),
        ("instruments",),
        ("breakpoints", "show", "deadbeef"),
    ):
        said = stopped.run("lager", *words, user="mallory", check=False).stderr
        assert "Ask to be added to the group lager." in said
    assert active(stopped) == "inactive"


@pytest.mark.parametrize("user", ["bob", "root"])
@pytest.mark.parametrize(
    "words",
    [
        ("breakpoints",),
        pytest.param(("status",), marks=pytest.mark.variant),
        pytest.param(("python", "--continue", "deadbeef"), marks=pytest.mark.variant),
    ],
    ids=["breakpoints", "status", "continue"],
)
def test_a_command_of_root_or_a_member_starts_a_stopped_lagerd(stopped: Box, user: str, words: tuple[str, ...]) -> None:
    stopped.run("lager", *words, user=user, check=False)  # the box has no nets and no pauses
    assert active(stopped) == "active"
    (last,) = [one for one in records(stopped, LAGER_EVENT="started") if one["LAGER_BY_USER"] == user][-1:]
    assert last["LAGER_REASON"] == "needed it while it was not running"


def test_a_script_of_a_member_starts_a_stopped_lagerd_by_its_claim(stopped: Box) -> None:
    with (script := stands(start(stopped, "alice", 300, holding="psu1"))).process:
        assert active(stopped) == "active"
        call(stopped, "alice", "Continue", "s", script.id)
        script.goes_on()


def test_many_connections_of_a_member_leave_a_socket_that_starts_lagerd_again(stopped: Box) -> None:
    before = stopped.run("systemctl", "show", "--property=NRestarts", "lagerd").stdout
    for _ in range(2):
        stopped.run("python", "-c", CONNECT, "3000", user="bob")
        assert stopped.run("lager", "breakpoints", user="bob").stderr == ""
        assert (active(stopped), active(stopped, "lager-start.socket")) == ("active", "active")
        stopped.run("systemctl", "stop", "lagerd")
        assert active(stopped) == "inactive"  # none that lagerd has left unanswered starts it again
    assert stopped.run("systemctl", "show", "--property=NRestarts", "lagerd").stdout == before


def test_a_lagerd_that_cannot_start_is_reported_and_not_started_again_and_again(stopped: Box) -> None:
    with configured(stopped, "nonsense = 1\n", reload=False):
        done = stopped.run("lager", "breakpoints", user="bob", check=False)
        assert done.stderr.endswith("lagerd does not start. See why: systemctl status lagerd\n")
        stopped.run("python", "-c", CONNECT, "6", "wait", user="bob")  # systemd's own limit is five in ten seconds
        starts = stopped.run("journalctl", "--unit=lagerd", "--output=cat").stdout.count("nonsense")
        assert (active(stopped), active(stopped, "lager-start.socket")) == ("failed", "active")
        stopped.run("journalctl", "--sync")
        assert stopped.run("journalctl", "--unit=lagerd", "--output=cat").stdout.count("nonsense") - starts <= 1
    assert stopped.run("lager", "breakpoints", user="bob").stderr == ""


def test_the_start_socket_is_for_the_group_and_can_be_stopped_with_lagerd(stopped: Box) -> None:
    assert stopped.run("stat", "--format=%A %U %G", START_SOCKET).stdout == "srw-rw---- root lager\n"
    stopped.run("systemctl", "stop", "lager-start.socket", "lagerd")
    done = stopped.run("lager", "breakpoints", user="bob", check=False)
    assert "Start it with: sudo systemctl start lagerd" in done.stderr
    assert active(stopped) == "inactive"
    stopped.run("systemctl", "start", "lagerd")
    assert active(stopped, "lager-start.socket") == "active"


def test_only_the_safe_socket_listens_and_no_network_is_used(box: Box) -> None:
    """lagerd alone may connect to that socket, which systemd holds for it. Each paused process has one that only its
    user may use."""
    with (script := paused(box, "alice", interactive=True)).process:
        with box.start("lager", "python", "--console", script.id, user="alice") as console:
            console.type("print('in', 'console')")
            console.until("in console")
            sockets = box.run("ss", "--listening", "--processes", "--no-header", "--tcp", "--udp", "--unix").stdout
        ours = [line for line in sockets.splitlines() if "python" in line or "lager" in line]
        places = [line.split()[4] for line in ours]
        places = [place for place in places if not place.startswith("@lager-enter-")]
        assert sorted(places) == ["/run/lager-safe/socket", START_SOCKET]
        assert box.run("stat", "--format=%A %U", "/run/lager-safe/socket").stdout == "srw------- lager\n"
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()
