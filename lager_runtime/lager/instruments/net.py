"""Opens the nets of the bench for a script.

    with Net.get("supply2", type=NetType.PowerSupply) as supply:
        supply.set_voltage(3.3)
        supply.enable()

Opening a net claims its instrument before anything is sent. Closing it (close(), the end of `with`, the deletion of the
object, or the end of the process) releases the instrument after the connection has been closed. Net.get of a net that
is open returns the same object, with one use more: it is closed once each use has been returned.
"""

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from lager.errors import InvalidArgument, LagerError, WrongNetType
from lager.instruments import open_nets
from lager.instruments.brief_errors import briefly
from lager.instruments.claims import NOTHING, Claim, Guard
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.holdings import driver_class, holding_of, session_of
from lager.instruments.safety import ending, safe_state
from lager.instruments.sessions.session import Session
from lager.nets import file as nets_file
from lager.nets.model import Instrument, NetConfig, Nets, NetType, Safe, net_type
from lager.nets.resource import Reach
from lager.nets.settings.safe import AFTER, OFF, ON_EXIT, OUTPUTS
from lager.nets.terminals import place
from lager.process.raised import by_a_handler
from lager.wording.values import seconds, shown

if TYPE_CHECKING:
    from lager.instruments.drivers.base.dmm import Dmm
    from lager.instruments.drivers.base.supply import Supply
    from lager.instruments.drivers.base.switch import Switch
    from lager.instruments.drivers.batteries.keithley_2281s import Battery
    from lager.instruments.drivers.data_acquisition.labjack_t7 import Adc, Dac, Gpio, Thermocouple
    from lager.instruments.drivers.loads.rigol_dl3000 import Load
    from lager.instruments.drivers.scpi_net import ScpiNet
    from lager.instruments.drivers.serial_port import Uart

__all__ = ["Net", "NetType", "identify"]


_unlimited: set[str] = set()  # the nets for which this process has printed it


class _Options(TypedDict, total=False):
    wait: float
    nets: Nets | None
    claim: Claim | None
    coupled: bool
    share: bool
    off_on_exit: bool


class _Listed(type):
    """Lets dir() of a class show what is public and nothing else."""

    def __dir__(cls) -> list[str]:
        return sorted(name for name in vars(cls) if not name.startswith("_"))


class Net(metaclass=_Listed):
    """Opens nets; see `get`. The returned objects are context managers with a close()."""

    @overload
    @staticmethod
    def get(name: str, type: Literal[NetType.PowerSupply, "supply"], **options: Unpack[_Options]) -> "Supply": ...
    @overload
    @staticmethod
    def get(name: str, type: Literal[NetType.Battery, "battery"], **options: Unpack[_Options]) -> "Battery": ...
    @overload
    @staticmethod
    def get(name: str, type: Literal[NetType.ELoad, "eload"], **options: Unpack[_Options]) -> "Load": ...
    @overload
    @staticmethod
    def get(name: str, type: Literal[NetType.ADC, "adc"], **options: Unpack[_Options]) -> "Adc": ...
    @overload
    @staticmethod
    def get(name: str, type: Literal[NetType.DAC, "dac"], **options: Unpack[_Options]) -> "Dac": ...
    @overload
    @staticmethod
    def get(name: str, type: Literal[NetType.GPIO, "gpio"], **options: Unpack[_Options]) -> "Gpio": ...
    @overload
    @staticmethod
    def get(name: str, type: Literal[NetType.Switch, "switch"], **options: Unpack[_Options]) -> "Switch[Any]": ...
    @overload
    @staticmethod
    def get(name: str, type: Literal[NetType.DMM, "dmm"], **options: Unpack[_Options]) -> "Dmm": ...
    @overload
    @staticmethod
    def get(
        name: str, type: Literal[NetType.Thermocouple, "thermocouple"], **options: Unpack[_Options]
    ) -> "Thermocouple": ...
    @overload
    @staticmethod
    def get(name: str, type: Literal[NetType.UART, "uart"], **options: Unpack[_Options]) -> "Uart": ...
    @overload
    @staticmethod
    def get(name: str, type: Literal[NetType.SCPI, "scpi"], **options: Unpack[_Options]) -> "ScpiNet": ...
    @overload
    @staticmethod
    def get(name: str, type: NetType | str, **options: Unpack[_Options]) -> Driver[Any]: ...
    @staticmethod
    @briefly
    def get(
        name: str,
        type: NetType | str,
        *,
        wait: float = 0.0,
        nets: Nets | None = None,
        claim: Claim | None = None,
        coupled: bool = False,
        share: bool = False,
        off_on_exit: bool = False,
    ) -> Driver[Any]:
        """Open the net `name`; `type` is a NetType, or its word in the nets file ("supply").

        If this process has the net open, return that object and count one use more; each close(), and each end of a
        `with` block, returns one use, and the last one closes the net.

        Blocks up to `wait` seconds for the lease of its instrument, and then up to the timeout of the instrument for
        each step of opening it. `nets` replaces the nets file of this machine; `claim` replaces lagerd as the source of
        the lease. A coupled output is refused unless `coupled` is true: what is set on it is also set on the output
        that it is coupled to, whose limits are not checked. With `share`, another output of the same instrument may be
        open at the same time, if that was opened with `share`, too. `off_on_exit` sets the
        safe state of the net when it is closed or its process ends, however it ends; without `safe` in the nets file,
        its output is switched off.

        Raises InvalidArgument, NetsFileError, NoSuchNet, WrongNetType, NetConflict, InstrumentBusy, BusError, and
        InstrumentError with its subclasses; after any of them nothing is held.
        """
        patience = seconds(wait)
        if patience is None or patience < 0:
            raise InvalidArgument(f"{shown(wait)} is not a valid time to wait.", "Give seconds, 0 or more.")
        bench = nets or nets_file.load()
        config = bench.net(name)
        wanted = net_type(type)
        if config.type is not wanted:
            what = f"The net {name} is of type {config.type.value}, not {wanted.value}."
            raise WrongNetType(what, f"Open it with type=NetType.{config.type.name}.")
        flags = {"coupled": coupled, "share": share, "off_on_exit": off_on_exit}
        options = frozenset(option for option, given in flags.items() if given)
        with open_nets.turn(config):
            if (opened := open_nets.again(config, options)) is not None:
                return opened
            if off_on_exit:
                config = _off_on_exit(config)
            return _open(config, bench, claim or _lagerd(config.instrument, _guard(config, bench)), patience, options)

    @staticmethod
    def list_saved(nets: Nets | None = None) -> list[dict[str, Any]]:
        """Return the nets of the nets file of this machine, in its order: name, role, type, instrument, model, address,
        channel and limits of each. `role` is the word for the type that NetType.from_role takes.

        Raises NetsFileError.
        """
        saved = (nets or nets_file.load()).nets.values()
        return [{"name": net.name, "role": net.type.role, **net.as_dict()} for net in saved]

    @staticmethod
    @briefly
    def look(name: str, *, nets: Nets | None = None) -> Any:
        """Return a reading of the net without opening it: its state, or the number that it measures.

        No claim fails because of it, and it changes nothing in the instrument. Where this script has the
        instrument open, its own connection is used; else the look takes at most a second. Raises InvalidArgument
        for a net that cannot be read (uart), InstrumentBusy if another process holds the instrument, and the other
        errors of `get`.
        """
        from lager.instruments import looks

        config = (nets or nets_file.load()).net(name)
        if not looks.can_look(config):
            raise InvalidArgument(f"A net of type {config.type.value} has no reading.", "Open it with Net.get.")
        found = looks.readings([config])[name]
        if found.error is not None:
            raise found.error
        return found.value


def identify(instrument: Instrument, *, net: str, wait: float = 0.0, claim: Claim | None = None) -> str:
    """Return the instrument's answer to *IDN?, after checking that it is the model in the nets file.

    Claims and opens the instrument for this one question, on behalf of `net`. Blocks and raises like Net.get.
    """
    lease = (claim or _lagerd(instrument))(instrument.key, net=net, wait=wait, name=instrument.name)
    try:
        session = session_of(instrument)
        session.port = getattr(lease, "port", None)
        try:
            return session.identity()
        finally:
            session.close()
    finally:
        lease.release()


def _off_on_exit(config: NetConfig) -> NetConfig:
    """Return the net with a safe state that is set whenever it is closed. Raises InvalidArgument if it has none."""
    if config.safe is None and config.type not in OUTPUTS:
        what = f"{config.name} has no safe state, which off_on_exit=True needs."
        raise InvalidArgument(what, f"Add safe to [nets.{config.name}] in the nets file.")
    settings = config.safe.settings if config.safe is not None else OFF[config.type]
    return replace(config, safe=Safe(settings, ON_EXIT))


def _lagerd(instrument: Instrument, guard: Guard = NOTHING) -> Claim:
    # Imports the bus library; the others are for a pause of the script.
    from lager.instruments import lease
    from lager.instruments.while_paused import lend_here, settings_read, through  # noqa: F401

    place = instrument.resource
    offered = place.reach is not Reach.SERIAL
    return functools.partial(lease.claim, path=place.path, guard=guard, through=offered)


def _guard(config: NetConfig, nets: Nets) -> Guard:
    """Return the nets that lagerd makes safe if this process crashes with the net open.

    For a command there are none: it leaves outputs as they are, also if a lost terminal or a time limit ends it.
    """
    if config.safe is None or not _is_script():
        return NOTHING
    here = [net for net in nets.nets.values() if net.instrument.key == config.instrument.key and net.type in OFF]
    return Guard((config.name,), os.path.abspath(nets.path), {net.name: place(net) for net in here})


def _open(config: NetConfig, bench: Nets, claim: Claim, wait: float, options: frozenset[str]) -> Driver[Any]:
    pid = os.getpid()
    holding = holding_of(pid, config.instrument)
    token = holding.enter(config, claim, wait, "share" in options)
    leave: Callable[[], None] = functools.partial(holding.leave, token, pid, _safe_at_close(config))
    try:
        driver: Driver[Any] = driver_class(config)(config, holding.session, leave)
    except BaseException:
        leave()
        raise
    try:
        driver.coupled = "coupled" in options
        driver.options = options
        driver.turn = open_nets.turn(config)
        holding.nets = bench
        if any(net.deadman and net.instrument.key == config.instrument.key for net in bench.nets.values()):
            holding.watch_over(arm=_is_script())
        driver.session.set_up(driver.prepare)
        if config.type is NetType.SCPI:
            _say_unlimited(config)
        if config.safe is not None:
            ending.watch(driver, holding, claim)
        open_nets.remember(driver)
    except BaseException:
        driver.close()
        raise
    return driver


def _say_unlimited(config: NetConfig) -> None:
    """Print once in a process that a net has no limits."""
    if config.name not in _unlimited and sys.stderr is not None:
        _unlimited.add(config.name)
        print(f"lager: {config.name} sends any command to {config.instrument}; no limits apply", file=sys.stderr)


def _safe_at_close(config: NetConfig) -> "Callable[[NetConfig, Session], bool] | None":
    """Return the function that sets the safe state of the net when it is closed; None if closing does not change the
    net."""
    if config.safe is None or config.safe.after == AFTER[0]:
        return None
    return None if config.safe.after == AFTER[1] and not _is_script() else _make_safe


def _is_script() -> bool:
    from lager.instruments.lease import is_command  # imports the bus library, as the claim has done

    return not is_command()


def _make_safe(config: NetConfig, session: Session) -> bool:
    """Set the safe state of a net through its open session; return whether that worked."""
    try:
        driver: Driver[Any] = driver_class(config)(config, session, lambda: None)
        driver.coupled = True
        safe_state.apply(driver)
    except LagerError as error:
        if by_a_handler(error):
            raise
        if sys.stderr is not None:
            print(f"lager: {config.name} could not be made safe: {error.what} lagerd tries again.", file=sys.stderr)
        return False
    return True
