"""The lagerd command: serves the bus, or runs an embedded bus, until it is told to stop."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import sdnotify

from lager import build, variables
from lager.bus.address import embedded_folder, given_or_system
from lager.bus.exports import ObjectTree
from lager.bus.facade import Bus
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH, INSTRUMENTS, INSTRUMENTS_PATH
from lager.errors import BusError, LagerError
from lager.process import children
from lager.process.end_signals import until_told
from lagerd import config
from lagerd.breakpoints.interface import Breakpoints
from lagerd.breakpoints.table.kept_pauses import KeptPauses
from lagerd.callers.clients import Clients
from lagerd.instruments.interface import Instruments
from lagerd.instruments.leases.files import kept_claims
from lagerd.instruments.safety.safe_process import SOCKET, SafeProcess
from lagerd.server import Service
from lagerd.service import log_control
from lagerd.service.log import Unblocking
from lagerd.service.start_socket import StartSocket, given_by_systemd

_log = logging.getLogger("lagerd")


_COMMANDS = {"check": "check", "install": "install", "uninstall": "uninstall", "check-config": "check_config"}


class _LazyCommands(click.Group):
    """Import the commands that install lagerd only if one of them is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        from lagerd.install import commands

        command = getattr(commands, _COMMANDS[cmd_name])
        assert isinstance(command, click.Command)
        return command


def _show_version(context: click.Context) -> None:
    click.echo(f"lagerd, version {build.version()}")
    context.exit()


@click.group(cls=_LazyCommands, invoke_without_command=True)
@click.option("--embedded", is_flag=True, help="Run a private bus for this user, with lagerd on it.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Read this configuration file [default on the system bus: {config.PATH}].",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, asked: _show_version(context) if asked else None,
    help="Print the version and the commit it was built from.",
)
@click.pass_context
def cli(context: click.Context, embedded: bool, config_file: Path | None) -> None:
    """Serve breakpoints and instruments on the bus that LAGER_BUS_ADDRESS names, or on the system bus.

    \b
    Examples:
      sudo lagerd install
      lagerd --embedded
    """
    if context.invoked_subcommand is not None:
        return
    logging.basicConfig(level=logging.INFO, format="lagerd: %(message)s", handlers=[Unblocking()])
    if embedded:
        from lagerd.private_bus.embedded import keep

        sys.exit(asyncio.run(keep()))
    if config_file is not None and not config_file.exists():
        raise config.ConfigError(f"There is no {config_file}.", "Write it, or start lagerd without --config.")
    if config_file is None and variables.BUS_ADDRESS not in os.environ:
        config_file = config.PATH
    sys.exit(asyncio.run(serve(given_or_system(), config_file)))


def main() -> None:
    children.hear_ends()
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except LagerError as error:
        print(f"lagerd: {error}", file=sys.stderr)
        sdnotify.SystemdNotifier().notify(f"STATUS={error}")
        sys.exit(error.exit_code)


async def serve(address: str, config_file: Path | None = None) -> int:
    """Serve until SIGTERM (returns 0) or until the bus is lost (returns 1)."""
    if build.is_built():
        build.running()  # before an upgrade can replace the files of what runs
    safe_process = _safe_process()
    bus = await Bus.connect(address)
    notifier = sdnotify.SystemdNotifier()
    breakpoints = Breakpoints(bus, Clients(bus), KeptPauses(_runtime_folder() / "pauses"), version=build.running)
    instruments = Instruments(
        bus, breakpoints.clients, breakpoints.pauses, _runtime_folder() / "leases", _state_folder(), safe_process,
    )  # fmt: skip
    status = partial(_status, notifier, breakpoints, instruments)
    service = Service(bus, breakpoints, instruments, config_file)
    start_socket = StartSocket(given_by_systemd(), breakpoints.clients, service.started_for)

    def changed(_: int) -> None:
        status()
        service.changed()

    _join(breakpoints, instruments, changed)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, service.reload)
    tree = _objects(service, breakpoints, instruments)
    bus.serve(tree)
    stop = until_told()
    try:
        await instruments.adopt()
        await _take_names(bus, address)
        notifier.notify("READY=1")
        start_socket.serve()
        status()
        _watchdog(notifier)
        await asyncio.wait([stop, bus.lost], return_when=asyncio.FIRST_COMPLETED)
        notifier.notify("STOPPING=1")
        return 0 if stop.done() else _lost(address)
    finally:
        await start_socket.close()
        breakpoints.close()
        service.close()
        await tree.close()
        await instruments.close()
        await bus.flush()
        bus.close()


def _safe_process() -> SafeProcess:
    """Return the process that makes instruments safe; it starts now if a claim has outlived the lagerd before."""
    found = SafeProcess(SOCKET if "STATE_DIRECTORY" in os.environ else None)  # which is that of the unit
    if kept_claims.any_kept(_state_folder()):
        found.make_ready()
    return found


async def _take_names(bus: Bus, address: str) -> None:
    for name in (INSTRUMENTS, BREAKPOINTS):
        if not await bus.take_name(name):
            raise BusError(f"Another lagerd is already running on {address}.", "Stop it first.")


def _join(breakpoints: Breakpoints, instruments: Instruments, changed: Callable[[int], None]) -> None:
    """Let each of the two ask the other what it does not know itself."""
    breakpoints.hooks.instruments = lambda pause: instruments.of(pause.owner)
    breakpoints.hooks.ended = instruments.lending.pause_ended
    breakpoints.hooks.lent = instruments.lending.lent_at
    breakpoints.hooks.counted = instruments.marks.refresh
    breakpoints.hooks.changed = instruments.hooks.changed = changed


def _objects(service: Service, breakpoints: Breakpoints, instruments: Instruments) -> ObjectTree:
    """Return the objects that lagerd exports on the bus."""
    tree = ObjectTree(service.refused, lasting=("Pause", "Ask"))
    tree.add(BREAKPOINTS_PATH, breakpoints.interface())
    tree.add(INSTRUMENTS_PATH, instruments.interface())
    tree.add(log_control.PATH, log_control.interface())
    return tree


def _lost(address: str) -> int:
    _log.error("Lost the bus at %s.", address)
    return 1


def _runtime_folder() -> Path:
    """Return the folder of leases and pauses: RuntimeDirectory= of systemd on a box, else a folder of this user."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(given) if given else embedded_folder()


def _state_folder() -> Path:
    """Return the folder for files that survive a reboot: StateDirectory= of systemd on a box, else a folder of this
    user."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(given) if given else embedded_folder()


def _status(notifier: sdnotify.SystemdNotifier, breakpoints: Breakpoints, instruments: Instruments) -> None:
    held = len(instruments.leases)
    notifier.notify(f"STATUS={len(breakpoints.pauses)} paused, {held} instrument{'' if held == 1 else 's'} held")


def _watchdog(notifier: sdnotify.SystemdNotifier) -> None:
    """Ping the watchdog twice in each period, from the loop itself, so that a blocked loop stops the pings."""
    period = int(os.environ.get("WATCHDOG_USEC", "0")) / 2e6
    if period > 0:
        notifier.notify("WATCHDOG=1")
        asyncio.get_running_loop().call_later(period, _watchdog, notifier)
