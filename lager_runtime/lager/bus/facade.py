"""The bus, as the rest of lager sees it: plain values, exceptions of our own, one connection a process.

Everything here belongs to one asyncio loop and is not thread-safe.
"""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from lager import errors
from lager.bus.address import require_user_name
from lager.bus.connection import BROKER, Connection, close_fds
from lager.bus.replies import ERROR_PREFIX, result
from lager.bus.wire import Flag, Incoming, Kind, encode
from lager.contract import SIGNALS
from lager.errors import BusError, LagerError, NoDaemon, Refusal

_CONNECT_SECONDS = 10.0
_DO_NOT_QUEUE = 4
_OWNER = (1, 4)  # of a name: since now, or already
_BROKER_PATH = "/org/freedesktop/DBus"
_LONGEST_CALL = 1 << 16
_PATIENCE = "Wait for an answer before sending the next."
_MOST_RUNNING = 8
_MOST_OWED = 1 << 17  # bytes of answers that the broker has not taken


@dataclass(frozen=True, slots=True)
class Signal:
    sender: str
    path: str
    interface: str
    member: str
    args: list[Any]


class Call:
    """A method call that somebody made to us; `reply` or `refuse` answers it, once, now or later."""

    __slots__ = (
        "_args",
        "_bus",
        "_message",
        "fds",
        "interactive",
        "interface",
        "member",
        "path",
        "sender",
        "serial",
    )

    def __init__(self, bus: "Bus", message: Incoming) -> None:
        self._bus = bus
        self.sender = message.sender
        self.serial = 0 if message.flags & Flag.NO_REPLY_EXPECTED else message.serial
        self.path = message.path
        self.interface = message.interface
        self.member = message.member
        self.interactive = bool(message.flags & Flag.ALLOW_INTERACTIVE_AUTHORIZATION)
        self.fds = message.fds
        self._message: Incoming | None = message
        self._args: list[Any] | None = None

    @property
    def args(self) -> list[Any]:
        """Parsed when first asked for. Raises InvalidArgument where the bytes are not what the signature says."""
        if self._args is None:
            self._args = self._read().body() if self._message is not None else []
        return self._args

    @property
    def signature(self) -> str:
        """Raises InvalidArgument as `args` does."""
        return self._read().signature

    def _read(self) -> Incoming:
        assert self._message is not None
        try:
            _ = self._message.signature
        except Exception:
            raise errors.InvalidArgument(f"The arguments of {self.member} are not valid D-Bus.") from None
        return self._message

    @property
    def behind(self) -> int:
        """How many calls of the same caller wait behind this one."""
        return self._bus._connection.waiting(self.sender)

    def forget_args(self) -> None:
        """They need not be kept for as long as the answer takes."""
        self._message, self._args = None, []

    def reply(self, signature: str = "", *values: Any, fds: Sequence[int] = ()) -> None:
        """Answer; the descriptors in `fds` are ours to close, which happens when they have been sent."""
        self._bus._answer(self, Kind.METHOD_RETURN, "", signature, values, fds)

    def refuse(self, name: str, text: str) -> None:
        self._bus._answer(self, Kind.ERROR, name, "s", (text,), ())

    def fail(self, error: LagerError) -> None:
        """Refuse with an error of ours, by its name where the contract has one."""
        kind = type(error) if isinstance(error, Refusal) else errors.Failed
        self.refuse(ERROR_PREFIX + kind.__name__, str(error))

    def begin(self) -> None:
        """What was called is being done; not much of that is done for one caller at a time."""
        self._bus._running[self.sender] += 1

    def end(self) -> None:
        self._bus._done(self.sender)

    def take_fd(self, index: int) -> int:
        """The descriptor that an `h` argument points at, which from now on the caller of this closes."""
        fd = self.fds[index]
        self.fds[index] = -1
        return fd

    def close_fds(self) -> None:
        for fd in self.fds:
            if fd >= 0:
                os.close(fd)
        self.fds = []


class Objects(Protocol):
    def dispatch(self, call: Call) -> None: ...


class Bus:
    """One connection to a D-Bus broker. `lost` is done as soon as it ends, for whatever reason."""

    def __init__(self, address: str) -> None:
        self._pending: dict[int, asyncio.Future[Incoming]] = {}
        self._bounds: dict[int, int] = {}  # of answers that may not be long
        self._listeners: dict[str, list[tuple[str, Callable[[Signal], None]]]] = {}
        self._owners: dict[str, str] = {}  # of the names that are followed
        self._objects: Objects | None = None
        self._running: Counter[str] = Counter()
        self.name = ""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connection = Connection(address, self._wanted, self._received, self._busy, self._ended)

    @classmethod
    async def connect(cls, address: str) -> "Bus":
        """Connect and say hello; BusError if nobody is there, or does not answer within ten seconds."""
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
            if isinstance(error, errors.TooMany):
                raise BusError(error.what, error.hint) from None
            if not isinstance(error, FileNotFoundError | ConnectionRefusedError):
                require_user_name()
            why = str(error) or "no answer"
            raise BusError(f"The bus at {address} cannot be reached ({why}).") from error
        return bus

    def close(self) -> None:
        self._connection.close()

    async def flush(self) -> None:
        """Wait until the broker has taken what was sent, a second at the most: it does not read on when we hang up."""
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
        """Call a method and wait for its result: a list of plain values, descriptors in the place of `h`.

        The interface is the destination unless named. `start` lets the broker start a service that is not there.
        Raises the Refusal that the other side named, NoDaemon if there is nobody or `timeout` seconds went by, BusError
        if the bus is gone. `fds` are closed once sent. Of somebody who is not trusted the answer is Failed where its
        signature is not what it `gives`, or where it has more than `at_most` bytes, which are not looked at then.
        """
        if self.lost.done():
            close_fds(fds)
            raise _gone()
        serial = self._connection.next_serial()
        answer: asyncio.Future[Incoming] = asyncio.get_running_loop().create_future()
        self._pending[serial] = answer
        if at_most:
            self._bounds[serial] = at_most
        try:
            data = encode(
                Kind.METHOD_CALL, serial, flags=Flag.NONE if start else Flag.NO_AUTOSTART, path=path,
                interface=interface or destination, member=member, destination=destination, signature=signature,
                values=values, fds=fds,
            )  # fmt: skip
            self._connection.send(data, fds, to=destination)
            async with asyncio.timeout(timeout):
                return result(await answer, gives)
        except UnicodeError:
            close_fds(fds)
            raise errors.InvalidArgument("An argument is not valid UTF-8.", "Give it as plain text.") from None
        except TimeoutError:
            if answer.done() and not answer.cancelled():  # it came while this thread could not run
                return result(answer.result(), gives)
            raise NoDaemon(
                f"{destination} did not answer {member} within {timeout:g} s.", "Try again, or restart it."
            ) from None
        except asyncio.CancelledError:
            _drop(answer)
            raise
        finally:
            self._pending.pop(serial, None)
            self._bounds.pop(serial, None)

    def post(self, destination: str, path: str, member: str, signature: str, *values: Any, start: bool = False) -> None:
        """Call a method and want no answer, not even an error; `start` as for `call`."""
        flags = Flag.NO_REPLY_EXPECTED | (Flag.NONE if start else Flag.NO_AUTOSTART)
        self._send(
            Kind.METHOD_CALL, flags=flags, path=path, interface=destination, member=member, destination=destination,
            signature=signature, values=values,
        )  # fmt: skip

    def emit(self, path: str, interface: str, member: str, signature: str, *values: Any, to: str = "") -> None:
        """Send a signal: to everybody who listens, or to the one connection `to`."""
        self._send(
            Kind.SIGNAL, path=path, interface=interface, member=member, destination=to, signature=signature,
            values=values,
        )  # fmt: skip

    def together(self) -> AbstractContextManager[None]:
        """What is posted, emitted and answered inside of this goes out as one piece, at its end."""
        return self._connection.together()

    def serve(self, objects: Objects) -> None:
        self._objects = objects

    def listen(self, member: str, callback: Callable[[Signal], None], *, of: str = BROKER) -> None:
        """Tell `callback` of the signals that `of` sends: the broker, a unique name, or the owner of a followed name.

        Anybody may send a signal to anybody; what comes from others is ignored.
        """
        self._listeners.setdefault(member, []).append((of, callback))

    async def subscribe(self, name: str, listeners: Mapping[str, Callable[[Signal], None]]) -> None:
        """Ask the broker for signals of the interface `name`, and hear them from the owner of that name alone."""
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
        """Tell `callback` who owns `name`, "" for nobody: now, at every change, and when what is returned is called."""
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
            if changes == before:  # else that is the newer word: an answer is taken up a turn of the loop after it came
                self._owners[name] = owner
                callback(owner)

        self.listen("NameOwnerChanged", changed)
        await self.add_match(owner_rule(name))
        await look()
        return look

    async def owner(self, name: str) -> str:
        """The unique name behind `name`, "" where there is none."""
        try:
            return str((await self._broker("GetNameOwner", "s", name))[0])
        except NoDaemon:
            return ""

    async def names(self) -> list[str]:
        return list((await self._broker("ListNames"))[0])

    async def start_service(self, name: str) -> None:
        await self._broker("StartServiceByName", "su", name, 0)

    async def credentials(self, unique_name: str) -> dict[str, Any]:
        """What the broker vouches for: UnixUserID, UnixGroupIDs, ProcessID."""
        return dict((await self._broker("GetConnectionCredentials", "s", unique_name))[0])

    async def take_name(self, name: str) -> bool:
        """Own `name`; False if somebody else does."""
        reply = await self._broker("RequestName", "su", name, _DO_NOT_QUEUE)
        return reply[0] in _OWNER

    async def _broker(self, member: str, signature: str = "", *values: Any) -> list[Any]:
        return await self.call(BROKER, _BROKER_PATH, member, signature, *values)

    def _send(self, kind: Kind, *, destination: str, fds: Sequence[int] = (), **rest: Any) -> None:
        if not self.lost.done():
            data = encode(kind, self._connection.next_serial(), destination=destination, fds=fds, **rest)
            self._connection.send(data, fds, to=destination)

    def _answer(
        self,
        call: Call,
        kind: Kind,
        error: str,
        signature: str,
        values: Sequence[Any],
        fds: Sequence[int],
    ) -> None:
        if not call.serial or self.lost.done():
            close_fds(fds)
            return
        serial, call.serial = call.serial, 0
        self._send(
            kind, destination=call.sender, reply_serial=serial, error=error, signature=signature, values=values, fds=fds
        )

    def _wanted(self, message: Incoming, has_room: bool) -> bool:
        """Whether to look at a message at all: this costs little, however long it is and however many there are."""
        if message.kind is Kind.SIGNAL:
            owners = message.member == "NameOwnerChanged"  # which is the broker's to say
            return message.member in self._listeners and (not owners or message.sender == BROKER)
        if message.kind is not Kind.METHOD_CALL:
            return message.reply_serial in self._pending and self._is_short(message)
        if message.size > _LONGEST_CALL:
            what = f"The call of {message.member} is too long: {message.size} bytes."
            Call(self, message).fail(errors.InvalidArgument(what, f"Send {_LONGEST_CALL} bytes at most."))
        elif not has_room:
            if self._connection.owed(message.sender) < _MOST_OWED:  # beyond it who floods us is not even refused
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
        return self._running[sender] >= _MOST_RUNNING

    def _done(self, sender: str) -> None:
        self._running[sender] -= 1
        if not self._running[sender]:
            del self._running[sender]
        self._connection.turn_soon()

    def _ended(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        for waiter in self._pending.values():
            if not waiter.done():
                waiter.set_exception(_gone())


def _arguments(signal: Incoming) -> list[Any] | None:
    """The arguments of a signal; None where they are not those of its contract, or cannot be read."""
    try:
        fits = signal.signature == SIGNALS.get(signal.member, signal.signature)
        return signal.body() if fits else None
    except Exception:
        return None


def owner_rule(name: str) -> str:
    """The match rule for changes of who owns `name`."""
    return f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{name}'"


def _drop(answer: asyncio.Future[Incoming]) -> None:
    """Nobody waits any more for what may just have come."""
    if answer.done() and not answer.cancelled() and answer.exception() is None:
        close_fds(answer.result().fds)


def _gone() -> BusError:
    return BusError("The connection to the bus was lost.", "Try again.")
