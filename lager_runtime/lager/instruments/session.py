"""What the ways to an instrument have in common: one at a time, closed for good, and never a late answer.

A session that failed is `broken`: it drops its connection at once, so that an answer which comes too late has nowhere
to arrive, and the next use connects anew and checks again who is there.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import NoReturn

from lager.errors import BadReply, InstrumentError, InstrumentTimeout, InstrumentUnreachable
from lager.nets.model import Instrument
from lager.values import shown


class Session:
    """One connection to one instrument. Any thread may use it; each exchange is one thread's alone."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.lock = threading.RLock()
        self._connected = False
        self._closed = False

    def open(self) -> None:
        """Connect and check that it is the instrument of the nets file. Blocks up to the timeout of each step."""
        with self.exchange():
            pass

    def close(self) -> None:
        """Drop the connection for good. Safe to call more than once."""
        with self.lock:
            self._closed = True
            self._drop()

    @contextlib.contextmanager
    def exchange(self) -> Iterator[None]:
        """Hold the session for a question and its answer; whatever fails inside breaks the connection."""
        with self.lock:
            if self._closed:
                raise InstrumentError(f"{self.instrument} is closed.", "Get the net again with Net.get.")
            try:
                if not self._connected:
                    self._connect()
                    self._connected = True
                    self._identify()
                yield
            except (InstrumentTimeout, InstrumentUnreachable, BadReply):
                self._drop()
                raise
            except BaseException:
                # Between a question and its answer anything else (Ctrl-C) leaves the answer on its way.
                if not self._idle():
                    self._drop()
                raise

    def identity(self) -> str:
        """What the instrument says it is. Raises as `exchange`."""
        raise NotImplementedError

    def _connect(self) -> None:
        raise NotImplementedError

    def _disconnect(self) -> None:
        raise NotImplementedError

    def _identify(self) -> None:
        """Raise WrongModel unless the instrument is the one of the nets file."""

    def _idle(self) -> bool:
        """Whether no answer is outstanding."""
        return False

    def _drop(self) -> None:
        if self._connected:
            self._connected = False
            with contextlib.suppress(Exception):
                self._disconnect()

    def unreachable(self, reason: object) -> NoReturn:
        hint = "Check that it is switched on and connected, and its address in the nets file."
        raise InstrumentUnreachable(f"{self.instrument} cannot be reached: {_sentence(reason)}.", hint)

    def lost(self, reason: object) -> NoReturn:
        hint = "Check its cable and power; the next command connects anew."
        raise InstrumentUnreachable(f"The connection to {self.instrument} was lost: {_sentence(reason)}.", hint)

    def in_use(self) -> NoReturn:
        hint = "Stop the other program (lsof and fuser name it), or unplug the instrument and plug it in again."
        raise InstrumentError(f"Another program has {self.instrument} open.", hint)

    def silent(self, question: str) -> NoReturn:
        what = f"{self.instrument} did not answer {question!r} within {self.instrument.timeout:g} s."
        raise InstrumentTimeout(what, "Check that it is switched on and not waiting on its front panel.")

    def bad_reply(self, question: str, reply: object, reason: object) -> NoReturn:
        what = f"{self.instrument} answered {question!r} with {shown(reply)}: {_sentence(reason)}."
        raise BadReply(what, "Try again; the connection starts anew. If it stays, check the model in the nets file.")


def _sentence(reason: object) -> str:
    return " ".join(str(reason).split()).rstrip(".")[:200]
