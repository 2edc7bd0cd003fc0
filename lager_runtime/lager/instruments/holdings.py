"""The physical instruments that this process has open: lease, session and nets of each, and the classes behind them."""

import contextlib
import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from lager.errors import InstrumentError, NetConflict
from lager.instruments import ended_frames
from lager.instruments.claims import Claim, HeldLease
from lager.instruments.sessions.session import Session
from lager.instruments.upkeep import Upkeep
from lager.nets import catalog
from lager.nets.model import Instrument, NetConfig, Nets
from lager.nets.resource import Reach, device
from lager.nets.terminals import terminal
from lager.process import at_end, threads
from lager.process.raised import by_a_handler, suppressed

_END_SECONDS = 2.0  # for a statement of a console to leave an instrument, at the end of the process


class Holding:
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
        self.sharing: set[object] = set()  # tokens of the nets that were opened with share=True
        self.nets: Nets | None = None  # where the latest of the nets was found
        self.session: Session | None = None
        self.lease: HeldLease | None = None
        self.upkeep = Upkeep()
        self.loan = ""  # the id of the pause at which the instrument was lent
        self._left: tuple[Session, HeldLease | None] | None = None  # open when the process ends
        self._unsafe: dict[object, NetConfig] = {}  # closed, but their safe state could not be set

    def enter(self, config: NetConfig, claim: Claim, wait: float, share: bool = False) -> object:
        """Add this net, and open the instrument if it is the first; returns a token for `leave`."""
        if threads.waits_for_paused(self.lock):
            what = f"The paused thread is just opening or closing a net of {config.instrument}."
            raise InstrumentError(what, "Resume the script first.")
        with self.lock:
            self._refuse_conflict(config, share)
            token = object()
            self.users[token] = config
            if share:
                self.sharing.add(token)
            try:
                if self.session is None:
                    self._open(config, claim, wait)
                else:
                    self._guard()
                self._attend()
            except BaseException:
                self.leave(token, os.getpid())
                raise
            return token

    def leave(self, token: object, pid: int, make_safe: "Callable[[NetConfig, Session], bool] | None" = None) -> None:
        """Remove a net; the last one closes the session and then releases the lease.

        `make_safe` sets the safe state of the net before, and returns whether it is safe. If not, lagerd takes the
        end of the lease for a crash, and tries again.
        """
        if os.getpid() != pid:
            return  # a forked child: the session and the lease belong to its parent
        with self.lock:
            config = self.users.get(token)
            session = self.session
            if make_safe and config is not None and session is not None and not make_safe(config, session):
                self._unsafe[token] = config
            self.users.pop(token, None)
            self.sharing.discard(token)
            if self.users:
                self._guard()
                with suppressed(InstrumentError):  # then the watchdog guards more nets than are open
                    self._attend()
            else:
                self.close()

    def close(self) -> None:
        """Close the session, then release the lease."""
        with self.lock:
            session, self.session = self.session, None
            lease, self.lease = self.lease, None
            try:
                self.upkeep.end(session)
                if session:
                    session.close()
            finally:
                if lease and self._unsafe:
                    crash(lease)
                elif lease:
                    _release(lease)
                self._unsafe = {}

    def _open(self, config: NetConfig, claim: Claim, wait: float) -> None:
        instrument = config.instrument
        self.lease = claim(instrument.key, net=config.name, wait=wait, name=instrument.name)
        at_end.call(_close_all)  # before the client of lagerd, which the claim may have started
        self.session = session_of(instrument)
        self.session.port = getattr(self.lease, "port", None)
        self.session.reporter = getattr(self.lease, "reporter", None)  # only leases of lagerd have it
        self.session.open()

    def watch_over(self, *, arm: bool) -> None:
        """Program the instrument's watchdog each time before an output is switched on: `arm` it, or disarm it."""
        session = self.session
        if session is not None:
            session.before_on = lambda: self.upkeep.program(session, list(self.users.values()), arm=arm)

    def _attend(self) -> None:
        if self.session is not None:
            self.upkeep.attend(self.session, list(self.users.values()))

    def _guard(self) -> None:
        """Tell lagerd which of the open nets to make safe if this process crashes."""
        if guard := getattr(self.lease, "guard", None):
            nets = {net.name for net in [*self.users.values(), *self._unsafe.values()] if net.safe is not None}
            guard(tuple(sorted(nets)))

    def crash(self, exit_code: str = "") -> None:
        """Close the session and end the lease without a release: lagerd makes the nets safe. See `crash`."""
        with self.lock:
            session, self.session = self.session, None
            lease, self.lease = self.lease, None
            self.users.clear()
            self.upkeep.stop()
            if session:
                session.close()
            if lease:
                crash(lease, exit_code)

    def given_up(self) -> bool:
        """At the end of the process: return True if another thread keeps the session in a call that does not end.

        Then say so, and leave the connection and the lease to the end of the process. lagerd takes that for a crash: it
        sets safe states, and records that the instrument was not released. Blocks up to two seconds.
        """
        session, name = self.session, ""
        if session is None:
            return self._left is not None
        name = session.instrument.name
        if is_free(self.lock, session.lock):
            return False
        self._left = session, self.lease
        self.session = self.lease = None
        self.users.clear()
        self.upkeep.stop()
        if sys.stderr is not None:
            told = f"lager: {name} was not closed: another thread is in the middle of an exchange with it.\n"
            sys.stderr.write(f"{told}  Check its outputs: lagerd takes this for a crash.\n")
        return True

    def copy_lease(self) -> int:
        """Return a copy of the locked descriptor of the lease, which the caller closes."""
        copy = getattr(self.lease, "copy", None)
        if copy is None:
            raise InstrumentError("The lease is not one of lagerd.")
        return int(copy())

    def end(self, session: Session, *, forget: bool = False) -> None:
        """Close a session and release its lease, while nets are open on it: their next use says why.

        With `forget`, lagerd has already ended the lease.
        """
        with self.lock:
            if self.session is not session:
                return
            lease, self.lease = self.lease, None
            self.session = None
            self.users.clear()
            self.sharing.clear()
            self.upkeep.end(session)
            session.close()
            if lease is not None:
                getattr(lease, "forget", lease.release)() if forget else lease.release()

    def _refuse_conflict(self, config: NetConfig, share: bool) -> None:
        if self._conflicting(config, share):
            gc.collect()  # a net that only a reference cycle keeps alive is no longer in use
        if self.session is not None and self._conflicting(config, share):
            ended_frames.drop_nets(self.session)
        if other := self._conflicting(config, share):
            if other.name == config.name:
                what = f"The net {config.name} is already open in this script."
                raise NetConflict(what, "Use the object you have, or close() it first.")
            what = (
                f"{config.name} and {other.name} share one instrument, {config.instrument}, and {other.name} is open."
            )
            hint = f"Close {other.name} first ({other.name}.close(), or a 'with' block around each)"
            hint += ", or open both with share=True." if _may_share(other, config) else "."
            raise NetConflict(what, hint)

    def _conflicting(self, config: NetConfig, share: bool) -> NetConfig | None:
        for token, user in self.users.items():
            both_share = share and token in self.sharing and _may_share(user, config)
            if not (both_share or (user.type.shared and config.type.shared)):
                return user
        return None


def _may_share(one: NetConfig, other: NetConfig) -> bool:
    """Return whether two nets are outputs of one kind on different channels, which do not disturb each other."""
    return one.type is other.type and terminal(one) != terminal(other)


def crash(lease: HeldLease, exit_code: str = "") -> None:
    """End a lease without a release: lagerd makes its nets safe.

    If `exit_code` is the path of the pipe with the exit code of this process, lagerd waits for it: 0 means no crash.
    """
    end = getattr(lease, "crash", None)  # only leases of lagerd have it
    if end is not None:
        end(exit_code)


_holdings: dict[tuple[int, str], Holding] = {}


def is_free(*locks: Any) -> bool:
    """Return whether each lock can be had in two seconds, all together."""
    ends = time.monotonic() + _END_SECONDS
    with contextlib.ExitStack() as taken:
        for lock in locks:
            if not lock.acquire(timeout=max(ends - time.monotonic(), 0.0)):
                return False
            taken.callback(lock.release)
        return True


def _release(lease: "HeldLease") -> None:
    try:
        lease.release()
    except BaseException as error:
        if by_a_handler(error):  # which may have come before the release
            lease.release()
        raise


def _close_all() -> None:
    """Close all instruments that are still open at the end of the process."""
    for (pid, _), holding in list(_holdings.items()):
        if pid == os.getpid() and not holding.given_up():
            with suppressed(Exception):
                holding.close()


def holding_of(pid: int, instrument: Instrument) -> Holding:
    here = device(instrument.resource.path)
    for (owner, _), other in list(_holdings.items()) if here else ():
        if owner == pid and here in [device(config.instrument.resource.path) for config in other.users.values()]:
            return other  # the same serial port under another name
    return _holdings.setdefault((pid, instrument.key), Holding())


def held(key: str) -> Holding | None:
    """Return the holding of the instrument with this key, if this process has it open."""
    holding = _holdings.get((os.getpid(), key))
    return holding if holding is not None and holding.session is not None else None


def of_this_process() -> list[Holding]:
    return [holding for (pid, _), holding in list(_holdings.items()) if pid == os.getpid()]


def driver_class(config: NetConfig) -> Any:
    reach = config.instrument.resource.reach
    family = catalog.SERIAL if reach is Reach.SERIAL else catalog.family_of(config.instrument.model, config.type)
    if family is None or config.type not in family.drivers:
        what = f"There is no {config.type.value} driver for {config.instrument}."
        raise InstrumentError(what, "Correct the model in the nets file.")
    return getattr(family.loaded(), family.drivers[config.type])


def session_of(instrument: Instrument) -> Session:
    # Each transport needs its own library; import none before it is used.
    reach = instrument.resource.reach
    if reach is Reach.SERIAL:
        from lager.instruments.drivers.serial_port import SerialSession

        return SerialSession(instrument)
    if reach is Reach.VISA:
        from lager.instruments.sessions.scpi import Scpi

        return Scpi(instrument)
    if reach is Reach.HUB:
        from lager.instruments.sessions.usb_hub import HubSession

        return HubSession(instrument)
    from lager.instruments.sessions.modbus import registers

    return registers(instrument)
