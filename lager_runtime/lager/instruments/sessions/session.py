"""The base of all connections to instruments.

Invariants:

- One thread at a time. `lock` is held for a whole exchange, from a query to its answer, and is re-entrant, so that a
  driver can make several exchanges one.
- No answer is ever taken for the answer to a later query. When an exchange fails, or is interrupted between query and
  answer (Ctrl-C), the session drops its connection at once, and a late answer arrives nowhere.
- A connection that is in use has been checked and set up. After a drop, the next exchange reconnects, checks the
  identity again and sets up every open net again, because the instrument may have been switched off in between. If any
  of these steps fails, the connection is dropped again.
- A connection belongs to one process. A forked child closes its copies of the descriptors at once and sends nothing. It
  takes no lock: the thread that holds it may not exist in the child.
- A closed session stays closed.
"""

import contextlib
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from lager import evidence
from lager.errors import BadReply, InstrumentError, InstrumentTimeout, InstrumentUnreachable, LagerError, WrongModel
from lager.instruments.sessions import descriptors
from lager.nets.model import Instrument
from lager.process import at_exec, threads
from lager.process.raised import suppressed
from lager.wording.values import shown

if TYPE_CHECKING:
    from lager.instruments.reporter import Reports
    from lager.instruments.sessions.port import LeasedPort

_SETS = 1000  # that are remembered


class Session:
    """One connection to one instrument. Any thread may use it; exchanges of several threads queue."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.lock = threading.RLock()
        # What this connection has configured, by terminal: nets that share a terminal check it before they use it.
        self.configured: dict[object, object] = {}
        self._setups: list[weakref.WeakMethod[Callable[[], None]]] = []
        self.port: LeasedPort | None = None  # set for a serial port that is leased from lagerd
        # For calls through the paused script, guarded by `lock`: `between` is called before each exchange,
        # and raises if the pause has ended; `as_it_is` keeps a new connection from being set up.
        self.between: Callable[[], None] | None = None
        self.as_it_is = False
        self.any_model = False  # whether the instrument may be another than the one in the nets file
        # Called by a driver before it switches an output on: programs the watchdog of the instrument.
        self.before_on: Callable[[], None] = lambda: None
        # Guarded by `lock`: whether a call that is reported is under way, and what calls that ended have set.
        self.observed = False
        self.reporter: Reports | None = None
        self.sets: deque[tuple[int, tuple[str, str], Any, Any]] = deque(maxlen=_SETS)
        self.sets_made = 0
        self.why_closed: LagerError | None = None  # raised instead of the error that the session is closed
        self._lent: LagerError | None = None
        self._device = ""  # the identity of the device before it was lent
        self.identified = ""  # the answer of `_identify`
        self._connected = False
        self._is_set_up = False
        self._closed = False
        _sessions.add(self)

    def open(self) -> None:
        """Connect, and check that it is the instrument in the nets file. Each step blocks up to the timeout."""
        with self.exchange():
            pass

    def set_up(self, setup: Callable[[], None]) -> None:
        """Call this bound method now, and again after each reconnect, until its object is deleted.

        Raises what `setup` raises; it is then not called again.
        """
        with self.exchange():
            setup()
            self._setups.append(weakref.WeakMethod(setup))

    def forget(self, setup: Callable[[], None]) -> None:
        """Stop calling a method that was passed to `set_up`."""
        with self.lock:
            self._setups = [known for known in self._setups if known() != setup]

    def is_connected(self) -> bool:
        """Return whether the connection is open; the next exchange reconnects one that was dropped."""
        return self._connected

    def is_closed(self) -> bool:
        """Return whether the session was closed for good, as after a loan that has ended."""
        return self._closed

    def close(self) -> None:
        """Drop the connection for good. Safe to call more than once."""
        with self.lock:
            self._closed = True
            self._drop()

    def lend(self, error: LagerError) -> None:
        """Drop the connection, and raise `error` at each use until `come_back`. Blocks for one exchange."""
        with self.lock:
            self._device = self.device()
            self._lent = error
            self._drop()

    def is_lent(self) -> bool:
        return self._lent is not None

    def come_back(self) -> None:
        """Connect again at the next use, and check that it is the same device."""
        with self.lock:
            self._lent = None

    def device(self) -> str:
        """Return what distinguishes this device from others of its model; empty if nothing does. Raises like
        `exchange`."""
        return self.identity()

    def note_set(self, net: str, setting: str, old: object, new: object) -> None:
        """Note that a setting of a net was set and reported. The caller holds the session."""
        self.sets.append((self.sets_made, (net, setting), old, new))
        self.sets_made += 1

    @contextlib.contextmanager
    def exchange(self) -> Iterator[None]:
        """Hold the session for a query and its answer; a failure inside drops the connection."""
        if threads.waits_for_paused(self.lock):
            what = f"The paused thread is in the middle of a call on {self.instrument}, so nothing else can use it."
            raise InstrumentError(what, "Resume the script first.")
        with self.lock:
            if self.between is not None:
                self.between()
            if self._closed:
                raise self._why_closed()
            if self._lent is not None:
                raise type(self._lent)(*self._lent.args)
            try:
                if not self._connected:
                    self._begin()
                if not (self._is_set_up or self.as_it_is):
                    self._set_up_nets()
                yield
            except (InstrumentTimeout, InstrumentUnreachable, BadReply):
                self._drop()
                raise
            except BaseException:
                # After any other exception (Ctrl-C) between query and answer, the answer is still on its way.
                if not self._idle():
                    self._drop()
                raise

    def _begin(self) -> None:
        self._connect()
        self._connected = True
        self._is_set_up = False
        self.configured.clear()
        try:
            if not self.any_model:
                self._identify()
            self._note()
            if self._device:
                self._check_device()
        except BaseException:
            self._drop()
            raise

    def _check_device(self) -> None:
        if (found := self.device()) != self._device:
            what = f"{self.instrument} is another device than before it was lent: {shown(found)}, not {self._device!r}."
            raise WrongModel(what, "Connect the one that was lent, or close the net and get it again.")

    def _why_closed(self) -> LagerError:
        if self.why_closed is not None:
            return type(self.why_closed)(*self.why_closed.args)
        return InstrumentError(f"{self.instrument} is closed.", "Get the net again with Net.get.")

    def _set_up_nets(self) -> None:
        self._is_set_up = True  # the setups make exchanges
        try:
            self._setups = [setup for setup in self._setups if setup() is not None]
            for setup in list(self._setups):
                if call := setup():
                    call()
        except BaseException:
            # The next exchange must not use an instrument that is not set up.
            self._drop()
            raise

    def identity(self) -> str:
        """Return how the instrument identifies itself. Raises like `exchange`."""
        raise NotImplementedError

    def stay_awake(self) -> None:
        """Send a query that changes nothing, so that the instrument knows that it is still in use. Raises like
        `exchange`."""
        self.identity()

    def load(self) -> None:
        """Import the modules for a connection, so that connecting takes only the time of the instrument."""

    def _connect(self) -> None:
        raise NotImplementedError

    def _disconnect(self) -> None:
        raise NotImplementedError

    def _identify(self) -> None:
        """Raise WrongModel unless the instrument is the one in the nets file."""

    def _note(self) -> None:
        """Note the instrument for the report of the run."""
        one = self.instrument
        evidence.note("instrument", name=one.name, model=one.model, address=one.address, identity=self.identified)

    def _idle(self) -> bool:
        """Return whether no answer is outstanding."""
        return False

    def _connection(self) -> object:
        """Return the object that holds the descriptors of the connection; None if they are unknown."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Close the copies of the descriptors in a forked child: the connection and its lease are the parent's.

        Takes no lock: the thread that holds it may not exist in the child.
        """
        self._closed = True
        self._connected = False
        descriptors.close_copies(descriptors.of(self._connection()))

    def _drop(self) -> None:
        if self._connected:
            self._connected = False
            with suppressed(Exception):
                self._disconnect()

    def unreachable(self, reason: object) -> NoReturn:
        hint = "Check that it is switched on and connected, and its address in the nets file."
        raise InstrumentUnreachable(f"{self.instrument} cannot be reached: {_sentence(reason)}.", hint)

    def lost(self, reason: object) -> NoReturn:
        hint = "Check its cable and power; the next command reconnects."
        raise InstrumentUnreachable(f"The connection to {self.instrument} was lost: {_sentence(reason)}.", hint)

    def in_use(self) -> NoReturn:
        if self.port is not None:
            self.port.refuse_holder()
        hint = "Stop the other program (lsof and fuser name it), or unplug the instrument and plug it in again."
        raise InstrumentError(f"Another program has {self.instrument} open.", hint)

    def silent(self, question: str) -> NoReturn:
        what = f"{self.instrument} did not answer {question!r} within {self.instrument.timeout:g} s."
        raise InstrumentTimeout(what, "Check that it is switched on and not waiting on its front panel.")

    def bad_reply(self, question: str, reply: object, reason: object) -> NoReturn:
        raise BadReply(f"{self.instrument} answered {question!r} with {shown(reply)}: {_sentence(reason)}.", _BAD_REPLY)

    def unasked(self, question: str, reply: object) -> NoReturn:
        raise BadReply(f"{self.instrument} sent {shown(reply)} before {question!r} was asked.", _BAD_REPLY)


_BAD_REPLY = "Try again; lager reconnects. If the error persists, check the model in the nets file."


def _sentence(reason: object) -> str:
    return " ".join(str(reason).split()).rstrip(".")[:200]


_sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()
at_exec.keep(lambda: [fd for session in list(_sessions) for fd in descriptors.of(session._connection())])


def _after_fork() -> None:
    for session in list(_sessions):
        with contextlib.suppress(Exception):
            session.abandon()
    _sessions.clear()


os.register_at_fork(after_in_child=_after_fork)
