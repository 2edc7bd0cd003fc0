"""The settings of a net, and which methods of its driver change them.

While a script is paused on the box, each call of such a method is reported to lagerd: what changed, from what to what.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from lager.errors import InstrumentError, InstrumentTimeout, InstrumentUnreachable, LagerError
from lager.instruments.reporter import Difference, Value

FIRST, SETPOINT, OTHER, LAST = 0, 1, 5, 9  # the turns of protections and limits, of what they guard, and of outputs


@dataclass(frozen=True)
class Setting:
    """One setting. `read` asks for it and has no side effects; `step` is the smallest difference that the instrument
    can be set to, in `unit`. `write` sets it back, in the order of `turn_back`; None: the driver cannot set it. If it
    has another value than `gate`, the settings behind it cannot be read. Without `is_steady`, it may change by itself.
    """

    name: str
    read: Callable[[], Value]
    unit: str = ""
    step: float = 0.0
    write: Callable[[Any], object] | None = None
    turn: int = OTHER
    gate: Value | None = None
    is_steady: Callable[[], bool] = lambda: True

    def differs(self, one: Value, other: Value) -> bool:
        """Return whether two values differ by more than half a step."""
        if isinstance(one, float) and isinstance(other, float):
            return abs(one - other) > self.step / 2
        return one != other

    def goes_off(self, now: Value, then: Value) -> bool:
        """Return whether setting this back from `now` to `then` switches an output off, or takes it down."""
        is_off = not (isinstance(then, float) or then in (True, "1"))
        return self.turn == LAST and (is_off or _rise(now, then) < 0)

    def turn_back(self, now: Value, then: Value) -> int:
        """Return when to set this back from `now` to `then`, among all that is set back.

        An output that is only on for now is off before anything of it rises. No setpoint is ever above its protection:
        setpoints that fall, then protections, then setpoints that rise. A protection is armed before its level is set
        back: the level of one that is not armed is refused.
        """
        if self.turn == FIRST:
            return 2 if isinstance(then, bool) else 3
        if self.turn == SETPOINT:
            return 4 if _rise(now, then) > 0 else 1
        return 0 if self.goes_off(now, then) else self.turn


def _rise(now: Value, then: Value) -> float:
    """Return by how much a number rises; 0 for what is no number."""
    return then - now if isinstance(now, float) and isinstance(then, float) else 0.0


def read(settings: Iterable[Setting], check: Callable[[], None] = lambda: None) -> dict[str, Value]:
    """Return the values that can be read. Stops where the instrument does not answer. `check` is called before each."""
    values: dict[str, Value] = {}
    for setting in settings:
        check()
        try:
            value = values[setting.name] = setting.read()
            if setting.gate not in (None, value):
                break
        except (InstrumentTimeout, InstrumentUnreachable):
            break
        except InstrumentError:  # not in this role, or not with this firmware
            continue
    return values


# The names of values in the manual of the public lager project; scripts may use them as keywords.
_OTHER_NAMES = {
    "set_voltage": "value",
    "set_current": "value",
    "set_ovp": "limit",
    "set_ocp": "limit",
    "mode": "mode_type",
    "model": "partnumber",
    "output": "voltage",
    "cycle": "off_time",
}


def report_in(driver: type, names: Iterable[str]) -> None:
    """Make these methods of a class report what they change."""
    for name in names:
        method = vars(driver).get(name)
        if isinstance(method, FunctionType):
            setattr(driver, name, _reported(method))


def _reported(method: FunctionType) -> Callable[..., Any]:
    name = method.__name__
    # A method with one optional value reads without it.
    reads = method.__code__.co_argcount == 2 and method.__defaults__ == (None,)
    value = method.__code__.co_varnames[1] if method.__code__.co_argcount > 1 else ""
    other = _OTHER_NAMES.get(name)

    @functools.wraps(method)
    def call(net: Any, *arguments: Any, **options: Any) -> Any:
        if other in options and value and value not in options and not arguments:
            options[value] = options.pop(other)
        if not net.is_reported() or (reads and (arguments or (options.get(value),))[0] is None):
            return method(net, *arguments, **options)
        return _observed(net, net.sets(name), functools.partial(method, net, *arguments, **options))

    return call


def _observed(net: Any, names: tuple[str, ...], change: Callable[[], Any]) -> Any:
    """Call `change`, report what it changed, even if it failed, and return its result."""
    session = net.session
    found: list[Difference] = []
    try:
        with session.exchange():  # so that no other thread sets it meanwhile
            if session.observed:
                return change()
            session.observed = True
            try:
                return _compared(
                    [one for one in net.settings() if one.name in names or one.gate is not None], change, found
                )
            finally:
                session.observed = False
                for setting, old, new in found:
                    session.note_set(net.name, setting.name, old, new)
    finally:
        if found:
            session.reporter.report(net, found)


def _compared(settings: list[Setting], change: Callable[[], Any], found: list[Difference]) -> Any:
    """Call `change`, add to `found` what differs afterwards, even if it failed, and return its result."""
    before = read(settings)
    try:
        result = change()
    except LagerError:
        found += _differences(settings, before, read(settings), failed=True)
        raise
    found += _differences(settings, before, read(settings), failed=False)
    return result


def _differences(
    settings: list[Setting], before: dict[str, Value], after: dict[str, Value], *, failed: bool
) -> list[Difference]:
    """Return each setting that changed, with its old and its new value; None for one that could not be read."""
    found: list[Difference] = []
    had_another_role = any(one.gate is not None and before.get(one.name, one.gate) != one.gate for one in settings)
    for setting in settings:
        old, new = before.get(setting.name), after.get(setting.name)
        was_off_in_another_role = had_another_role and new is False
        if old is None and (new is None or was_off_in_another_role):
            continue
        if old is None or new is None:
            if not failed:
                found.append((setting, old, new))
        elif setting.differs(old, new):
            found.append((setting, old, new))
    return found
