"""Sets the safe state of nets, and reads it back. Never switches an output on, never changes an instrument's role.

The process that lagerd starts uses `after_crash` or `to_switch_off`, and `make_safe`; a script sets the safe state of a
net that it has open with `apply`.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from lager.errors import InstrumentError, InstrumentTimeout, InstrumentUnreachable, LagerError
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.holdings import driver_class, session_of
from lager.instruments.reporter import Reports
from lager.instruments.upkeep import set_watchdog
from lager.nets import catalog
from lager.nets.model import NetConfig, Nets, NetType, Safe
from lager.nets.settings.safe import OFF, OUTPUTS
from lager.nets.terminals import place
from lager.process.raised import suppressed

_AGAIN = 0.2  # seconds between two attempts to reach an instrument
_LOW_VOLTS = 0.01  # of a dac that is off: a few steps


@dataclass(frozen=True)
class Here:
    """The nets on one instrument, and the nets file that they are from."""

    path: str
    nets: dict[str, NetConfig]

    @classmethod
    def on(cls, instrument: str, nets: Nets) -> "Here":
        """Return the nets on the instrument with this key."""
        return cls(nets.path, {net.name: net for net in nets.nets.values() if net.instrument.key == instrument})


@dataclass(frozen=True)
class Chosen:
    """The nets to be made safe, in their order; `unknown` tells of each other net why it cannot be.

    `guarded` are the names of all nets that the watchdog of the instrument guards.
    """

    nets: tuple[NetConfig, ...]
    unknown: dict[str, str]
    guarded: frozenset[str] = frozenset()


def after_crash(here: Here, names: Iterable[str], places: Mapping[str, str] = MappingProxyType({})) -> Chosen:
    """Choose the nets that a crashed holder had open. `places` says where they were when it opened them.

    If the file does not have one of them, or has it in another place, it is unknown, and every net with a safe state is
    made safe as well, and so is what the file has in that place.
    """
    names = list(names)
    unknown = {name: why for name in names if (why := _unknown(here, name, places.get(name, "")))}
    found = [_with_safe(here.nets[name]) for name in names if name not in unknown]
    left = {places.get(name, "") for name in unknown}
    for net in here.nets.values() if unknown else ():
        if net.name not in names and (net.safe is not None or (net.type in OUTPUTS and place(net) in left)):
            found.append(_with_safe(net))
    unknown |= {net.name: f"It has no safe state in {here.path}." for net in found if net.safe is None}
    return Chosen(_in_order(net for net in found if net.safe is not None), unknown, _guarded(here))


def _unknown(here: Here, name: str, before: str) -> str:
    """Return why it is not known what to make safe for this net; empty if it is. `before` is where it was, if known."""
    if name not in here.nets:
        return f"It is not in {here.path}."
    if before and before != (now := place(here.nets[name])):
        return f"It was {before} when the script opened it, and is {now} in {here.path}."
    return ""


def to_switch_off(here: Here, names: Iterable[str]) -> Chosen:
    """Choose the nets for `lager off`; without names, all nets that can be on."""
    wanted = list(names) or [name for name, net in here.nets.items() if net.type in OFF]
    unknown = {name: f"It is not in {here.path}." for name in wanted if name not in here.nets}
    found = [_with_safe(here.nets[name]) for name in wanted if name in here.nets]
    unknown |= {net.name: f"A net of type {net.type.value} is not an output." for net in found if net.type not in OFF}
    return Chosen(_in_order(net for net in found if net.type in OFF), unknown, _guarded(here))


def make_safe(
    chosen: Chosen, *, seconds: float, told: Reports | None = None, tried: dict[str, str] | None = None
) -> Iterator[tuple[str, str, str]]:
    """Open each net, set its safe state and close it; yield its name, why it is not safe, and what was done.

    Needs the lease of the instrument, and claims nothing. Tries again, for at most `seconds` in all, to reach an
    instrument that does not answer. If all nets are safe that the watchdog of the instrument guards, it is disarmed.
    `told` is told what was changed. `tried` gets why the latest attempt for each net failed, for a caller that stops
    waiting.
    """
    ends = time.monotonic() + seconds
    armed = set(chosen.guarded)
    for net in chosen.nets:
        try:
            failed: dict[str, str] = {} if tried is None else tried
            yield net.name, "", _patiently(net, ends, failed, disarm=armed == {net.name}, told=told)
            armed.discard(net.name)
        except LagerError as error:
            yield net.name, error.what, ""


def apply(net: Driver[Any]) -> str:
    """Set the safe state of an open net and read it back; return what was done. Raises like the methods of the net.

    A dac, gpio or switch without a safe state is only read: raises InstrumentError if it is not off.
    """
    with net.session.exchange():
        if not net.is_in_role():
            return "is not in use in this role"
        if net.config.safe is None:
            return _read(net)
        settings = net.config.safe.settings
        return ", ".join(_SETTINGS[net.config.type, key](net, value) for key, value in settings)


def _guarded(here: Here) -> frozenset[str]:
    return frozenset(net.name for net in here.nets.values() if net.deadman)


def _patiently(net: NetConfig, ends: float, tried: dict[str, str], *, disarm: bool, told: Reports | None) -> str:
    failed = 0
    while True:
        try:
            return _once(net, disarm=disarm, told=told)
        except (InstrumentUnreachable, InstrumentTimeout) as error:
            tried[net.name] = error.what
            if time.monotonic() + _AGAIN > ends:
                raise
        except InstrumentError:
            failed += 1
            if failed == 2:
                raise
        threading.Event().wait(_AGAIN)


def _once(net: NetConfig, *, disarm: bool, told: Reports | None) -> str:
    session = session_of(net.instrument)
    session.reporter = told
    try:
        session.open()
        # Not prepared, which might change the role or the range of the instrument.
        driver: Driver[Any] = driver_class(net)(net, session)
        done = apply(driver)
        if disarm:
            with suppressed(InstrumentError):  # the net is safe; the watchdog can only switch more off
                set_watchdog(session, [])
        return done
    finally:
        session.close()


def _with_safe(net: NetConfig) -> NetConfig:
    """Return the net with its safe state; an output without one is to be switched off."""
    return net if net.safe is not None or net.type not in OUTPUTS else replace(net, safe=Safe(OFF[net.type]))


def _in_order(nets: Iterable[NetConfig]) -> tuple[NetConfig, ...]:
    """Return the nets in the order of safe_order in the nets file, and then in that of their family."""
    return tuple(sorted(nets, key=lambda net: (net.safe.order if net.safe is not None else 0, _turn(net))))


def _turn(net: NetConfig) -> int:
    family = catalog.find(net.instrument.model)
    order = list(family.safe_order) if family is not None else []
    return order.index(net.type) if net.type in order else len(order)


def _read(net: Any) -> str:
    """Return a description of how a dac, gpio or switch is off. Raises InstrumentError if it is not off."""
    if net.config.type is NetType.DAC:
        volts = net.output()
        if volts <= _LOW_VOLTS:
            return f"{volts:.3g} V"
        what = f"left at {volts:.3g} V"
    elif net.config.type is NetType.Switch:
        if not net.is_on():
            return "off"
        what = "left on"
    else:
        if not net.is_driven():
            return "not driven"
        if not net.input():
            return "level 0"
        what = "left at level 1"
    raise InstrumentError(f"{what}: it has no safe state in the nets file.")


def _switch_off(net: Any, _: object) -> str:
    net.disable()
    return "output off"


def _open(net: Any, _: object) -> str:
    net.off()
    return "off"


def _voltage(net: Any, value: float) -> str:
    return f"voltage {net.set_voltage(value):g} V"


def _current(net: Any, value: float) -> str:
    return f"current {net.set_current(value):g} A"


def _dac(net: Any, value: float) -> str:
    return f"{net.output(value):.3g} V"


def _line(net: Any, value: object) -> str:
    if value == "release":
        net.release()
        return "released"
    return f"level {net.output(0)}" if net.is_driven() else "not driven"


def _level(net: Any, value: int) -> str:
    return f"level {net.output(value)}"


_SETTINGS: dict[tuple[NetType, str], Callable[[Any, Any], str]] = {
    (NetType.PowerSupply, "output"): _switch_off,
    (NetType.Battery, "output"): _switch_off,
    (NetType.ELoad, "output"): _switch_off,
    (NetType.Switch, "output"): _open,
    (NetType.PowerSupply, "voltage"): _voltage,
    (NetType.PowerSupply, "current"): _current,
    (NetType.DAC, "voltage"): _dac,
    (NetType.GPIO, "output"): _line,
    (NetType.GPIO, "level"): _level,
}
