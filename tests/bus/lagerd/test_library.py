"""All processes of a machine use one library for D-Bus: the one that is installed, which the tests use, too."""

from pathlib import Path

from lager.bus.transport import wire
from tests.client import Client
from tests.fixtures import Starter
from tests.station import Station

LIBRARY = wire.Variant.__module__.partition(".")[0]  # type: ignore[attr-defined]
PAUSED = """
import sys
from lager import pause
pause('here', timeout=60)
print(sys._lager_start.world().need('lager.bus.transport.wire').Variant.__module__.partition('.')[0])
"""


def has_loaded_dbus_fast(pid: int) -> bool:
    """Whether a process that is not a script has loaded its compiled parts; dbus-next has none."""
    return "/dbus_fast/" in Path(f"/proc/{pid}/maps").read_text()


def test_lagerd_uses_the_library_that_is_there(station: Station) -> None:
    assert has_loaded_dbus_fast(station.lagerd.pid) is (LIBRARY == "dbus_fast")


def test_lager_python_and_its_script_use_the_library_that_is_there(run: Starter, client: Client) -> None:
    process = run(PAUSED)
    pause = client.paused()
    assert has_loaded_dbus_fast(process.pid) is (LIBRARY == "dbus_fast")
    client.call("Continue", "s", pause["id"])
    assert process.out.rest() == f"{LIBRARY}\n"
