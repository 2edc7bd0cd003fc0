"""Compares the settings of the script's nets at the pause with those at its resume.

This module belongs to lager's side of a pause; the module that reads the instruments is the script's own:
`lager.instruments.while_paused.settings_read`. A script that has opened no net has not imported that module, and then
nothing here takes time.
"""

import _thread
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lager.errors import Failed, LagerError
from lager.process import threads
from lager.process.raised import suppressed

_ACTOR = "lager.instruments.while_paused.settings_read"
_SECONDS = 1.0  # for all instruments, in parallel, at the resume


class _Over(Exception):
    pass


class _Work:
    """One reading of one instrument, in a thread of its own. When it is done, there is a `value`, or an `error`."""

    def __init__(self, read: Callable[[Callable[[], None]], Any]) -> None:
        self._running = _thread.allocate_lock()
        self._running.acquire()
        self.value: Any = None
        self.error = ""
        self._over = False
        self._read = read
        threads.start_new(self._work)

    def is_done(self, seconds: float = 0.0) -> bool:
        """Return whether it is done within so many seconds. One call of C code waits: see threads.start_new."""
        if not self._running.acquire(timeout=seconds):
            return False
        self._running.release()
        return True

    def end(self) -> None:
        """End the reading after the query that is under way."""
        self._over = True

    def _work(self) -> None:
        try:
            with threads.counted_in(threads.ours):
                self.value = self._read(self._check)
        except _Over:
            pass
        except LagerError as error:
            self.error = error.what
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
        finally:
            self._running.release()

    def _check(self) -> None:
        if self._over:
            raise _Over


class Comparison:
    """The readings at a pause. Create it when the pause begins; use it in the paused thread."""

    def __init__(self, actor: Any, held: Sequence[tuple[str, Any]]) -> None:
        self._actor = actor
        self._held = held
        self._begun = {key: actor.sets_made(holding) for key, holding in held}
        self._first: dict[str, _Work] = {}
        self._stepped_at: dict[str, int] = {}
        self._own: dict[Any, Any] = {}  # settings that the script itself has made in steps, by place
        self._pairs: list[tuple[Any, Any]] = []
        self.silent: list[str] = []
        """A sentence for each instrument that could not be compared."""

    def follow(self, held: Sequence[tuple[str, Any]]) -> None:
        """Continue at the end of a step. Settings that the script has made meanwhile are its own, and are not restored;
        instruments that it has opened meanwhile are compared from now on."""
        known = dict(self._held)
        for key, holding in held:
            if known.get(key) is holding:
                self._actor.note_step(holding, self._stepped_at.get(key, 0), self._own)
            else:
                self._begun[key] = self._actor.sets_made(holding)
                self._first.pop(key, None)
        self._held = held
        self._first = {key: work for key, work in self._first.items() if work.is_done() and work.value is not None}

    def step(self) -> None:
        """Note the settings at the beginning of a step."""
        self._stepped_at = {key: self._actor.sets_made(holding) for key, holding in self._held}

    def read(self) -> None:
        """Begin to read, in parallel, each instrument that was not read yet. Does not block."""
        for key, holding in self._held:
            if key in self._first:
                continue
            with suppressed(Failed):  # no thread can be started, so it is not compared
                self._first[key] = self._reading(key, holding)

    def end_first(self) -> None:
        """End the first readings. Settings that have not been read are not compared."""
        for work in self._first.values():
            work.end()

    def changes(self, told: Sequence[Mapping[str, Any]], id: str) -> list[dict[str, Any]]:
        """Read again, compare, and report the differences to lagerd. Blocks for at most a second."""
        until = time.monotonic() + _SECONDS
        self.end_first()
        found: list[dict[str, Any]] = []
        for key, holding, work in self._read_again():
            if not work.is_done(max(until - time.monotonic(), 0.0)):
                work.end()
                self._say(holding, f"it did not answer within {_SECONDS:g} s.")
            elif work.error:
                self._say(holding, work.error)
            elif work.value is not None:
                found += self._compared(self._first[key].value, work.value, told, id)
        return found

    def _read_again(self) -> list[tuple[str, Any, _Work]]:
        """Begin a second reading of each instrument whose first one is complete."""
        again = []
        for key, holding in self._held:
            first = self._first.get(key)
            if first is None or not first.is_done():
                continue
            if first.error:
                self._say(holding, first.error)
            elif first.value is not None:
                with suppressed(Failed):
                    again.append((key, holding, self._reading(key, holding)))
        return again

    def to_restore(self) -> list[tuple[str, Callable[[], None]]]:
        """Return the functions that restore each setting that differs, in the order in which to call them."""
        found = [one for before, after in self._pairs for one in self._actor.to_restore(before, after, self._own)]
        return [(name, set_back) for _, name, set_back in sorted(found, key=lambda one: one[0])]

    def _compared(self, before: Any, after: Any, told: Sequence[Mapping[str, Any]], id: str) -> list[dict[str, Any]]:
        self._pairs.append((before, after))
        changes = [{**change, "user": "", "at": time.time()} for change in self._actor.differences(before, after, told)]
        if changes:
            self._actor.report(after, changes, id)
        return changes

    def _reading(self, key: str, holding: Any) -> _Work:
        return _Work(lambda check: self._actor.read(key, holding, self._begun[key], check))

    def _say(self, holding: Any, why: str) -> None:
        self.silent.append(f"{self._actor.name_of(holding)} could not be compared: {why}")


def of_this_process(before: Comparison | None = None) -> Comparison | None:
    """Return the comparison of a pause that begins now; None if this process has no instrument open. `before` is that
    of the pause whose step has stopped here, which goes on."""
    actor: Any = sys.modules.get(_ACTOR)
    held = actor.instruments() if actor is not None else []
    if before is not None:
        before.follow(held)
        return before
    return Comparison(actor, held) if held else None
