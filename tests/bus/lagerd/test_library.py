"""All processes of a machine use one library for D-Bus: the one that is installed, which the tests use, too."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lager.bus.transport import wire
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH, INSTRUMENTS, INSTRUMENTS_PATH, SCRIPT, SCRIPT_PATH
from lagerd.service import log_control
from tests.client import Client
from tests.contract import SCRIPTS, body, methods
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


def test_lagerd_uses_the_installed_library(station: Station) -> None:
    assert has_loaded_dbus_fast(station.lagerd.pid) is (LIBRARY == "dbus_fast")


def test_lager_python_and_its_script_use_the_installed_library(run: Starter, client: Client) -> None:
    process = run(PAUSED)
    pause = client.paused()
    assert has_loaded_dbus_fast(process.pid) is (LIBRARY == "dbus_fast")
    client.call("Continue", "s", pause["id"])
    assert process.out.rest() == f"{LIBRARY}\n"


@pytest.mark.parametrize(("name", "path"), [(BREAKPOINTS, BREAKPOINTS_PATH), (INSTRUMENTS, INSTRUMENTS_PATH)])
def test_lagerd_describes_what_its_interface_files_describe(client: Client, name: str, path: str) -> None:
    described, file = (_members(text, name) for text in (_described(client, name, path), body(name)))
    assert described == file
    assert {"method", "signal"} <= {tag for tag, _ in file}


def test_lagerd_describes_its_log_level(client: Client) -> None:
    described = _members(_described(client, BREAKPOINTS, log_control.PATH), log_control.NAME)
    assert [one for _, (one,) in described] == [
        ("LogLevel", "s", "readwrite"),
        ("LogTarget", "s", "readwrite"),
        ("SyslogIdentifier", "s", "read"),
    ]


def test_a_paused_script_describes_its_object(run: Starter, client: Client) -> None:
    run("import lager\nlager.pause(timeout=60)\n")
    pid = client.paused()["pid"]
    assert methods(_described(client, client.name_of(pid), SCRIPT_PATH))[SCRIPT] == SCRIPTS[SCRIPT]


def _members(text: str, name: str) -> list[tuple[str, list[Any]]]:
    """The methods, signals and properties of an interface: the kind of each, and what it is made of."""
    (interface,) = (one for one in ElementTree.fromstring(text).iter("interface") if one.get("name") == name)
    members = (
        (
            member.tag,
            [(one.get("name"), one.get("type"), _direction(member, one)) for one in (member, *member.iter("arg"))],
        )
        for member in interface
    )
    return sorted(members, key=repr)


def _direction(member: ElementTree.Element, one: ElementTree.Element) -> str | None:
    return one.get("access") or one.get("direction", "out" if member.tag == "signal" and one is not member else None)


def _described(client: Client, name: str, path: str) -> str:
    text = client.do(client.bus.call(name, path, "Introspect", interface="org.freedesktop.DBus.Introspectable"))[0]
    assert isinstance(text, str)
    return text
