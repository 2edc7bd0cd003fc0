"""`lager off`: switches instruments off at once, for every member, even if others use them.

The safe process switches off free instruments; a paused holder does so itself, through its open connection. Instruments
of a running holder are left as they are, because its next action is unknown; the answer names the holder.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

from lager.bus.facade import Bus
from lager.bus.interfaces import Outcome
from lager.bus.received import Call
from lager.contract import SCRIPT, SCRIPT_PATH
from lager.errors import InvalidArgument, LagerError, NoDaemon
from lager.wording.text import printable
from lagerd.breakpoints.table.pauses import Pauses
from lagerd.callers.clients import Client, Clients
from lagerd.events import Event
from lagerd.instruments.hooks import LeaseRecord
from lagerd.instruments.leases.claim_details import KEY
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.leases.table import Leases
from lagerd.instruments.safety.safe_process import SafeProcess, SafetyAnswer, read_answer

_SCRIPT_SECONDS = 10.0
_FREE_SECONDS = 12.0  # until an instrument that is being made safe is free
_LONGEST_ANSWER = 1 << 20
_AT_ONCE = 16  # instruments, of all calls: each may be a process


class Off:
    def __init__(
        self,
        bus: Bus,
        clients: Clients,
        pauses: Pauses,
        leases: Leases,
        process: SafeProcess,
        record: LeaseRecord,
        *,
        take_back: Callable[[str], Awaitable[None]],
        changed: Callable[[Lease, Client, dict[str, Any]], None],
        is_watched: Callable[[], bool],
    ) -> None:
        """`take_back` ends a loan of an instrument; `changed` is told of each setting that was changed, and by whom, if
        it `is_watched`: a script is paused, which lists it."""
        self._bus = bus
        self._clients = clients
        self._pauses = pauses
        self._leases = leases
        self._process = process
        self._record = record
        self._asking: dict[str, list[Client]] = {}  # by holder
        self._changed = changed
        self._is_watched = is_watched
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._take_back = take_back

    async def off(self, call: Call) -> Outcome:
        """Switch off every named instrument, in parallel; return a row for each net."""
        client = await self._clients.of(call.sender)
        nets_file, wanted = _wanted(call.args[0])
        tasks = (self._one(_lease(key, client, nets_file), tuple(nets), client) for key, nets in wanted.items())
        return ([row for rows in await asyncio.gather(*tasks) for row in rows],)

    def asking(self, holder: str) -> Client | None:
        """Return the client for which a holder switches off what it holds."""
        return next(iter(self._asking.get(holder, ())), None)

    async def _one(self, ours: Lease, nets: tuple[str, ...], client: Client) -> list[dict[str, Any]]:
        key = ours.instrument
        holder = self._leases.get(key) or ours
        try:
            async with self._slots:
                answer = await self._answer(ours, nets, client)
        except LagerError as error:
            answer = _refused(nets, str(error))
        shown = "; ".join(f"{net}: {reason or answer.done.get(net, 'off')}" for net, reason in answer.nets.items())
        if holder is ours and answer.name:
            holder = replace(ours, name=answer.name)
        self._record(Event.OFF, holder, client, {"reason": shown})
        return [
            {"instrument": key, "net": net, "off": not reason, "done": answer.done.get(net, ""), "reason": reason}
            for net, reason in answer.nets.items()
        ]

    async def _answer(self, ours: Lease, nets: tuple[str, ...], client: Client) -> SafetyAnswer:
        key = ours.instrument
        if key in self._leases.quarantined:  # it cannot be held, and this does not end the quarantine
            return await self._in_process(ours, -1, nets, client)
        self._leases.free_if_closed(key)
        if self._leases.loans.is_lent(key):
            await self._take_back(key)
        holder = self._leases.get(key)
        if holder is not None and not holder.making_safe and not holder.look:  # a look ends on its own
            if self._pauses.of(holder.owner):
                return await self._in_script(holder, nets, client)
            return _refused(nets, f"{_held(holder)}.")
        fd = await self._claimed(ours)
        try:
            return await self._in_process(ours, fd, nets, client)
        finally:
            os.close(fd)
            if self._leases.get(key) is ours:
                self._leases.free(key, "released")

    async def _in_process(self, ours: Lease, fd: int, nets: tuple[str, ...], client: Client) -> SafetyAnswer:
        answer = await self._process.make_safe(ours, fd, off=True, nets=nets, watched=self._is_watched())
        for change in answer.changes:
            self._changed(replace(ours, name=answer.name or ours.name), client, {**change, "how": ours.script})
        return answer

    async def _in_script(self, holder: Lease, nets: tuple[str, ...], client: Client) -> SafetyAnswer:
        asking = self._asking.setdefault(holder.owner, [])
        asking.append(client)
        try:
            said = await self._bus.call(
                holder.owner, SCRIPT_PATH, "Off", "sas", holder.instrument, list(nets),
                interface=SCRIPT, start=False, timeout=_SCRIPT_SECONDS, gives="s", at_most=_LONGEST_ANSWER,
            )  # fmt: skip
            return read_answer(nets, said[0].encode())
        except NoDaemon:
            return _refused(nets, f"{_held(holder)}, is paused, but {await self._silence(holder)}")
        except (LagerError, ValueError) as error:
            return _refused(nets, f"{_held(holder)}, is paused, but did not switch it off: {error}")
        finally:
            asking.remove(client)
            if not asking:
                del self._asking[holder.owner]

    async def _silence(self, holder: Lease) -> str:
        """Return why a paused holder did not answer, and what to do: it has left the bus, or it is still there."""
        if not await self._bus.owner(holder.owner):
            return "ended before it had switched it off. Try again."
        stuck = "It is stopped, or a call in it holds Python's interpreter lock"
        return f"did not answer within {_SCRIPT_SECONDS:g} s. {stuck}. Check it with: ps {holder.pid}"

    async def _claimed(self, ours: Lease) -> int:
        """Claim the instrument for lagerd itself, before all waiters. Raises the refusal."""
        granted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def refused(holder: Lease) -> None:
            failed(InvalidArgument(f"{_held(holder)}."))

        def failed(error: LagerError) -> None:
            if not granted.done():
                granted.set_exception(error)

        def take(_: Lease, fd: int) -> None:
            if granted.done():  # the caller does not wait any more
                os.close(fd)
            else:
                granted.set_result(fd)

        self._leases.claim(ours, _FREE_SECONDS, take, refused, failed, first=True)
        return await granted


def _wanted(items: Iterable[str]) -> tuple[str, dict[str, list[str]]]:
    """Return the nets file, if one is given, and the nets of each instrument. Raises InvalidArgument."""
    nets_file = ""
    wanted: dict[str, list[str]] = {}
    for item in items:
        key, _, net = item.partition("/")
        if not key:
            nets_file = item
        elif not KEY.match(key):
            what = f"{printable(item, 60)!r} is not a valid instrument key."
            raise InvalidArgument(what, "Give KEY or KEY/NET, with the key that lager makes.")
        else:
            wanted.setdefault(key, []).extend([net] if net else [])
    return nets_file, wanted


def _lease(key: str, client: Client, nets_file: str) -> Lease:
    return Lease(
        instrument=key, name=key, net="", run_id="", script="lager off", owner="", uid=client.uid, user=client.user,
        pid=client.pid, since=time.time(), began=round(time.monotonic(), 3), nets_file=nets_file, making_safe=True,
    )  # fmt: skip


def _refused(nets: tuple[str, ...], why: str) -> SafetyAnswer:
    return SafetyAnswer(dict.fromkeys(nets or ("",), why), {})


def _held(holder: Lease) -> str:
    since = time.strftime("%H:%M:%S", time.localtime(holder.since))
    return f"held by {holder.user}: {holder.script or f'process {holder.pid}'} since {since}"
