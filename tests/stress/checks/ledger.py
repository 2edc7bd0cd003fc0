"""The events that all participants saw, and the invariants that must hold."""

import re
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

from tests.stress.checks.journal import Record

REASONS = {"continued", "timeout", "gone", "interrupted"}
_UNHEARD = "its script ended while there was no lagerd"
Told = TypeVar("Told")
_ENDS = {"resumed", "auto-resumed", "gone"}


class Broken(AssertionError):
    """An invariant does not hold."""


@dataclass
class Hold:
    """An instrument in a script's hands, as the script knows it: from when it had it until it began to give it back."""

    script: str
    instrument: str
    began: float
    ended: float | None = None


@dataclass
class Ledger:
    """`faults` are those of this phase that may swallow a signal or a line of the log."""

    paused: dict[str, str] = field(default_factory=dict)  # id to label
    resumed: Counter[tuple[str, str]] = field(default_factory=Counter)
    leases: Counter[tuple[str, ...]] = field(default_factory=Counter)
    holds: dict[str, Hold] = field(default_factory=dict)
    events: deque[str] = field(default_factory=lambda: deque(maxlen=1000))
    faults: set[str] = field(default_factory=set)
    totals: Counter[str] = field(default_factory=Counter)
    untold: set[str] = field(default_factory=set)  # pauses of earlier phases of whose end there was no signal
    _began: float = field(default_factory=time.monotonic)

    def note(self, text: str) -> None:
        self.events.append(f"{time.monotonic() - self._began:8.3f} {text}")

    def signal(self, member: str, args: list[Any]) -> None:
        self.note(f"signal {member} {args[:2] if member == 'Resumed' else args[0]}")
        if member == "Paused":
            self.paused[args[0]] = args[1]["label"]
        elif member == "Resumed":
            self.resumed[args[0], args[1]] += 1
        elif member in ("Claimed", "Released"):
            self.leases[tuple(map(str, args[:-1]))] += 1
        self.totals[member] += 1

    def still_paused(self) -> list[str]:
        """Return the ids of the pauses that have begun and not ended, according to the signals."""
        ended = {id for id, _ in self.resumed}
        return [id for id in self.paused if id not in ended]

    def check(self, log: str, records: list[Record]) -> None:
        """Everything has been resumed and released; `log` is what lagerd wrote in this phase, `records` its journal."""
        self._check_pauses()
        self._check_holds()
        self._check_log(log)
        self._check_journal(records)

    def begin_phase(self) -> None:
        self.untold.update(self.still_paused())
        self.paused.clear()
        self.resumed.clear()
        self.holds.clear()
        self.leases.clear()
        self.faults.clear()

    def _check_pauses(self) -> None:
        times = Counter(id for id, _ in self.resumed.elements())
        for id, number in times.items():
            # What was on its way when the bus died, or lagerd, may have reached some and not the script.
            if number > 1 and not self.faults & {"bus", "killed"}:
                raise Broken(f"The pause {id} ended {number} times: {[r for i, r in self.resumed if i == id]}.")
        if wrong := {reason for _, reason in self.resumed} - REASONS:
            raise Broken(f"Pauses ended for the reasons {wrong}.")
        if not self.faults and (lost := self.paused.keys() - times.keys()):
            raise Broken(f"Of the pauses {sorted(lost)} no end was told.")
        if not self.faults and (lost := times.keys() - self.paused.keys()):
            raise Broken(f"Of the pauses {sorted(lost)} no beginning was told.")

    def _check_holds(self) -> None:
        by_instrument: dict[str, list[Hold]] = {}
        for hold in self.holds.values():
            if hold.ended is None:
                raise Broken(f"{hold} was never given back.")
            by_instrument.setdefault(hold.instrument, []).append(hold)
        for holds in by_instrument.values():
            holds.sort(key=lambda hold: hold.began)
            for one, other in pairwise(holds):
                if one.ended is not None and other.began < one.ended:
                    raise Broken(f"Held twice: {one} and {other}.")

    def _check_log(self, log: str) -> None:
        for line in log.splitlines():
            self.note(f"log: {line}")
        if wrong := re.search(r".*(Traceback|Warning|never).*", log):
            raise Broken(f"The log has: {wrong[0]}")

    def _check_journal(self, records: list[Record]) -> None:
        begun = Counter(record["LAGER_BREAKPOINT"] for record in records if record["LAGER_EVENT"] == "paused")
        # Of a pause that ended while there was no lagerd there is no signal, and its record comes when lagerd looks
        # again or the script has found it, perhaps in a later phase.
        ends = [
            one
            for one in records
            if one["LAGER_EVENT"] in _ENDS
            and one.get("LAGER_REASON") != _UNHEARD
            and one["LAGER_BREAKPOINT"] not in self.untold - self.paused.keys()
        ]
        ended = Counter((end["LAGER_BREAKPOINT"], _reason(end)) for end in ends)
        if wrong := [end for end in ends if float(end["LAGER_PAUSED_SEC"]) < 0]:
            raise Broken(f"A pause stood for less than nothing: {wrong}")
        again = {id: number for id, number in begun.items() if number > 1}
        if self.faults & {"bus", "killed"}:
            # An end that was recorded may have been lost on its way: the script comes back, and the pause ends again.
            ends_of = Counter(end["LAGER_BREAKPOINT"] for end in ends)
            again = {id: number for id, number in again.items() if number > ends_of[id]}
        if again:
            raise Broken(f"The journal tells the beginning of {[*again]} more than once.")
        if self.faults & {"bus", "killed"}:
            return
        if twice := [key for key, number in ended.items() if number > 1]:
            raise Broken(f"The journal tells the end of {twice} more than once.")
        if not self.faults and not any("LAGER_LOST" in record for record in records):
            self._agree(begun, ended, _leases(records))

    def _agree(self, begun: Counter[str], ended: Counter[tuple[str, str]], leases: Counter[tuple[str, ...]]) -> None:
        _same("beginnings", Counter(self.paused.keys()), begun)
        _same("ends", self.resumed, ended)
        _same("leases", self.leases, leases)


def _same(what: str, told: Counter[Told], recorded: Counter[Told]) -> None:
    if told != recorded:
        raise Broken(f"Signals and journal differ in {what}: {told - recorded} and {recorded - told}.")


def _reason(end: Record) -> str:
    return {"auto-resumed": "timeout", "gone": "gone"}.get(end["LAGER_EVENT"], end["LAGER_REASON"])


def _leases(records: list[Record]) -> Counter[tuple[str, ...]]:
    claimed = ((r["LAGER_INSTRUMENT"],) for r in records if r["LAGER_EVENT"] == "claimed")
    released = ((r["LAGER_INSTRUMENT"], r["LAGER_REASON"]) for r in records if r["LAGER_EVENT"] == "released")
    return Counter([*claimed, *released])
