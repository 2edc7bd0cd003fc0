"""The bus for the rest of lager: plain values, lager's exceptions, one connection for each process.

Everything here belongs to one asyncio loop and is not thread-safe.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from lager import errors
from lager.bus import start_socket
from lager.bus.received import Call, Objects, Signal
from lager.bus.replies import gone, not_text, result, silent, unreachable
from lager.bus.transport.connection import Connection
from lager.bus.transport.sockets import close_fds
from lager.bus.transport.wire import BROKER, Flag, Incoming, Kind, encode
from lager.contract import SIGNALS, path_of
from lager.errors import LagerError, NoDaemon, NotRunning

_CONNECT_SECONDS = 10.0
_DO_NOT_QUEUE = 4
_OWNER = (1, 4)  # replies of RequestName: primary owner, already the owner
_BROKER_PATH = "/org/freedesktop/DBus"
_LONGEST_CALL = 1 << 16
_PATIENCE = "Wait for an answer before sending the next."
_MOST_RUNNING = 8
_MOST_OWED = 1 << 17  # bytes of replies to one caller that the broker has not taken


class _Words(NamedTuple):
    """The content of a method call, without its descriptors."""

    destination: str
    path: str
    interface: str
    member: str
    signature: str
    values: Sequence[Any]
    start: bool


class Bus:
    """One connection to a D-Bus broker. The future `lost` is done when it ends, for any reason."""

    def __init__(self, address: str) -> None:
        self._pending: dict[int, asyncio.Future[Incoming]] = {}
        self._bounds: dict[int, int] = {}  # the maximum size of a reply, by the serial of its call
        self._listeners: dict[str, list[tuple[str, Callable[[Signal], None]]]] = {}
        self._owners: dict[str, str] = {}  # by the name that is followed
        self._objects: Objects | None = None
        self._running: defaultdict[str, int] = defaultdict(int)
        self._address = address
        self._first_call: tuple[Any, ...] = ()  # sent to a service that this connection starts, before any other call
        self.name = ""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connection = Connection(address, self._wanted, self._received, self._busy, self._ended)

    @classmethod
    async def connect(cls, address: str) -> "Bus":
        """Connect and register. Raises BusError if no broker listens or it does not answer within ten seconds."""
        bus = None
        try:
            bus = cls(address)
            async with asyncio.timeout(_CONNECT_SECONDS):
                await bus._connection.introduce()
                bus.name = str((await bus._broker("Hello"))[0])
        except BaseException as error:
            if bus is not None:
                bus.close()
            if not isinstance(error, Exception):
                raise
            raise unreachable(address, error) from error
        return bus

    def close(self) -> None:
        self._connection.close()

    async def flush(self) -> None:
        """Wait up to a second until the broker has read what was sent. It discards the rest when a connection ends."""
        with contextlib.suppress(LagerError, TimeoutError):
            async with asyncio.timeout(1.0):
                while not self._connection.all_sent:
                    await self.call(BROKER, _BROKER_PATH, "GetId", timeout=1.0)
                await self.call(BROKER, _BROKER_PATH, "GetId", timeout=1.0)

    async def call(
        self,
        destination: str,
        path: str,
        member: str,
        signature: str = "",
        *values: Any,
        interface: str = "",
        start: bool = True,
        fds: Sequence[int] = (),
        timeout: float | None = 25.0,
        gives: str | None = None,
        at_most: int = 0,
    ) -> list[Any]:
        """Call a method and return its result: a list of plain values, with a descriptor for each `h`.

        `interface` defaults to the destination. `start` starts a service that is not running. `fds` are closed once
        they are sent. Raises the Refusal that the error reply names; NoDaemon if the service does not exist or did not
        answer within `timeout` seconds; BusError if the connection is lost. For a service that is not trusted: Failed
        if the signature of the reply is not `gives`, or if the reply has more than `at_most` bytes, which are then not
        read.
        """
        words = _Words(destination, path, interface or destination, member, signature, values, start)
        try:
            return await self._call(words, fds, timeout, gives, at_most)
        except NotRunning as absent:
            if not start or fds or not start_socket.starts(self._address, destination):
                raise
            refusal: NoDaemon = absent
            for _ in range(start_socket.KNOCKS):
                await start_socket.start(self.name, refusal)
                refusal = start_socket.failed()  # the start socket had a listener, so lagerd is installed
                if self._first_call:
                    self.post(*self._first_call)
                with contextlib.suppress(NotRunning):
                    return await self._call(words, (), timeout, gives, at_most)
            raise refusal from None

    async def _call(
        self, words: "_Words", fds: Sequence[int], timeout: float | None, gives: str | None, at_most: int
    ) -> list[Any]:
        if self.lost.done():
            close_fds(fds)
            raise gone()
        serial = self._connection.next_serial()
        answer: asyncio.Future[Incoming] = asyncio.get_running_loop().create_future()
        self._pending[serial] = answer
        if at_most:
            self._bounds[serial] = at_most
        try:
            self._send_call(serial, words, fds)
            async with asyncio.timeout(timeout):
                return result(await answer, gives)
        except TimeoutError:
            if answer.done() and not answer.cancelled():  # the reply came while this thread could not run
                return result(answer.result(), gives)
            raise silent(words.destination, words.member, timeout) from None
        except asyncio.CancelledError:
            _drop(answer)
            raise
        finally:
            self._pending.pop(serial, None)
            self._bounds.pop(serial, None)

    def _send_call(self, serial: int, words: "_Words", fds: Sequence[int]) -> None:
        try:
            data = encode(
                Kind.METHOD_CALL, serial, flags=Flag.NONE if words.start else Flag.NO_AUTOSTART, path=words.path,
                interface=words.interface, member=words.member, destination=words.destination,
                signature=words.signature, values=words.values, fds=fds,
            )  # fmt: skip
            self._connection.send(data, fds, to=words.destination)
        except UnicodeError:
            close_fds(fds)
            raise not_text() from None

    def post(self, destination: str, path: str, member: str, signature: str, *values: Any, start: bool = False) -> None:
        """Call a method without a reply, not even an error. `start` lets the broker start the service. If a later
        `call` starts it in another way, the service gets the latest such call first."""
        if start:
            self._first_call = (destination, path, member, signature, *values)
        flags = Flag.NO_REPLY_EXPECTED | (Flag.NONE if start else Flag.NO_AUTOSTART)
        self._send(
            Kind.METHOD_CALL, flags=flags, path=path, interface=destination, member=member, destination=destination,
            signature=signature, values=values,
        )  # fmt: skip

    def emit(self, path: str, interface: str, member: str, signature: str, *values: Any, to: str = "") -> None:
        """Send a signal, to all subscribers or only to the connection `to`."""
        self._send(
            Kind.SIGNAL, path=path, interface=interface, member=member, destination=to, signature=signature,
            values=values,
        )  # fmt: skip

    def together(self) -> AbstractContextManager[None]:
        """Return a context at whose end all calls, signals and replies made inside it are sent as one piece."""
        return self._connection.together()

    def serve(self, objects: Objects) -> None:
        """Pass all calls to `objects` from now on."""
        self._objects = objects

    def listen(self, member: str, callback: Callable[[Signal], None], *, of: str = BROKER) -> None:
        """Call `callback` for signals from `of`: the broker, a unique name, or the owner of a followed name.

        Signals of other senders are ignored, since any connection may send any signal.
        """
        self._listeners.setdefault(member, []).append((of, callback))

    async def subscribe(self, name: str, listeners: Mapping[str, Callable[[Signal], None]]) -> None:
        """Subscribe to signals of the interface `name`, and accept them only from the owner of that name."""
        if name not in self._owners:
            await self.follow(name, lambda _: None)
        for member, listener in listeners.items():
            self.listen(member, listener, of=name)
            await self.add_match(f"type='signal',sender='{name}',interface='{name}',member='{member}'")

    async def add_match(self, rule: str) -> None:
        await self._broker("AddMatch", "s", rule)

    def remove_match(self, rule: str) -> None:
        self.post(BROKER, _BROKER_PATH, "RemoveMatch", "s", rule)

    async def follow(self, name: str, callback: Callable[[str], None]) -> Callable[[], Coroutine[Any, Any, None]]:
        """Call `callback` with the owner of `name`, "" for none: now, and after each change.

        Returns a function that asks the broker again and calls `callback`.
        """
        changes = 0

        def changed(signal: Signal) -> None:
            nonlocal changes
            if signal.args[0] == name:
                changes += 1
                self._owners[name] = signal.args[2]
                callback(signal.args[2])

        async def look() -> None:
            before = changes
            owner = await self.owner(name)
            if changes == before:  # else a newer signal was handled: a reply is seen one turn later
                self._owners[name] = owner
                callback(owner)

        self.listen("NameOwnerChanged", changed)
        await self.add_match(owner_rule(name))
        await look()
        return look

    async def owner(self, name: str) -> str:
        """Return the unique name that owns `name`, "" if there is none."""
        try:
            return str((await self._broker("GetNameOwner", "s", name))[0])
        except NoDaemon:
            return ""

    async def names(self) -> list[str]:
        """Return all names on the bus."""
        return list((await self._broker("ListNames"))[0])

    def fileno(self) -> int:
        """Return the descriptor of the connection; -1 once it is closed."""
        return self._connection.fileno()

    async def start_service(self, name: str) -> None:
        """Start the service `name` and wait until it owns the name. Raises LagerError if that fails."""
        try:
            await self._broker("StartServiceByName", "su", name, 0)
        except NotRunning:  # the broker of a box starts no service; a call of lagerd does
            await self.call(name, path_of(name), "Ping", interface="org.freedesktop.DBus.Peer")

    async def credentials(self, unique_name: str) -> dict[str, Any]:
        """Return what the broker knows about a connection: UnixUserID, UnixGroupIDs, ProcessID."""
        return dict((await self._broker("GetConnectionCredentials", "s", unique_name))[0])

    async def take_name(self, name: str) -> bool:
        """Request `name`; return False if another connection owns it."""
        reply = await self._broker("RequestName", "su", name, _DO_NOT_QUEUE)
        return reply[0] in _OWNER

    async def _broker(self, member: str, signature: str = "", *values: Any) -> list[Any]:
        return await self.call(BROKER, _BROKER_PATH, member, signature, *values)

    def _send(self, kind: Kind, *, destination: str, fds: Sequence[int] = (), **rest: Any) -> None:
        if not self.lost.done():
            data = encode(kind, self._connection.next_serial(), destination=destination, fds=fds, **rest)
            self._connection.send(data, fds, to=destination)

    def answer(
        self,
        call: Call,
        kind: Kind,
        error: str,
        signature: str,
        values: Sequence[Any],
        fds: Sequence[int],
    ) -> None:
        """Answer a call, if it still waits for an answer. `fds` are closed once they are sent."""
        if not call.serial or self.lost.done():
            close_fds(fds)
            return
        serial, call.serial = call.serial, 0
        self._send(
            kind, destination=call.sender, reply_serial=serial, error=error, signature=signature, values=values, fds=fds
        )

    def _wanted(self, message: Incoming, has_room: bool) -> bool:
        """Return whether to read the body of a message. Calls are refused here by their header: cheap in a flood."""
        if message.kind is Kind.SIGNAL:
            owners = message.member == "NameOwnerChanged"  # only the broker may send this
            return message.member in self._listeners and (not owners or message.sender == BROKER)
        if message.kind is not Kind.METHOD_CALL:
            return message.reply_serial in self._pending and self._is_short(message)
        if message.size > _LONGEST_CALL:
            what = f"The call of {message.member} is too long: {message.size} bytes."
            Call(self, message).fail(errors.InvalidArgument(what, f"Send {_LONGEST_CALL} bytes at most."))
        elif not has_room:
            if self._connection.owed(message.sender) < _MOST_OWED:  # a flood beyond this gets no reply at all
                Call(self, message).fail(errors.TooMany("Too many pending calls.", _PATIENCE))
        else:
            return True
        return False

    def _is_short(self, answer: Incoming) -> bool:
        bound = self._bounds.get(answer.reply_serial)
        if bound is None or answer.size <= bound:
            return True
        waiter = self._pending[answer.reply_serial]
        if not waiter.done():
            waiter.set_exception(errors.Failed(f"The answer is too long: {answer.size} bytes."))
        return False

    def _received(self, message: Incoming) -> None:
        if message.kind is Kind.METHOD_CALL:
            self._called(Call(self, message))
        elif message.kind is Kind.SIGNAL:
            self._signalled(message)
        else:
            self._answered(message)

    def _called(self, call: Call) -> None:
        if self._objects is None:
            call.close_fds()
            call.refuse("org.freedesktop.DBus.Error.UnknownObject", f"There is no object {call.path} here.")
        else:
            self._objects.dispatch(call)

    def _signalled(self, message: Incoming) -> None:
        close_fds(message.fds)
        listeners = [
            callback
            for name, callback in self._listeners.get(message.member, ())
            if message.sender == self._owners.get(name, name)
        ]
        if listeners and (args := _arguments(message)) is not None:
            signal = Signal(message.sender, message.path, message.interface, message.member, args)
            for listener in listeners:
                listener(signal)

    def _answered(self, message: Incoming) -> None:
        waiter = self._pending.get(message.reply_serial)
        if waiter is None or waiter.done():
            close_fds(message.fds)
        else:
            waiter.set_result(message)

    def _busy(self, sender: str) -> bool:
        return self._running.get(sender, 0) >= _MOST_RUNNING

    def waiting(self, sender: str) -> int:
        """Return the number of calls of `sender` that wait to be served."""
        return self._connection.waiting(sender)

    def begin(self, sender: str) -> None:
        """Count a call of `sender` as running."""
        self._running[sender] += 1

    def end(self, sender: str) -> None:
        """Undo `begin`."""
        self._running[sender] -= 1
        if not self._running[sender]:
            del self._running[sender]
        self._connection.turn_soon()

    def _ended(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        for waiter in self._pending.values():
            if not waiter.done():
                waiter.set_exception(gone())


def _arguments(signal: Incoming) -> list[Any] | None:
    """Return the arguments of a signal; None if they cannot be read or do not fit the contract."""
    try:
        fits = signal.signature == SIGNALS.get(signal.member, signal.signature)
        return signal.body() if fits else None
    except Exception:
        return None


def owner_rule(name: str) -> str:
    """Return the match rule for changes of the owner of `name`."""
    return f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{name}'"


def _drop(answer: asyncio.Future[Incoming]) -> None:
    """Close the descriptors of a reply that has come for a cancelled call."""
    if answer.done() and not answer.cancelled() and answer.exception() is None:
        close_fds(answer.result().fds)
