"""The base classes of all drivers: an open net, one that speaks SCPI, and one with an output that can be switched."""

import builtins
import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Generic, NoReturn, Self, TypeVar

from lager.errors import InstrumentError, Rejected
from lager.instruments.brief_errors import briefly, briefly_in
from lager.instruments.drivers.base.setting import LAST, Setting, report_in
from lager.instruments.drivers.base.state import State
from lager.instruments.sessions import parse
from lager.instruments.sessions.scpi import Scpi
from lager.instruments.sessions.session import Session
from lager.nets.model import NetConfig, NetType
from lager.nets.quantities import decimal
from lager.process import threads
from lager.process.raised import by_a_handler, suppressed

S = TypeVar("S", bound=Session)
St = TypeVar("St", bound=State)


_INTERNAL = frozenset(
    (
        "as_it_is", "check", "close_for_all", "coupled", "is_in_role", "is_reported", "options", "prepare", "session",
        "sets", "settings",
    )
)  # fmt: skip


def public_names(driver: type) -> list[str]:
    """Return the names of a driver that scripts use, in alphabetical order: what dir() of a net shows."""
    names = {name for one in driver.__mro__ for name in vars(one)}
    return sorted(name for name in names if not name.startswith("_") and not name.isupper() and name not in _INTERNAL)


class Closing:
    """How a net was closed: by the script, and if so, by an exception that left its `with` block. This object outlives
    the net."""

    asked = False
    by_error = False


class Driver(Generic[S]):
    """An open net. Net.get counts its uses; the last close() or end of a `with` block, or deleting the object, ends its
    use of the session and the lease.

    Every method that talks to the instrument blocks, each exchange at most for the timeout in the nets file, and raises
    a subclass of InstrumentError if the instrument or the connection fails. Any thread may call; exchanges queue.
    """

    coupled = False
    """Whether the net may be a coupled output (`Net.get`)."""
    options: frozenset[str] = frozenset()
    """The options of `Net.get` that the net was opened with."""
    as_it_is = False
    """Whether a reading takes range, mode and role of the instrument as they are, and sets up nothing."""
    SETS: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The methods that change settings, and which of `settings`. They report what they change while a script is paused
    on the box."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        report_in(cls, cls.SETS)
        briefly_in(cls)

    def __init__(self, config: NetConfig, session: S, leave: Callable[[], None] | None = None) -> None:
        self.config = config
        self._own_session = session
        self._finalizer = weakref.finalize(self, leave or session.close)
        self._finalizer.atexit = False  # an exit handler of the script may still use the net
        self._pid = os.getpid()
        self.closing = Closing()
        self.uses = 1
        self.turn: Any = threading.RLock()  # guards `uses`; Net.get sets the turn of the net

    def __dir__(self) -> list[str]:
        return public_names(self.__class__)

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def type(self) -> NetType:
        return self.config.type

    @property
    def channel(self) -> int:
        return self.config.channel or 0

    @property
    def session(self) -> S:
        """The session of the net. Raises InstrumentError if the net is closed, and in a forked child."""
        if os.getpid() != self._pid:
            what = f"The net {self.name} belongs to the process that opened it, not to its child."
            raise InstrumentError(what, "Close it there and get it here with Net.get.")
        if not self._finalizer.alive:
            raise InstrumentError(f"The net {self.name} is closed.", "Get it again with Net.get.")
        return self._own_session

    def prepare(self) -> None:
        """Put the instrument into the role of this net; called after each connect (`Session.set_up`)."""

    def is_open(self) -> bool:
        """Return whether the net is open, in this process."""
        return self._finalizer.alive and os.getpid() == self._pid

    def settings(self) -> tuple[Setting, ...]:
        """Return the settings of the net that can be read without side effects."""
        return ()

    def sets(self, method: str) -> tuple[str, ...]:
        """Return which of `settings` a method changes."""
        return self.SETS[method]

    def is_reported(self) -> bool:
        """Return whether to report settings now, because a script is paused."""
        reporter = self._own_session.reporter
        return reporter is not None and reporter.is_wanted()

    def is_in_role(self) -> bool:
        """Return whether the instrument is in the role of this net; False if it is in another role and off.

        Raises InstrumentError if it is in another role and on.
        """
        return True

    def check(self) -> None:
        """Raise InstrumentError if the instrument is in another role than this net, or its output is coupled. Changes
        nothing."""

    @briefly
    def close(self) -> None:
        """Return one use of the net, as Net.get counts them; the last one closes it and releases its instrument.

        Safe to call more than once.
        """
        self._return_use(by_error=False)

    def _return_use(self, *, by_error: bool) -> None:
        if os.getpid() != self._pid:
            self.close_for_all()
            return
        if threads.waits_for_paused(self.turn):
            what = f"The paused thread is just opening or closing {self.name}."
            raise InstrumentError(what, "Resume the script first.")
        with self.turn:
            self.uses = max(0, self.uses - 1)
            if self.uses == 0:
                self.closing.by_error = self.closing.by_error or by_error
                self.close_for_all()

    def close_for_all(self) -> None:
        """Close the net, however many uses it has."""
        self.closing.asked = True
        if os.getpid() == self._pid:
            self._own_session.forget(self.prepare)
        # Calling the finalizer does nothing once weakref has run its own exit handler.
        if found := self._finalizer.peek():
            try:
                if self._finalizer.detach():
                    found[1]()
            except BaseException as error:
                if by_a_handler(error):  # or the instrument would stay claimed
                    self._finalizer.detach()
                    found[1]()
                raise

    def __enter__(self) -> Self:
        return self

    # Plain, so that --pause-on-error can read from its code that it lets every error through.
    def __exit__(
        self, kind: builtins.type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._return_use(by_error=error is not None)

    def __repr__(self) -> str:
        closed = "" if self._finalizer.alive else ", closed"
        return f"<{self.config.type.value} {self.name} on {self.config.instrument}{closed}>"


class ScpiDriver(Driver[Scpi]):
    """A driver that speaks SCPI. In its commands, {n} is the channel and {x} the value."""

    def _spell(self, command: str, value: float | str = "") -> str:
        text = value if isinstance(value, str) else decimal(value)
        return command.format(n=self.channel, x=text)

    def _number(self, question: str) -> float:
        return self.session.ask(self._spell(question), parse.number)

    def _setting(self) -> contextlib.AbstractContextManager[None]:
        """Return the context of a setting: an exchange in which the instrument accepts settings of this net."""
        return self.session.exchange()

    def _put(self, command: str, question: str, value: float, resolution: float) -> float:
        """Set a number and return its readback. Raises Rejected if they differ by more than `resolution`."""
        with self._setting():
            self.session.tell(self._spell(command, value))
            readback = self._number(question)
        if abs(readback - value) > resolution * 1.001:
            self._wrong_readback(command, decimal(value), decimal(readback))
        return readback

    def _wrong_readback(self, command: str, wanted: str, readback: str) -> NoReturn:
        what = f"{self.name}: the instrument accepted {self._spell(command, wanted)!r}, but reads back {readback}."
        raise Rejected(
            what, "Check the value against the ranges of the instrument, and check whether a protection tripped."
        )


class Switched(ScpiDriver):
    """A driver of an output or input that can be switched, and that protections switch off."""

    SET_OUTPUT: ClassVar[str]
    GET_OUTPUT: ClassVar[str]
    READ_OUTPUT: ClassVar[Callable[[str], bool]] = parse.on_off

    def disable(self) -> None:
        """Switch the output off."""
        raise NotImplementedError

    def _is_on(self) -> bool:
        return self.session.ask(self._spell(self.GET_OUTPUT), type(self).READ_OUTPUT)

    def _output_setting(self) -> Setting:
        return Setting("output", self._is_on, write=self._set_back_output, turn=LAST)

    def _set_back_output(self, value: object) -> None:
        """Switch the output off if it was off. Raises InstrumentError if it was on: lager switches no output on."""
        if value:
            raise InstrumentError(f"{self.name}: its output was on. lager switches no output on.")
        self.disable()

    def _switch(self, word: str) -> None:
        """Switch the output ON or OFF. Raises Rejected if its state does not change."""
        with self._setting():
            self.session.tell(self._spell(self.SET_OUTPUT, word))
            if self._is_on() != (word == "ON"):
                self._wrong_readback(self.SET_OUTPUT, word, "OFF" if word == "ON" else "ON")

    def state(self) -> State:
        """Return all settings and readings. Raises only if nothing could be read."""
        raise NotImplementedError

    def print_state(self) -> None:
        """Print all settings and readings; see state()."""
        self._printed(self.state())

    def _printed(self, state: St) -> St:
        print(state)
        return state

    def _clear(self, what: str, command: str, tripped: Callable[[], bool]) -> None:
        """Reset a protection with the output off. If nothing has tripped, an output that is on stays on."""
        with self._setting():
            if not tripped() and self._is_on():
                return
            self._switch("OFF")
            try:
                self.session.tell(self._spell(command))
                came_on = self._is_on()
            except InstrumentError:
                with suppressed(InstrumentError):  # the first error says more
                    self._switch("OFF")  # the instrument may have carried out the command
                raise
            if came_on:
                self._switch("OFF")
                said = f"{self.name}: resetting its {what} switched the output on; lager switched it off again."
                raise Rejected(said, "Check what is connected, then enable it again.")
            if tripped():
                raise Rejected(f"{self.name}: its {what} is still tripped.", "Remove the cause, then clear it again.")
