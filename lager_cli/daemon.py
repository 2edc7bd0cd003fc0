"""lagerd, as the commands reach it; where the bus is this user's own embedded one, it is started first."""

import os
import select
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from lager.bus import address
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH, path_of
from lager.errors import BusError
from lager_cli.display import output

if TYPE_CHECKING:
    from lager.bus.facade import Bus

_START_SECONDS = 20.0


def ready_address() -> str:
    """The address of the bus; there is somebody behind it, or BusError says why not.

    Where the bus is the embedded one, its simulated bench becomes the bench of this process and its children.
    """
    where = address.choose()
    if where.embedded:
        if not address.listening(address.embedded_folder() / "bus"):
            address.require_user_name()
            _start_embedded()
        os.environ.setdefault("LAGER_NETS", str(address.embedded_folder() / "nets.toml"))
    return where.text


@asynccontextmanager
async def connected(how: str = "cli") -> "AsyncIterator[Bus]":
    """A connection whose calls go into the records as made by `how`; a lagerd that is not there is started."""
    from lager.bus.facade import Bus

    bus = await Bus.connect(ready_address())
    try:
        identify(bus, how)
        yield bus
    finally:
        bus.close()


def identify(bus: "Bus", how: str, *, start: bool = True) -> None:
    """Say how the calls that follow are made: again where another lagerd may have come, or this one have forgotten."""
    bus.post(BREAKPOINTS, BREAKPOINTS_PATH, "Identify", "s", how, start=start)


def ask(member: str, signature: str = "", *values: Any, name: str = BREAKPOINTS) -> list[Any]:
    """Call one method of lagerd and wait for its answer; a lagerd that is not there is started."""
    return _ask(path_of(name), name, member, signature, *values)


def _ask(path: str, interface: str, member: str, signature: str, *values: Any) -> list[Any]:
    import asyncio  # here, because it costs more than all that `lager python` needs before its script runs

    async def once() -> list[Any]:
        async with connected() as bus:
            return await bus.call(BREAKPOINTS, path, member, signature, *values, interface=interface)

    return asyncio.run(once())


def get(property: str) -> Any:
    """A property of com.lager.Breakpoints."""
    return _ask(BREAKPOINTS_PATH, "org.freedesktop.DBus.Properties", "Get", "ss", BREAKPOINTS, property)[0]


def _start_embedded() -> None:
    import subprocess

    keeper = subprocess.Popen(
        [sys.executable, "-P", "-m", "lagerd", "--embedded"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
    )
    assert keeper.stdout is not None
    with keeper.stdout:
        if not select.select([keeper.stdout], [], [], _START_SECONDS)[0]:
            keeper.kill()
            keeper.wait()
            raise BusError(f"The embedded lagerd did not start within {_START_SECONDS:g} s.", "Try: lagerd --embedded")
        ready = keeper.stdout.readline()
    if not ready:
        keeper.wait()
        raise BusError("The embedded lagerd does not start, for the reason above.", "Mend that, and try again.")
    keeper.returncode = 0  # it lives on by itself, and is not ours to wait for
    output.note("no lagerd on this machine: started an embedded one, with a simulated bench, which ends when idle")
