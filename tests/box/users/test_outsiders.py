"""Users outside the group, and forged messages, have no effect; and which sockets listen."""

import pytest

from tests.box.container import Box
from tests.box.methods import UNREACHABLE, errors
from tests.box.people import NAME, PATH, call, paused, start


def test_outsiders_may_not_call_lagerd(box: Box) -> None:
    for method, error in errors(box, "mallory"):
        assert UNREACHABLE in error, method
    for method, error in errors(box, "bob"):
        assert UNREACHABLE not in error, method


def test_outsiders_see_no_property_and_no_interface(box: Box) -> None:
    call(box, "root", "ContinueAll")  # a script that another test has killed may still be paused
    get = ("get-property", NAME, PATH, NAME, "Count")
    assert box.run("busctl", *get, user="bob").stdout == "u 0\n"
    assert UNREACHABLE in box.run("busctl", *get, user="mallory", check=False).stderr
    introspect = ("introspect", "--list", NAME, PATH)
    assert "Continue" in box.run("busctl", *introspect, user="bob").stdout
    assert UNREACHABLE in box.run("busctl", *introspect, user="mallory", check=False).stderr


LISTENER = """
import asyncio
from lager.bus.facade import Bus

async def main():
    bus = await Bus.connect("unix:path=/run/dbus/system_bus_socket")
    owner = await bus.owner("com.lager.Breakpoints")
    for member in ("Paused", "Resumed", "Extended", "PropertiesChanged"):
        bus.listen(member, lambda signal: print(signal.member, *signal.args[:1], flush=True), of=owner)
        await bus.add_match(f"type='signal',member='{member}',path_namespace='/com/lager'")
    print("listening", flush=True)
    await asyncio.to_thread(input)
    await bus.owner("com.lager.Breakpoints")
    print("end", flush=True)

asyncio.run(main())
"""


def test_outsiders_receive_no_signal(box: Box) -> None:
    box.write("/opt/listen.py", LISTENER)
    listen = ("python", "/opt/listen.py")
    with box.start(*listen, user="bob") as bob, box.start(*listen, user="mallory") as mallory:
        bob.until("listening")
        mallory.until("listening")
        with (script := paused(box, "alice")).process:
            call(box, "alice", "Continue", "s", script.id)
            script.goes_on()
        bob.until(f"Paused {script.id}")
        bob.until(f"Resumed {script.id}")
        # The bus keeps the order: what it had for mallory before this answer would have come before it.
        mallory.type("")
        mallory.until("^end$")
        assert [line.strip() for line in mallory.seen] == ["listening", "end"]


FORGER = """
import asyncio, sys
from lager.bus.facade import Bus

async def main():
    bus = await Bus.connect("unix:path=/run/dbus/system_bus_socket")
    print("named", bus.name, flush=True)
    to = (await asyncio.to_thread(input)).strip()
    for path, interface in (("/com/lager/Breakpoints", "com.lager.Breakpoints"), ("/x", "com.lager.Breakpoints"),
                            ("/com/lager/Instruments", "com.lager.Instruments"), ("/com/lager/Breakpoints", "x.y"),
                            ("/x", "com.lager.Instruments")):
        for one in ("", to):
            bus.emit(path, interface, "Resumed", "ssa{sv}", "0123abcd", "continued", {}, to=one)
    bus.emit("/x", "x.y", "Allowed", "", to=to)
    await bus.owner("com.lager.Breakpoints")
    await asyncio.to_thread(input)

asyncio.run(main())
"""
VICTIM = """
import asyncio, sys
from lager.bus.facade import Bus

async def main():
    bus = await Bus.connect("unix:path=/run/dbus/system_bus_socket")
    for member in ("Resumed", "Allowed"):
        bus.listen(member, lambda signal: print("heard", signal.member, flush=True), of=sys.argv[1])
    await bus.add_match(f"type='signal',sender='{sys.argv[1]}'")
    print("named", bus.name, flush=True)
    await asyncio.to_thread(input)

asyncio.run(main())
"""


@pytest.mark.parametrize("user", ["bob", "mallory"])
def test_the_bus_refuses_forged_signals_of_lagerd(box: Box, user: str) -> None:
    box.write("/opt/forge.py", FORGER)
    box.write("/opt/victim.py", VICTIM)
    with box.start("python", "/opt/forge.py", user=user) as forger:
        name = forger.until("named (.*)")[1]
        with box.start("python", "/opt/victim.py", name, user="alice") as victim:
            forger.type(victim.until("named (.*)")[1])
            victim.until("heard Allowed")
            assert [line for line in victim.seen if "Resumed" in line] == []


def test_outsiders_cannot_pause_a_script(box: Box) -> None:
    process, _ = start(box, "mallory")
    with process:
        process.until("cannot pause here; continuing")
        process.until("went on")


def test_no_other_user_can_own_the_names(box: Box) -> None:
    for user in ("alice", "mallory"):
        done = box.run(
            "busctl", "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName", "su",
            "com.lager.Instruments", "0", user=user, check=False,
        )  # fmt: skip
        assert UNREACHABLE in done.stderr or "not allowed to own" in done.stderr


def test_only_root_changes_the_log_level(box: Box) -> None:
    for level in ("debug", "info"):
        box.run("systemctl", "service-log-level", "lagerd", level)
        assert box.run("systemctl", "service-log-level", "lagerd").stdout.strip() == level
    set_level = (
        "busctl", "set-property", NAME, "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1", "LogLevel",
        "s", "debug",
    )  # fmt: skip
    assert UNREACHABLE in box.run(*set_level, user="bob", check=False).stderr
