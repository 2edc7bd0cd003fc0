"""Through: forwards one action to the paused script that holds the instrument."""

import json
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any

from lager.bus.facade import Bus
from lager.bus.interfaces import Outcome
from lager.bus.received import Call
from lager.contract import LIMITS
from lager.errors import AccessDenied, InvalidArgument, LagerError, NoSuchInstrument
from lager.nets.actions import NAMES, is_setting
from lager.wording.text import printable
from lagerd.breakpoints.scripts import Scripts
from lagerd.breakpoints.table.pauses import Pause
from lagerd.callers.clients import Client, Clients
from lagerd.events import Event
from lagerd.instruments.hooks import LeaseRecord, Policy
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.table import Leases

_LONGEST = 200
_VALUE, _LOOK = "value", "look"
# What a caller may send about the net: its type, and the limits in the caller's nets file.
_KNOWN = (_VALUE, "type", "channel", *LIMITS, "direction", _LOOK)


def _is_limit(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


_Fits = tuple[Callable[[object], bool], str]
_ANY: _Fits = (lambda _: True, "")
_FITS: Mapping[str, _Fits] = {
    **dict.fromkeys(LIMITS, (_is_limit, "Give a finite number of 0 or more.")),
    "type": (lambda value: type(value) is str, "Give the type of the net."),
    "channel": (lambda value: type(value) is int, "Give a whole number."),
    "direction": (lambda value: value == "in", "Give in, or leave it out."),
    _LOOK: (lambda value: type(value) is bool, "Give true or false."),
}
"""What the arguments may be that say what the caller's nets file knows, and what to give instead."""


class Through:
    """`pauses` returns the pauses of a holder, after those of before a restart of lagerd are back; `busy` the refusal
    for a holder that is not paused; `may_set` asks the policy of the administrator, `may_use` the group of
    the bench."""

    def __init__(
        self,
        bus: Bus,
        clients: Clients,
        leases: Leases,
        pauses: Callable[[str], Awaitable[list[Pause]]],
        busy: Callable[[Call, Client, Lease], LagerError],
        may_set: Policy,
        record: LeaseRecord,
        may_use: Callable[[Client, str], None] = lambda *_: None,
    ) -> None:
        self._scripts = Scripts(bus)
        self._clients = clients
        self._leases = leases
        self._pauses = pauses
        self._busy = busy
        self._may_set = may_set
        self._record = record
        self._may_use = may_use
        self._numbers = count(secrets.randbelow(1 << 31))  # requests survive a restart of lagerd
        self._asking: dict[tuple[str, int], Client] = {}

    async def carry_out(self, call: Call, client: Client) -> Outcome:
        """Return the script's answer, with the id of the pause in it."""
        instrument, net, action, arguments = call.args
        arguments = _checked(action, arguments)
        lease = self._leases.held_by(instrument)
        if lease is None:
            raise NoSuchInstrument(f"No process holds {printable(instrument, 100)}.", "Use it without --through.")
        pauses = await self._pauses(lease.owner)
        if not pauses:
            raise self._busy(call, client, lease)
        pause = pauses[0]
        may_set = is_setting(action, arguments.get(_VALUE)) and await self._allowed(client, pause, lease, call)
        number = next(self._numbers)
        asked = {
            **arguments, "id": pause.id, "instrument": instrument, "net": net, "action": action, "may_set": may_set,
            "request": number, "user": client.user, "uid": client.uid, "how": client.how,
        }  # fmt: skip
        # Not recorded: a program may look every second, and a look changes nothing.
        recorded = not arguments.get(_LOOK) or is_setting(action, arguments.get(_VALUE))
        told = {"net": net, "breakpoint": pause.id}
        what = f"{action} {arguments[_VALUE]}" if _VALUE in arguments else action
        self._asking[lease.owner, number] = client
        try:
            text = await self._scripts.ask_slow(
                pause, "Through", "a{sv}", asked, refusal="cannot be asked about its instruments", gives="s"
            )
        except LagerError as error:
            if recorded:
                self._record(Event.THROUGH, lease, client, {**told, "reason": f"{what}: {error.what}"})
            raise
        finally:
            del self._asking[lease.owner, number]
        if recorded:
            self._record(Event.THROUGH, lease, client, {**told, "reason": f"{what}: done"})
        return (_with_id(text, pause.id),)

    def asking(self, holder: str, number: object) -> Client | None:
        """Return the client for which a holder acts now, by the number of the request."""
        return self._asking.get((holder, number)) if type(number) is int else None

    async def _allowed(self, client: Client, pause: Pause, lease: Lease, call: Call) -> bool:
        """Return True; raises AccessDenied unless `client` may set the instruments of the script, and this one."""
        self._may_use(client, lease.instrument)
        if client.uid in (0, pause.uid) or await self._may_set(client, pause, call.interactive):
            return True
        raise AccessDenied(
            f"{lease.name} is held by a script of {pause.user}, and you are {client.user}: you may only read it.",
            f"Ask {pause.user}, or ask the administrator for the action com.lager.instruments.set.",
        )


def _checked(action: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if action not in NAMES:
        what = f"{printable(action, 40)!r} is not an action through a pause."
        raise InvalidArgument(what, f"Give one of {', '.join(sorted(NAMES))}.")
    for key, value in arguments.items():
        if key not in _KNOWN or not isinstance(value, str | int | float | bool):
            raise InvalidArgument(
                f"{printable(key, 40)!r} is not an argument of Through.", f"Give {', '.join(_KNOWN)}."
            )
        fits, wanted = _FITS.get(key, _ANY)
        if not fits(value):  # to ignore a limit would be to set beyond it
            raise InvalidArgument(f"{printable(value, 40)!r} is not valid for the argument {key} of Through.", wanted)
        if isinstance(value, str) and len(value) > _LONGEST:
            raise InvalidArgument(f"The argument {key} is longer than {_LONGEST} characters.", "Give less.")
    return arguments


def _with_id(text: str, id: str) -> str:
    """Return the JSON of the script with the id of its pause. Text that is not a JSON object becomes a value."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    return json.dumps({**(answer if isinstance(answer, dict) else {_VALUE: printable(text)}), "id": id})
