"""Opens the nets of the bench for a script.

    with Net.get("supply2", type=NetType.PowerSupply) as supply:
        supply.set_voltage(3.3)
        supply.enable()

Opening a net claims its instrument before anything is sent. Closing it (close(), the end of `with`, the deletion of the
object, or the end of the process) releases the instrument after the connection has been closed.
"""

import functools
import gc
import importlib
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from lager.errors import InstrumentError, NetConflict, WrongNetType
from lager.instruments.brief_errors import briefly
from lager.instruments.drivers.driver import Driver
from lager.instruments.session import Session
from lager.nets import catalog
from lager.nets import file as nets_file
from lager.nets.model import Instrument, NetConfig, Nets, NetType, net_type
from lager.nets.resource import Reach, device

if TYPE_CHECKING:
    from lager.instruments.drivers.keithley_2281s import Battery
    from lager.instruments.drivers.labjack_t7 import Adc, Dac, Gpio
    from lager.instruments.drivers.rigol_dl3000 import Load
    from lager.instruments.drivers.serial_port import Uart
    from lager.instruments.drivers.supply import Supply
    from lager.instruments.lease import Claim, Lease

__all__ = ["Net", "NetType", "identify"]


class _Holding:
    """One physical instrument in this process: its lease, its session, and the nets that are open on it.

    The first net to enter claims the lease and opens the session; the last one to leave closes the session and then
    releases the lease. `lock` guards this: it is held during both steps. Two invariants:

    - A holding is never removed from `_holdings`, because another thread may have found it and wait for its lock.
    - The lock is re-entrant, because the garbage collector may run the finalizer of a dead net (`leave`) at any point
      of the thread that holds it.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.users: dict[object, NetConfig] = {}
        self.session: Session | None = None
        self.lease: Lease | None = None

    def enter(self, config: NetConfig, claim: "Claim", wait: float) -> object:
        """Add this net, and open the instrument if it is the first; returns a token for `leave`."""
        with self.lock:
            self._refuse_conflict(config)
            token = object()
            self.users[token] = config
            try:
                if self.session is None:
                    self._open(config, claim, wait)
            except BaseException:
                self.leave(token, os.getpid())
                raise
            return token

    def leave(self, token: object, pid: int) -> None:
        """Remove a net; the last one closes the session and then releases the lease."""
        if os.getpid() != pid:
            return  # a forked child: the session and the lease belong to its parent
        with self.lock:
            self.users.pop(token, None)
            if self.users:
                return
            session, self.session = self.session, None
            lease, self.lease = self.lease, None
            try:
                if session:
                    session.close()
            finally:
                if lease:
                    lease.release()

    def _open(self, config: NetConfig, claim: "Claim", wait: float) -> None:
        instrument = config.instrument
        self.lease = claim(instrument.key, net=config.name, wait=wait, name=instrument.name)
        self.session = _session(instrument)
        self.session.port = getattr(self.lease, "port", None)
        self.session.open()

    def _refuse_conflict(self, config: NetConfig) -> None:
        if self._conflicting(config):
            gc.collect()  # a net that only a reference cycle keeps alive is no longer in use
        if other := self._conflicting(config):
            if other.name == config.name:
                what = f"The net {config.name} is already open in this script."
                raise NetConflict(what, "Use the object you have, or close() it first.")
            what = (
                f"{config.name} and {other.name} share one instrument, {config.instrument}, and {other.name} is open."
            )
            hint = f"Close {other.name} first ({other.name}.close(), or a 'with' block around each)."
            raise NetConflict(what, hint)

    def _conflicting(self, config: NetConfig) -> NetConfig | None:
        return next((user for user in self.users.values() if not (user.type.shared and config.type.shared)), None)


_holdings: dict[tuple[int, str], _Holding] = {}


class _Options(TypedDict, total=False):
    wait: float
    nets: Nets | None
    claim: "Claim | None"
    coupled: bool


class Net:
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
    def get(name: str, type: Literal[NetType.UART, "uart"], **options: Unpack[_Options]) -> "Uart": ...
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
        claim: "Claim | None" = None,
        coupled: bool = False,
    ) -> Driver[Any]:
        """Open the net `name`; `type` is a NetType, or its word in the nets file ("supply").

        Blocks up to `wait` seconds for the lease of its instrument, and then up to the timeout of the instrument for
        each step of opening it. `nets` replaces the nets file of this machine; `claim` replaces lagerd as the source of
        the lease. A coupled output is refused unless `coupled` is true: what is set on it is also set on the output
        that it is coupled to, whose limits are not checked.

        Raises NetsFileError, NoSuchNet, WrongNetType, NetConflict, InstrumentBusy, BusError, and InstrumentError with
        its subclasses; after any of them nothing is held.
        """
        config = (nets or nets_file.load()).net(name)
        wanted = net_type(type)
        if config.type is not wanted:
            what = f"The net {name} is of type {config.type.value}, not {wanted.value}."
            raise WrongNetType(what, f"Open it with type=NetType.{config.type.name}.")
        return _open(config, claim or _lagerd(config.instrument), wait, coupled)


def identify(instrument: Instrument, *, net: str, wait: float = 0.0, claim: "Claim | None" = None) -> str:
    """Return the instrument's answer to *IDN?, after checking that it is the model in the nets file.

    Claims and opens the instrument for this one question, on behalf of `net`. Blocks and raises like Net.get.
    """
    lease = (claim or _lagerd(instrument))(instrument.key, net=net, wait=wait, name=instrument.name)
    try:
        session = _session(instrument)
        session.port = getattr(lease, "port", None)
        try:
            return session.identity()
        finally:
            session.close()
    finally:
        lease.release()


def _lagerd(instrument: Instrument) -> "Claim":
    from lager.instruments import lease  # imports the bus library

    return functools.partial(lease.claim, path=instrument.resource.path)


def _open(config: NetConfig, claim: "Claim", wait: float, coupled: bool) -> Driver[Any]:
    pid = os.getpid()
    holding = _holding(pid, config.instrument)
    token = holding.enter(config, claim, wait)
    leave: Callable[[], None] = functools.partial(holding.leave, token, pid)
    try:
        driver: Driver[Any] = _driver_class(config)(config, holding.session, leave)
    except BaseException:
        leave()
        raise
    try:
        driver.coupled = coupled
        driver.session.set_up(driver.prepare)
    except BaseException:
        driver.close()
        raise
    return driver


def _holding(pid: int, instrument: Instrument) -> _Holding:
    here = device(instrument.resource.path)
    for (owner, _), other in list(_holdings.items()) if here else ():
        if owner == pid and here in [device(config.instrument.resource.path) for config in other.users.values()]:
            return other  # the same serial port under another name
    return _holdings.setdefault((pid, instrument.key), _Holding())


def _driver_class(config: NetConfig) -> Any:
    reach = config.instrument.resource.reach
    family = catalog.SERIAL if reach is Reach.SERIAL else catalog.find(config.instrument.model)
    if family is None or config.type not in family.drivers:
        what = f"There is no {config.type.value} driver for {config.instrument}."
        raise InstrumentError(what, "Correct the model in the nets file.")
    return getattr(importlib.import_module(f"lager.instruments.drivers.{family.module}"), family.drivers[config.type])


def _session(instrument: Instrument) -> Session:
    # Each transport needs its own library; import none before it is used.
    reach = instrument.resource.reach
    if reach is Reach.SERIAL:
        from lager.instruments.drivers.serial_port import SerialSession

        return SerialSession(instrument)
    if reach is Reach.VISA:
        from lager.instruments.scpi import Scpi

        return Scpi(instrument)
    from lager.instruments.modbus import registers

    return registers(instrument)
