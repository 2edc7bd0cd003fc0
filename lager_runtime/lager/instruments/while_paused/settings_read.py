"""Reads the settings of the nets that this process has open, at a pause and at its resume, and returns the differences.

A reading has no side effects: it queries only the settings that a driver declares, and sets up nothing. Settings that
this process has made meanwhile, in a console or for others, are not differences, because they were reported when they
were made.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lager.errors import InstrumentError, InstrumentTimeout, InstrumentUnreachable, LagerError
from lager.instruments import holdings
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.drivers.base.setting import Setting
from lager.instruments.holdings import Holding
from lager.instruments.reporter import Value
from lager.instruments.sessions.session import Session
from lager.instruments.while_paused.session_lock import acquire
from lager.nets.model import NetConfig

HOW = "at the instrument"

Change = dict[str, Any]


@dataclass
class Reading:
    """The settings of each net of one instrument, and how often this process had set something: before they were read,
    and at the beginning of the pause."""

    key: str
    session: Session
    values: dict[str, dict[str, Value]] = field(default_factory=dict)
    made: dict[str, int] = field(default_factory=dict)
    begun: int = 0


def instruments() -> list[tuple[str, Holding]]:
    """Return the key and the holding of each instrument with settings that this process has open."""
    return [
        (next(iter(nets)).instrument.key, holding)
        for (pid, _), holding in list(holdings._holdings.items())
        if pid == os.getpid() and holding.session is not None and (nets := list(holding.users.values()))
    ]


def name_of(holding: Holding) -> str:
    """Return the name of the nets of an instrument, for a message."""
    return ", ".join(net.name for net in list(holding.users.values())) or "a net"


def sets_made(holding: Holding) -> int:
    """Return how often this process has set something on an instrument."""
    session = holding.session
    return session.sets_made if session is not None else 0


def read(key: str, holding: Holding, begun: int, check: Callable[[], None]) -> Reading | None:
    """Return the settings of the nets that are open on an instrument; None if none has any.

    `begun` is what `sets_made` was when the pause began. `check` is called before each question and raises to end it.
    Blocks; raises InstrumentError if the instrument does not answer, InstrumentBusy if another thread uses it all the
    time.
    """
    session = holding.session
    if session is None:
        return None
    reading = Reading(key, session, begun=begun)
    for config in list(holding.users.values()):
        net = _net(config, session)
        settings = net.settings()
        if settings:
            with _quietly(session, check):
                reading.made[net.name] = session.sets_made
                reading.values[net.name] = _values(settings, check)
    return reading if reading.values else None


def note_step(holding: Holding, begun: int, own: dict[tuple[str, str], Value]) -> None:
    """Enter into `own` what the script has set since `sets_made` was `begun`: the value of each net and setting."""
    if holding.session is not None:
        own.update({key: value for number, key, _, value in list(holding.session.sets) if number >= begun})


def differences(before: Reading, after: Reading, told: Sequence[Mapping[str, Any]]) -> list[Change]:
    """Return the unreported changes between two readings. `told` are the changes that lagerd knows."""
    found: list[Change] = []
    for net, setting, old, new in _pairs(before, after):
        known = _known(before, net.name, setting, told) or [old]
        last = known[-1]
        if last is not None and all(value is None or setting.differs(value, new) for value in known):
            change = {"net": net.name, "what": setting.name, "old": last, "new": new, "unit": setting.unit}
            found.append(change | {"instrument": before.key, "how": HOW})
    return found


def report(reading: Reading, changes: Sequence[Change], id: str) -> None:
    """Report the differences at the resume of the pause `id` to lagerd. Does not block."""
    if reading.session.reporter is not None:
        reading.session.reporter.found(changes, id)


def to_restore(
    before: Reading, after: Reading, own: Mapping[tuple[str, str], Value]
) -> list[tuple[int, str, Callable[[], None]]]:
    """Return what would set back each setting that differs: its turn, what it sets, and the function that does it.
    `own` are the settings that the script itself has made in steps, which count as those at the pause.

    If an output that is only on for now cannot be switched off, nothing else of its net is set back: it would reach
    what is connected for now.
    """
    found: list[tuple[int, str, Callable[[], None]]] = []
    left_on: set[str] = set()  # nets
    for net, setting, read_then, new in _pairs(before, after):
        old = own.get((net.name, setting.name), _at_the_beginning(before, net.name, setting, read_then))
        if setting.differs(old, new):
            set_back = _setter(setting, new, old, net, left_on)
            found.append((setting.turn_back(new, old), f"{net.name} {setting.name}", set_back))
    return found


def _at_the_beginning(before: Reading, net: str, setting: Setting, value: Value) -> Value:
    """Return the value at the beginning of the pause, also if it was changed before the reading."""
    for number, key, old, _ in list(before.session.sets):
        if before.begun <= number < before.made[net] and key == (net, setting.name) and old is not None:
            early: Value = old
            return early
    return value


def _setter(setting: Setting, now: Value, then: Value, net: Driver[Any], left_on: set[str]) -> Callable[[], None]:
    def set_back() -> None:
        if setting.write is None:
            raise InstrumentError(f"lager cannot set {net.name}.")
        if net.name in left_on:
            raise InstrumentError(f"{net.name}: its output was not switched off.")
        try:
            setting.write(then)
        except BaseException:
            if setting.goes_off(now, then):
                left_on.add(net.name)
            raise

    return set_back


def _pairs(before: Reading, after: Reading) -> Iterator[tuple[Driver[Any], Setting, Value, Value]]:
    """Yield each setting that both readings have, with its two values."""
    for config in [config for config in _configs(after) if config.name in before.values]:
        net = _net(config, after.session)
        old, new = before.values[config.name], after.values.get(config.name, {})
        for setting in net.settings():
            if setting.name in old and setting.name in new:
                yield net, setting, old[setting.name], new[setting.name]


def _configs(reading: Reading) -> list[NetConfig]:
    holding = holdings.held(reading.key)
    return list(holding.users.values()) if holding is not None and holding.session is reading.session else []


def _known(before: Reading, net: str, setting: Setting, told: Sequence[Mapping[str, Any]]) -> list[Value | None]:
    """Return the values that are not new: those last set and reported, else none; None for an unknown one.

    What this process has set its session knows, also if lagerd was away. Another process may have set the instrument,
    too, which was lent to it: then lagerd knows.
    """
    ours = [
        value
        for number, key, _, value in list(before.session.sets)
        if number >= before.made[net] and key == (net, setting.name)
    ]
    place = (before.key, net, setting.name)
    theirs = [one.get("new") for one in told if (one.get("instrument"), one.get("net"), one.get("what")) == place]
    return ours[-1:] + theirs[-1:]


def _net(config: NetConfig, session: Session) -> Driver[Any]:
    driver: Driver[Any] = holdings.driver_class(config)(config, session, lambda: None)  # it closes nothing
    driver.coupled = True
    driver.as_it_is = True
    return driver


def _values(settings: Sequence[Setting], check: Callable[[], None]) -> dict[str, Value]:
    """Return the values that can be read and that do not change by themselves. Raises the first error if none can."""
    values: dict[str, Value] = {}
    first: LagerError | None = None
    for setting in settings:
        check()
        try:
            if not setting.is_steady():
                continue
            value = values[setting.name] = setting.read()
            if setting.gate not in (None, value):
                break
        except (InstrumentTimeout, InstrumentUnreachable):
            raise
        except InstrumentError as error:  # a firmware without this setting
            first = first or error
    if first is not None and not values:
        raise first
    return values


@contextlib.contextmanager
def _quietly(session: Session, check: Callable[[], None]) -> Iterator[None]:
    """Hold the session for the settings of one net. A new connection is not set up."""
    acquire(session, check)
    try:
        session.as_it_is = True
        yield
    finally:
        session.as_it_is = False
        session.lock.release()
