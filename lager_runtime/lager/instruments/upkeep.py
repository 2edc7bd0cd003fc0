"""Keeps an instrument awake while it is open, with harmless queries, and programs its watchdog.

The thread that sends the queries never waits for an exchange that is under way, because that has the same effect as a
query. It ends with the last net that needs it, and never keeps the process alive. Without `keepalive` and `deadman` in
the nets file, lager starts no thread and sends nothing.
"""

import sys
import threading
from collections.abc import Callable, Sequence

from lager.errors import InstrumentError, LagerError
from lager.instruments.sessions.session import Session
from lager.nets import catalog
from lager.nets.model import NetConfig

_AGAIN = 1.0  # seconds, after an exchange was under way

wait: Callable[[threading.Event, float], bool] = threading.Event.wait  # a test drives another clock


class KeepAlive:
    """Queries the instrument every `seconds`, in a separate thread, until `end`. Prints once that it does not
    answer."""

    def __init__(self, session: Session, seconds: float) -> None:
        self.seconds = seconds
        self._session = session
        self._ended = threading.Event()
        self._failing = False
        try:
            threading.Thread(target=self._work, name="lager-keepalive", daemon=True).start()
        except RuntimeError as error:
            what = f"Cannot start the thread that keeps {session.instrument} awake: {error}."
            raise InstrumentError(what, "End some of your threads or processes.") from None

    def end(self) -> None:
        self._ended.set()

    def _work(self) -> None:
        pause = self.seconds
        while not wait(self._ended, pause):
            pause = self.seconds if self._ask() else min(_AGAIN, self.seconds)

    def _ask(self) -> bool:
        """Send a harmless query to the instrument; return False if an exchange is under way."""
        if not self._session.lock.acquire(blocking=False):
            return False
        try:
            if not self._ended.is_set():
                self._session.as_it_is = True  # a connection that was lost comes back, and sets up nothing
                self._session.stay_awake()
                self._failing = False
        except LagerError as error:
            self._tell(error)
        finally:
            self._session.as_it_is = False
            self._session.lock.release()
        return True

    def _tell(self, error: LagerError) -> None:
        if not self._failing and sys.stderr is not None:
            print(f"lager: the keepalive of {self._session.instrument.name} failed: {error.what}", file=sys.stderr)
        self._failing = True


class Upkeep:
    """The keepalive and the watchdog of the instrument of one holding, whose lock guards this."""

    def __init__(self) -> None:
        self._keepalive: KeepAlive | None = None
        self._armed = False
        self._rearm = False

    def attend(self, session: Session, nets: Sequence[NetConfig]) -> None:
        """Follow a change of the nets that are open. Raises InstrumentError if it cannot."""
        if session.is_lent():
            return  # `resume` follows the change
        seconds = min((net.keepalive for net in nets if net.keepalive), default=0.0)
        if self._keepalive is not None and self._keepalive.seconds != seconds:
            self._keepalive.end()
            self._keepalive = None
        if seconds and self._keepalive is None:
            self._keepalive = KeepAlive(session, seconds)
        if self._armed:
            self.program(session, nets, arm=True)

    def program(self, session: Session, nets: Sequence[NetConfig], *, arm: bool) -> None:
        """Program the watchdog for those of the open nets that have a `deadman`, or disarm it. Raises InstrumentError.

        It is read back. The shortest `deadman` counts.
        """
        guarded = [net for net in nets if net.deadman] if arm else []
        set_watchdog(session, guarded)
        self._armed = bool(guarded)

    def suspend(self, session: Session) -> None:
        """Stop the queries before a loan, and disarm the watchdog. Raises InstrumentError if that fails."""
        if self._armed:
            set_watchdog(session, [])
        self._rearm = self._armed
        self.stop()

    def resume(self, session: Session, nets: Sequence[NetConfig]) -> None:
        """Resume the queries after a loan, and arm the watchdog if it was armed. Raises InstrumentError."""
        self.attend(session, nets)
        if self._rearm:
            self.program(session, nets, arm=True)

    def stop(self) -> None:
        """End the keepalive; the watchdog stays as it is."""
        if self._keepalive is not None:
            self._keepalive.end()
            self._keepalive = None
        self._armed = False

    def end(self, session: Session | None) -> None:
        """End the keepalive and disarm the watchdog, which would switch off a silent instrument."""
        try:
            if self._armed and session is not None:
                set_watchdog(session, [])
        except InstrumentError as error:
            if sys.stderr is not None:
                told = f"lager: the watchdog of {session and session.instrument.name} is still armed: {error.what}"
                print(told, file=sys.stderr)
        finally:
            self.stop()


def set_watchdog(session: Session, nets: Sequence[NetConfig]) -> None:
    """Program the instrument's watchdog to guard these nets; without nets, disarm it. Raises InstrumentError."""
    family = catalog.find(session.instrument.model)
    if family is not None and family.guarded:
        driver = family.loaded()
        driver.set_watchdog(session, nets)
