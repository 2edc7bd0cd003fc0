"""The callers: what the broker reports about each connection, cached while the connection exists."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lager.bus.facade import Bus, owner_rule
from lager.bus.received import Signal
from lager.errors import InvalidArgument, LagerError, NoDaemon
from lager.process.system import user_name
from lager.wording.text import printable
from lagerd.callers.process_ends import ProcessEnds

_REMEMBERED = 1024
# By default a broker allows each connection 512 match rules. Clients beyond this number share one rule, which reports
# the end of every connection and so wakes lagerd for connections that it does not know.
_OWN_RULES = 256
_ANYBODY_LEAVES = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''"
HOWS = ("bus", "cli", "console", "enter", "mcp")
_LONGEST_AGENT = 60


@dataclass(slots=True)
class Client:
    """One connection. The broker reports uid and gids; `pid` is for display only; the client declares `how`, and an
    assistant, whose `how` is mcp, its name."""

    sender: str
    uid: int
    user: str
    pid: int
    gids: tuple[int, ...]
    how: str = "bus"
    agent: str = ""

    def declare(self, how: str) -> None:
        """Note the kind of caller, as `mcp:NAME` for an assistant. Raises InvalidArgument."""
        kind, _, agent = how.partition(":")
        if kind not in HOWS or (agent and kind != "mcp"):
            what = f"Unknown kind of caller '{printable(how, 20)}'."
            raise InvalidArgument(what, f"Give one of {', '.join(HOWS)}.")
        self.how, self.agent = kind, printable(agent, _LONGEST_AGENT)

    @property
    def via(self) -> str:
        """Return the name that an assistant has declared, as mcp:NAME; empty for all others."""
        return f"mcp:{self.agent}" if self.how == "mcp" else ""

    def details(self) -> dict[str, Any]:
        return {"uid": self.uid, "user": self.user, "pid": self.pid, "how": self.how}


class Clients:
    """A cache of clients. It cannot become stale: a broker never gives out a unique name twice."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._known: OrderedDict[str, Client] = OrderedDict()
        self._watched: dict[str, asyncio.Future[Client]] = {}
        self._ruled: set[str] = set()
        self._sharing: set[str] = set()
        self._leave: list[Callable[[str], None]] = []
        self._processes = ProcessEnds(self._left)
        bus.listen("NameOwnerChanged", self._changed)

    def on_leave(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with the unique name of each watched connection that ends, or whose process ends."""
        self._leave.append(callback)

    def known(self, sender: str) -> Client | None:
        """Return the client of a unique name if it is cached, else None."""
        return self._known.get(sender)

    def watched(self, sender: str) -> Client | None:
        """Return the client of a unique name if it is being watched already, else None."""
        watching = self._watched.get(sender)
        return watching.result() if watching is not None and watching.done() else None

    async def of(self, sender: str) -> Client:
        """Return the client of a unique name. Raises NoDaemon if it has left the bus."""
        client = self._known.get(sender)
        if client is None:
            client = _client(sender, await self._bus.credentials(sender))
            client = self._known.setdefault(sender, client)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return client

    async def watch(self, sender: str) -> Client:
        """Return the same as `of`, and report the end of the connection to `on_leave`, even if it has just ended."""
        watching = self._watched.get(sender)
        if watching is None:
            watching = self._watched[sender] = asyncio.ensure_future(self._begin_to_watch(sender))
            watching.add_done_callback(_retrieve)
        client = await asyncio.shield(watching)
        if self._watched.get(sender) is not watching:
            raise NoDaemon(f"{sender} has left the bus.")  # it left while this call waited; its end has been reported
        return client

    async def _begin_to_watch(self, sender: str) -> Client:
        try:
            await self._add_rule(sender)
            # Asked after the rule is in place: a connection that is still there cannot end unnoticed.
            client = _client(sender, await self._bus.credentials(sender))
        except BaseException:
            if self._watched.get(sender) is asyncio.current_task():
                self._forget(sender)
            raise
        if self._watched.get(sender) is asyncio.current_task():  # it has not left meanwhile
            self._processes.watch(sender, client.pid)
        return self._known.setdefault(sender, client)

    async def _add_rule(self, sender: str) -> None:
        if len(self._ruled) < _OWN_RULES:
            self._ruled.add(sender)
            await self._bus.add_match(owner_rule(sender))
        else:
            self._sharing.add(sender)
            if len(self._sharing) == 1:
                await self._bus.add_match(_ANYBODY_LEAVES)

    def _remove_rule(self, sender: str) -> None:
        if sender in self._ruled:
            self._ruled.discard(sender)
            self._bus.remove_match(owner_rule(sender))
        elif sender in self._sharing:
            self._sharing.discard(sender)
            if not self._sharing:
                self._bus.remove_match(_ANYBODY_LEAVES)

    async def watch_if_there(self, sender: str) -> bool:
        """Watch a connection that may have ended. Return whether it exists."""
        try:
            await self.watch(sender)
        except LagerError:
            return False
        return True

    def _changed(self, signal: Signal) -> None:
        name, _, owner = signal.args
        if not owner:
            self._left(name)

    def _left(self, name: str) -> None:
        if name not in self._ruled and name not in self._sharing:
            return
        self._forget(name)
        for callback in self._leave:
            callback(name)

    def _forget(self, sender: str) -> None:
        self._known.pop(sender, None)
        self._watched.pop(sender, None)
        self._processes.forget(sender)
        self._remove_rule(sender)


def _retrieve(watching: "asyncio.Future[Client]") -> None:
    """Retrieve the exception, because asyncio would log it as never retrieved if all waiting callers were cancelled."""
    if not watching.cancelled():
        watching.exception()


def _client(sender: str, credentials: dict[str, Any]) -> Client:
    uid = credentials["UnixUserID"]
    gids = tuple(credentials.get("UnixGroupIDs", ()))
    return Client(sender, uid, user_name(uid), credentials.get("ProcessID", 0), gids)
