"""Who gets a console: the script's user and root. setpriv runs commands as other users, which requires root."""

import os
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import Starter
from tests.processes import PATIENCE, Process
from tests.station import Station

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("setpriv") or not shutil.which("busctl"), reason="takes root, setpriv, busctl"
)
NOBODY, DAEMON = 65534, 1  # the broker takes only users that have a name
ID = "0123abcd"
NAME, PATH = "com.lager.Breakpoints", "/com/lager/Breakpoints"


@pytest.fixture
def busctl_as(own_station: Station, start: Starter) -> Callable[..., Any]:
    """Start busctl as another user. The station is the test's own: every user may access its folder."""
    own_station.folder.chmod(0o711)
    (own_station.folder / "bus").chmod(0o666)

    def starter(uid: int, member: str, *arguments: str) -> Process:
        who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
        bus = ["busctl", f"--address={own_station.address}", "--timeout=60", "call", NAME, PATH, NAME]
        return start(*who, *bus, member, *arguments)

    return starter


@pytest.fixture
def others(busctl_as: Callable[..., Any], client: Client) -> str:
    """The id of a pause of the user nobody. It takes no console, for it is busctl; who asks is checked before that."""
    paused_script(busctl_as, client)
    return ID


def paused_script(busctl_as: Callable[..., Any], client: Client) -> Any:
    details = ["id", "s", ID, "timeout", "d", "0", "interactive", "b", "true"]
    script = busctl_as(NOBODY, "Pause", "a{sv}", "3", *details)
    assert client.paused()["uid"] == NOBODY
    return script


def opened(process: Process) -> str:
    assert process.wait() == 1
    return process.err.rest()


def test_another_user_gets_no_console(others: str, busctl_as: Callable[..., Any]) -> None:
    refused = opened(busctl_as(DAEMON, "OpenConsole", "sa{sv}", others, "0"))
    assert "runs code as nobody, and you are daemon. Ask nobody, or ask the administrator" in refused


def test_no_user_gets_a_console_of_root(run: Starter, client: Client, busctl_as: Callable[..., Any]) -> None:
    run("breakpoint()\n")
    id = client.paused()["id"]
    assert "runs code as root, and you are nobody" in opened(busctl_as(NOBODY, "OpenConsole", "sa{sv}", id, "0"))
    assert client.list()[0]["consoles"] == 0


@pytest.mark.parametrize("uid", [NOBODY, 0])
def test_the_scripts_user_and_root_get_a_console(busctl_as: Callable[..., Any], client: Client, uid: Any) -> None:
    script = paused_script(busctl_as, client)
    asking = busctl_as(uid, "OpenConsole", "sa{sv}", ID, "0")
    ends = time.monotonic() + PATIENCE
    while client.list()[0]["consoles"] == 0:  # it is asked for at the script, which never answers
        assert time.monotonic() < ends, asking.err.text
        time.sleep(0.01)
    script.kill()
    assert "runs code as" not in opened(asking)


@pytest.mark.variant
@pytest.mark.parametrize("uid", [NOBODY, 0])
def test_a_script_that_never_answers_opens_no_console(
    others: str, busctl_as: Callable[..., Any], client: Client, uid: Any
) -> None:
    assert f"The script of {others} cannot open a console" in opened(
        busctl_as(uid, "OpenConsole", "sa{sv}", others, "0")
    )
    assert client.list()[0]["consoles"] == 0


def test_the_claims_of_a_client_about_itself_are_ignored(others: str, busctl_as: Callable[..., Any]) -> None:
    claims = ["3", "uid", "u", "0", "user", "s", "root", "how", "s", "cli"]
    assert "runs code as nobody" in opened(busctl_as(DAEMON, "OpenConsole", "sa{sv}", others, *claims))


def test_variables_are_for_the_scripts_user_and_root(
    run: Starter, client: Client, busctl_as: Callable[..., Any]
) -> None:
    run("secret = 'pass' + 'word'\nimport lager; lager.pause()\n")
    id = client.paused()["id"]
    refused = opened(busctl_as(NOBODY, "Inspect", "sa{sv}", id, "0"))
    assert f"The variables of {id} belong to root, and you are nobody. Ask root" in refused
    assert "password" not in refused
    shown = busctl_as(0, "Inspect", "sa{sv}", id, "0")
    assert shown.wait() == 0
    assert "password" in shown.out.rest()
