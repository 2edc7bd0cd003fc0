"""Sets the safe state of nets, and reads it back. Never switches an output on, never changes an instrument's role.

The process that lagerd starts after a crash uses `chosen` and `make_safe`; a script sets the safe state of a net
that it has open with `apply`.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from lager.errors import InstrumentError, InstrumentTimeout, InstrumentUnreachable, LagerError
from lager.instruments.drivers.driver import Driver
from lager.instruments.holdings import driver_class, session_of
from lager.nets.model import NetConfig, Nets, NetType, Safe
from lager.nets.safe import OFF, OUTPUTS

_AGAIN = 0.2  # seconds between two attempts to reach an instrument


@dataclass(frozen=True)
class Chosen:
    """The nets to be made safe, in their order; `unknown` tells of each other net why it cannot be."""

    nets: tuple[NetConfig, ...]
    unknown: dict[str, str]


def chosen(nets: Nets, instrument: str, names: Iterable[str], *, off: bool) -> Chosen:
    """Choose among the nets on the instrument with this key.

    After a crash, `names` are the nets that the holder had open. If the file does not have one of them, it is unknown,
    and every net with a safe state is made safe instead. With `off`, no names mean every net. A net without a safe
    state is switched off if it is an output.
    """
    here = {net.name: net for net in nets.nets.values() if net.instrument.key == instrument}
    wanted = list(names) or list(here)
    found = [here[name] for name in wanted if name in here]
    unknown = {name: f"It is not in {nets.path}." for name in wanted if name not in here}
    if unknown and not off:
        found = [net for net in here.values() if net.safe is not None or net in found]
    safe = [with_safe(net) for net in found]
    unknown |= {net.name: f"It has no safe state in {nets.path}." for net in safe if net.safe is None}
    able = [net for net in safe if net.safe is not None]
    return Chosen(tuple(sorted(able, key=_order)), unknown)


def with_safe(net: NetConfig) -> NetConfig:
    """Return the net with its safe state; an output without one is to be switched off."""
    return net if net.safe is not None or net.type not in OUTPUTS else replace(net, safe=Safe(OFF[net.type]))


def make_safe(nets: Iterable[NetConfig], *, seconds: float) -> Iterator[tuple[str, str, str]]:
    """Open each net, set its safe state and close it; yield its name, why it is not safe, and what was done.

    Needs the lease of the instrument, and claims nothing. Tries again, for at most `seconds` in all, to reach an
    instrument that does not answer.
    """
    ends = time.monotonic() + seconds
    for net in nets:
        try:
            yield net.name, "", _patiently(net, ends)
        except LagerError as error:
            yield net.name, error.what, ""


def apply(net: Driver[Any], safe: Safe) -> str:
    """Set the safe state of an open net and read it back; return what was done. Raises like the methods of the net."""
    with net.session.exchange():
        if not net.is_in_role():
            return "is not in use in this role"
        return ", ".join(_SETTINGS[net.config.type, key](net, value) for key, value in safe.settings)


def _patiently(net: NetConfig, ends: float) -> str:
    failed = 0
    while True:
        try:
            return _once(net)
        except (InstrumentUnreachable, InstrumentTimeout):
            if time.monotonic() + _AGAIN > ends:
                raise
        except InstrumentError:
            failed += 1
            if failed == 2:
                raise
        threading.Event().wait(_AGAIN)


def _once(net: NetConfig) -> str:
    assert net.safe is not None
    session = session_of(net.instrument)
    try:
        session.open()
        # Not prepared, which might change the role or the range of the instrument.
        driver: Driver[Any] = driver_class(net)(net, session)
        driver.coupled = True
        return apply(driver, net.safe)
    finally:
        session.close()


def _order(net: NetConfig) -> int:
    return net.safe.order if net.safe is not None else 0


def _switch_off(net: Any, _: object) -> str:
    net.disable()
    return "output off"


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
    (NetType.PowerSupply, "voltage"): _voltage,
    (NetType.PowerSupply, "current"): _current,
    (NetType.DAC, "voltage"): _dac,
    (NetType.GPIO, "output"): _line,
    (NetType.GPIO, "level"): _level,
}
