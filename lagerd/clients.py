"""Who is calling: what the broker vouches for about a connection, remembered for as long as it lives."""

import asyncio
import pwd
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lager.bus.facade import Bus, Signal, owner_rule
from lager.errors import LagerError, NoDaemon

_REMEMBERED = 1024
# A broker allows a connection 512 match rules, unless its administrator says otherwise. The clients beyond so many
# share a rule that tells of every connection which ends, and so wakes lagerd for some that it does not know.
_OWN_RULES = 256
_ANYBODY_LEAVES = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''"
HOWS = ("bus", "cli", "console", "enter")


@dataclass(slots=True)
class Client:
    """One connection. `pid` is decoration, `how` is what it says of itself; uid and gids are the broker's word."""

    sender: str
    uid: int
    user: str
    pid: int
    gids: tuple[int, ...]
    how: str = "bus"

    def details(self) -> dict[str, Any]:
        return {"uid": self.uid, "user": self.user, "pid": self.pid, "how": self.how}


class Clients:
    """Unique names are never used again while the broker lives, so what is remembered cannot become wrong."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._known: OrderedDict[str, Client] = OrderedDict()
        self._watched: dict[str, asyncio.Future[Client]] = {}
        self._ruled: set[str] = set()
        self._sharing: set[str] = set()
        self._leave: list[Callable[[str], None]] = []
        bus.listen("NameOwnerChanged", self._changed)

    def on_leave(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with the unique name of each watched connection that ends."""
        self._leave.append(callback)

    def known(self, sender: str) -> Client | None:
        """The client behind a unique name, where that can be said at once."""
        return self._known.get(sender)

    def watched(self, sender: str) -> Client | None:
        """The same, where `watch` would have nothing to wait for."""
        watching = self._watched.get(sender)
        return watching.result() if watching is not None and watching.done() else None

    async def of(self, sender: str) -> Client:
        """The client behind a unique name; NoDaemon if it has left."""
        client = self._known.get(sender)
        if client is None:
            client = _client(sender, await self._bus.credentials(sender))
            client = self._known.setdefault(sender, client)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return client

    async def watch(self, sender: str) -> Client:
        """As `of`; and the end of the connection will be told, however short-lived it is."""
        watching = self._watched.get(sender)
        if watching is None:
            watching = self._watched[sender] = asyncio.ensure_future(self._begin_to_watch(sender))
            watching.add_done_callback(_retrieve)
        client = await asyncio.shield(watching)
        if self._watched.get(sender) is not watching:
            raise NoDaemon(f"{sender} has left the bus.")  # while we waited, and its end has been told
        return client

    async def _begin_to_watch(self, sender: str) -> Client:
        try:
            await self._add_rule(sender)
            # Asked after the rule stands: whoever is still there now cannot leave unseen.
            client = _client(sender, await self._bus.credentials(sender))
        except BaseException:
            if self._watched.get(sender) is asyncio.current_task():
                self._forget(sender)
            raise
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
        """As `watch`, for a connection that may have ended; whether it is there."""
        try:
            await self.watch(sender)
        except LagerError:
            return False
        return True

    def _changed(self, signal: Signal) -> None:
        name, _, owner = signal.args
        if owner or (name not in self._ruled and name not in self._sharing):
            return
        self._forget(name)
        for callback in self._leave:
            callback(name)

    def _forget(self, sender: str) -> None:
        self._known.pop(sender, None)
        self._watched.pop(sender, None)
        self._remove_rule(sender)


def _retrieve(watching: "asyncio.Future[Client]") -> None:
    """Whoever waited for it may have been cancelled, and then nobody is left to hear of its failure."""
    if not watching.cancelled():
        watching.exception()


def _client(sender: str, credentials: dict[str, Any]) -> Client:
    uid = credentials["UnixUserID"]
    gids = tuple(credentials.get("UnixGroupIDs", ()))
    return Client(sender, uid, user_name(uid), credentials.get("ProcessID", 0), gids)


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
