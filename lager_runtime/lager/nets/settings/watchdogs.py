"""Reads `keepalive` and `deadman` of a net.

    keepalive = 20    # ask the instrument a harmless question each 20 seconds while the net is open
    deadman = 30      # the instrument switches its outputs off when nothing has talked to it for 30 seconds

`deadman` uses the watchdog of the instrument itself, and implies a keepalive of a third of it.
"""

from collections.abc import Mapping
from typing import Any

from lager.nets.model import NetType
from lager.wording.values import number, shown

KEYS = ("keepalive", "deadman")
_LONGEST = 3600
_SHORTEST_DEADMAN = 3  # of which a third is the shortest keepalive


def read(
    type: NetType, table: Mapping[str, Any], model: str, guarded: frozenset[NetType], guarding: str
) -> tuple[float, int]:
    """Return `keepalive` and `deadman` in seconds, 0 without them.

    `guarded` are the net types whose outputs the watchdog of this model switches off, `guarding` the models that have
    one. Raises ValueError for the first mistake, as the key and the reason.
    """
    deadman = _deadman(type, table["deadman"], model, guarded, guarding) if "deadman" in table else 0
    if "keepalive" not in table:
        return deadman / 3, deadman
    if type in (NetType.UART, NetType.SCPI):
        raise ValueError("keepalive", "no query is harmless for every device")
    given = number(table["keepalive"])
    if given is None or not 1 <= given <= _LONGEST:
        raise ValueError("keepalive", f"should be 1 to {_LONGEST} seconds, not {shown(table['keepalive'])}")
    if deadman and given > deadman / 3:
        raise ValueError("keepalive", f"should be at most {deadman / 3:g}, a third of deadman, not {given:g}")
    return given, deadman


def _deadman(type: NetType, given: object, model: str, guarded: frozenset[NetType], guarding: str) -> int:
    if not guarded:
        raise ValueError("deadman", f"a {model} has no watchdog of its own; models that have one: {guarding}")
    if type not in guarded:
        raise ValueError("deadman", f"a net of type {type.value} has no output to be switched off")
    if isinstance(given, bool) or not isinstance(given, int) or not _SHORTEST_DEADMAN <= given <= _LONGEST:
        reason = f"should be a whole number of seconds from {_SHORTEST_DEADMAN} to {_LONGEST}, not {shown(given)}"
        raise ValueError("deadman", reason)
    return given
