"""The connection of a command to lagerd. Starts the embedded lagerd of this user if the bus is the embedded one."""

import contextlib
import os
import select
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from lager import variables
from lager.bus import address
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH, path_of
from lager.errors import BusError
from lager_cli.display import output

if TYPE_CHECKING:
    from lager.bus.blocking import BlockingBus
    from lager.bus.facade import Bus

_START_SECONDS = 20.0


def ready_address() -> str:
    """Return the address of the bus. Raises BusError if nothing answers there.

    If the bus is the embedded one, its simulated bench becomes the bench of this process and its children.
    """
    where = address.choose()
    if where.embedded:
        if not address.listening(address.embedded_folder() / "bus"):
            address.require_user_name()
            _start_embedded()
        os.environ.setdefault(variables.NETS, str(address.embedded_folder() / "nets.toml"))
    if simulated := os.environ.get(variables.BENCH):
        if not address.listening(address.bench_folder() / "bus"):
            raise BusError(f"The simulated bench at {simulated} has ended.", "Unset LAGER_BENCH, or start it again.")
        os.environ[variables.NETS] = os.path.join(simulated, "nets.toml")
    return where.text


def is_embedded(bus: str) -> bool:
    """Return whether an address that `ready_address` returned is that of this user's embedded bus."""
    return address.choose() == address.Address(bus, embedded=True)


@contextlib.asynccontextmanager
async def connected(how: str = "cli") -> "AsyncIterator[Bus]":
    """Yield a connection whose calls are recorded as made by `how`. Starts lagerd if it is not running."""
    from lager.bus.facade import Bus

    bus = await Bus.connect(ready_address())
    try:
        identify(bus, how)
        yield bus
    finally:
        bus.close()


def identify(bus: "Bus | BlockingBus", how: str, *, start: bool = True) -> None:
    """Declare the kind of caller of the calls that follow, for the audit log.

    Call it again after a restart of lagerd, and before a call that matters: lagerd caches its
    callers, and drops the oldest of many.
    """
    how = os.environ.get(variables.VIA) or how
    bus.post(BREAKPOINTS, BREAKPOINTS_PATH, "Identify", "s", how, start=start)


def ask(
    member: str, signature: str = "", *values: Any, name: str = BREAKPOINTS, timeout: float | None = 25.0
) -> list[Any]:
    """Call one method of lagerd and return its answer. Starts lagerd if it is not running."""
    return _ask(path_of(name), name, member, signature, *values, timeout=timeout)


def _ask(
    path: str, interface: str, member: str, signature: str, *values: Any, timeout: float | None = 25.0
) -> list[Any]:
    from lager.bus.blocking import BlockingBus

    with contextlib.closing(BlockingBus(ready_address())) as bus:
        identify(bus, "cli")
        return bus.call(BREAKPOINTS, path, member, signature, *values, interface=interface, timeout=timeout)


def get(property: str) -> Any:
    """Return a property of com.lager.Breakpoints."""
    return _ask(BREAKPOINTS_PATH, "org.freedesktop.DBus.Properties", "Get", "ss", BREAKPOINTS, property)[0]


def environment_of_no_run() -> dict[str, str]:
    """Return the environment without the mark of the run that started this process, for a process that outlives that
    run."""
    return {name: value for name, value in os.environ.items() if name != variables.PROCESS_ID}


def _start_embedded() -> None:
    import subprocess

    keeper = subprocess.Popen(
        [sys.executable, "-P", "-m", "lagerd", "--embedded"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
        env=environment_of_no_run(),
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
        raise BusError("The embedded lagerd did not start; the reason is above.", "Fix this and try again.")
    keeper.returncode = 0  # it outlives this process, so do not wait for it
    output.note("no lagerd on this machine: started an embedded one, with a simulated bench, which ends when idle")
