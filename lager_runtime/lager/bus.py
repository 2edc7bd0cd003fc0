"""The bus, as the rest of lager sees it: plain values, exceptions of our own, one connection a process.

This is the only module that imports dbus_next. Of that library it uses the authentication, the wire format and the
message type; it replaces the library's reader, writer and dispatch, because those drop the connection when the socket
is full, lose replies when the connection ends, leak descriptors and send tracebacks to callers.

Everything here belongs to one asyncio loop and is not thread-safe.
"""

import array
import asyncio
import contextlib
import io
import logging
import os
import socket
import struct
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dbus_next import Message, MessageFlag, MessageType, NameFlag, RequestNameReply, Variant
from dbus_next._private.unmarshaller import Unmarshaller
from dbus_next.aio import MessageBus
from dbus_next.signature import SignatureTree

from lager import errors
from lager.errors import BusError, LagerError, NoDaemon, Refusal

_ERROR_PREFIX = "com.lager.Error."
_NOBODY = {
    "org.freedesktop.DBus.Error." + name
    for name in ("ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected", "Spawn.ChildExited", "TimedOut")
}
_DENIED = "org.freedesktop.DBus.Error.AccessDenied"
_CHUNK = 1 << 16
_CONNECT_SECONDS = 10.0
_BACKLOG_SECONDS = 5  # how long a broker may leave us in its queue; connect() blocks that long
_SIGNATURE_CACHE = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Signal:
    sender: str
    path: str
    interface: str
    member: str
    args: list[Any]


class Call:
    """A method call that somebody made to us; `reply` or `refuse` answers it, once, now or later."""

    __slots__ = ("_bus", "args", "fds", "interactive", "interface", "member", "path", "sender", "serial", "signature")

    def __init__(self, bus: "Bus", message: Message) -> None:
        self._bus = bus
        self.sender: str = message.sender
        self.serial: int = 0 if message.flags & MessageFlag.NO_REPLY_EXPECTED else message.serial
        self.path: str = message.path
        self.interface: str = message.interface or ""
        self.member: str = message.member
        self.signature: str = message.signature
        self.interactive = bool(message.flags & MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION)
        self.fds: list[int] = message.unix_fds
        self.args: list[Any] = [_plain(value) for value in message.body]

    def reply(self, signature: str = "", *values: Any, fds: Sequence[int] = ()) -> None:
        """Answer; the descriptors in `fds` are ours to close, which happens when they have been sent."""
        self._bus._answer(self, MessageType.METHOD_RETURN, None, signature, values, fds)

    def refuse(self, name: str, text: str) -> None:
        self._bus._answer(self, MessageType.ERROR, name, "s", (text,), ())

    def fail(self, error: LagerError) -> None:
        """Refuse with an error of ours, by its name where the contract has one."""
        kind = type(error) if isinstance(error, Refusal) else errors.Failed
        self.refuse(_ERROR_PREFIX + kind.__name__, str(error))

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

    def __init__(self, connection: "_Connection") -> None:
        self._connection = connection
        self._pending: dict[int, asyncio.Future[Message]] = {}
        self._listeners: dict[str, list[Callable[[Signal], None]]] = {}
        self._objects: Objects | None = None
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(cls, address: str) -> "Bus":
        """Connect and say hello; BusError if nobody is there, or does not answer within ten seconds."""
        connection = None
        try:
            connection = _Connection(address)
            bus = connection.bus = cls(connection)
            async with asyncio.timeout(_CONNECT_SECONDS):
                await connection.connect()
        except BaseException as error:
            if connection is not None:
                connection.close()
            if not isinstance(error, Exception):
                raise
            why = str(error) or "no answer"
            raise BusError(f"The bus at {address} cannot be reached ({why}).") from error
        return bus

    @property
    def name(self) -> str:
        return str(self._connection.unique_name)

    def close(self) -> None:
        self._connection.close()

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
    ) -> list[Any]:
        """Call a method and wait for its result: a list of plain values, descriptors in the place of `h`.

        The interface is the destination unless named. `start` lets the broker start a service that is not there.
        Raises the Refusal that the other side named, NoDaemon if there is nobody, BusError if the bus is gone or
        `timeout` seconds went by. `fds` are closed once sent.
        """
        flags = MessageFlag.NONE if start else MessageFlag.NO_AUTOSTART
        message = _message(
            MessageType.METHOD_CALL, signature, values, fds, destination=destination, path=path,
            interface=interface or destination, member=member, flags=flags,
        )  # fmt: skip
        if self.lost.done():
            _close(fds)
            raise _gone()
        message.serial = self._connection.next_serial()
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._pending[message.serial] = answer
        try:
            self._connection.send(message)
            async with asyncio.timeout(timeout):
                return _result(await answer)
        except UnicodeError:
            _close(fds)
            raise errors.InvalidArgument("What you gave is no text in UTF-8.", "Give it in plain letters.") from None
        except TimeoutError:
            raise NoDaemon(
                f"{destination} did not answer {member} within {timeout:g} s.", "Try again, or restart it."
            ) from None
        finally:
            self._pending.pop(message.serial, None)

    def post(self, destination: str, path: str, member: str, signature: str, *values: Any) -> None:
        """Call a method and want no answer, not even an error; starts nobody."""
        flags = MessageFlag.NO_REPLY_EXPECTED | MessageFlag.NO_AUTOSTART
        self._send(
            MessageType.METHOD_CALL, signature, values, destination=destination, path=path, interface=destination,
            member=member, flags=flags,
        )  # fmt: skip

    def emit(self, path: str, interface: str, member: str, signature: str, *values: Any, to: str | None = None) -> None:
        """Send a signal: to everybody who listens, or to the one connection `to`."""
        self._send(MessageType.SIGNAL, signature, values, destination=to, path=path, interface=interface, member=member)

    def serve(self, objects: Objects) -> None:
        self._objects = objects

    def listen(self, member: str, callback: Callable[[Signal], None]) -> None:
        self._listeners.setdefault(member, []).append(callback)

    async def add_match(self, rule: str) -> None:
        await self._broker("AddMatch", "s", rule)

    def remove_match(self, rule: str) -> None:
        self.post("org.freedesktop.DBus", "/org/freedesktop/DBus", "RemoveMatch", "s", rule)

    async def follow(self, name: str, callback: Callable[[str], None]) -> None:
        """Tell `callback` who owns `name` ("" for nobody): now, and at every change."""

        def changed(signal: Signal) -> None:
            if signal.sender == "org.freedesktop.DBus" and signal.args[0] == name:
                callback(signal.args[2])

        self.listen("NameOwnerChanged", changed)
        await self.add_match(owner_rule(name))
        callback(await self.owner(name))

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
        reply = await self._broker("RequestName", "su", name, NameFlag.DO_NOT_QUEUE.value)
        return reply[0] in (RequestNameReply.PRIMARY_OWNER.value, RequestNameReply.ALREADY_OWNER.value)

    async def _broker(self, member: str, signature: str = "", *values: Any) -> list[Any]:
        return await self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", member, signature, *values)

    def _send(self, kind: MessageType, signature: str, values: Iterable[Any], **header: Any) -> None:
        if not self.lost.done():
            self._connection.send(_message(kind, signature, values, (), **header))

    def _answer(
        self,
        call: Call,
        kind: MessageType,
        error: str | None,
        signature: str,
        values: Iterable[Any],
        fds: Sequence[int],
    ) -> None:
        if not call.serial or self.lost.done():
            _close(fds)
            return
        serial, call.serial = call.serial, 0
        self._connection.send(
            _message(kind, signature, values, fds, destination=call.sender, reply_serial=serial, error_name=error)
        )

    def _received(self, message: Message) -> None:
        if message.message_type is MessageType.METHOD_CALL:
            self._called(Call(self, message))
        elif message.message_type is MessageType.SIGNAL:
            self._signalled(message)
        else:
            self._answered(message)

    def _called(self, call: Call) -> None:
        if self._objects is None:
            call.close_fds()
            call.refuse("org.freedesktop.DBus.Error.UnknownObject", f"There is no object {call.path} here.")
        else:
            self._objects.dispatch(call)

    def _signalled(self, message: Message) -> None:
        _close(message.unix_fds)
        listeners = self._listeners.get(message.member)
        if listeners:
            args = [_plain(value) for value in message.body]
            signal = Signal(message.sender, message.path, message.interface, message.member, args)
            for listener in listeners:
                listener(signal)

    def _answered(self, message: Message) -> None:
        waiter = self._pending.get(message.reply_serial)
        if waiter is None or waiter.done():
            _close(message.unix_fds)
        else:
            waiter.set_result(message)

    def _ended(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        for waiter in self._pending.values():
            if not waiter.done():
                waiter.set_exception(_gone())


def owner_rule(name: str) -> str:
    """The match rule for changes of who owns `name`."""
    return f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{name}'"


class _Connection(MessageBus):  # type: ignore[misc]  # the library is untyped
    def __init__(self, address: str) -> None:
        self.bus: Bus | None = None
        self._fds: list[int] = []
        self._unread = bytearray()
        super().__init__(address, negotiate_unix_fd=True)
        self._writer = _Writer(self)

    def _setup_socket(self) -> None:
        paths = [options for transport, options in self._bus_address if transport == "unix"]
        if not paths:
            raise OSError("not a unix: address")
        where = paths[0].get("path") or "\0" + paths[0]["abstract"]
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        _connections.add(self)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _BACKLOG_SECONDS, 0))
        try:
            self._sock.connect(where)
        except OSError:
            self._sock.close()
            raise
        self._sock.setblocking(False)
        self._fd = self._sock.fileno()
        self._stream = self._sock.makefile("rwb")

    async def _auth_readline(self) -> str:
        line = b""
        while not line.endswith(b"\r\n"):
            byte = await self._loop.sock_recv(self._sock, 1)
            if not byte:
                raise OSError("it hung up while we introduced ourselves")
            line += byte
        return line[:-2].decode()

    def send(self, message: Message) -> None:
        if not message.serial:
            message.serial = self.next_serial()
        self._writer.schedule_write(message)

    def close(self) -> None:
        self._finalize(None)

    def abandon(self) -> None:
        """Give the descriptor back and touch nothing else, for the rest is the parent's."""
        with contextlib.suppress(OSError):
            os.close(self._sock.detach())

    def _finalize(self, err: Exception | None = None) -> None:
        if self._disconnected:
            return
        with contextlib.suppress(Exception):
            super()._finalize(err)
        with contextlib.suppress(Exception):
            self._disconnect_future.exception()
        self._writer.drop()
        _close(self._fds)
        with contextlib.suppress(OSError):
            self._stream.close()
        self._sock.close()
        if self.bus is not None:
            self.bus._ended()

    def _message_reader(self) -> None:
        try:
            data, ancillary, _, _ = self._sock.recvmsg(_CHUNK, socket.CMSG_LEN(253 * 4))
        except BlockingIOError:
            return
        except OSError as error:
            self._finalize(error)
            return
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._fds += array.array("i", content[: len(content) // 4 * 4])
        if not data:
            self._finalize(EOFError("the bus hung up"))
            return
        self._unread += data
        for raw in _split(self._unread):
            self._parse(raw)

    def _parse(self, raw: bytes) -> None:
        if len(SignatureTree._cache) > _SIGNATURE_CACHE:
            SignatureTree._cache.clear()
        reader = Unmarshaller(io.BytesIO(raw))
        try:
            message = reader.unmarshall()
            count = _fd_count(reader) if self._fds else 0
        except Exception:
            # The whole message is here, so the next one still begins where it should.
            _log.warning("A message that cannot be read was dropped.", exc_info=True)
            _close(self._fds)
            self._fds = []
            return
        message.unix_fds, self._fds = self._fds[:count], self._fds[count:]
        try:
            self._deliver(message)
        except Exception:
            _log.exception("A message could not be handled.")

    def _deliver(self, message: Message) -> None:
        greeting = self._method_return_handlers.pop(message.reply_serial, None)
        if greeting is not None:
            greeting(message, None)
        elif self.bus is not None:
            self.bus._received(message)


_connections: "weakref.WeakSet[_Connection]" = weakref.WeakSet()


def _after_fork() -> None:
    for connection in list(_connections):
        connection.abandon()


os.register_at_fork(after_in_child=_after_fork)


class _Writer:
    """In the place of the library's writer: sends at once what can be sent, and waits while the socket is full."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._queue: deque[tuple[memoryview, Sequence[int]]] = deque()
        self._armed = False

    def schedule_write(self, message: Message | None = None, _future: object = None) -> None:
        if message is not None:
            self._queue.append((memoryview(message._marshall(negotiate_unix_fd=True)), message.unix_fds))
        if self._connection.unique_name and not self._armed:
            self._write()

    def drop(self) -> None:
        for _, fds in self._queue:
            _close(fds)
        self._queue.clear()

    def _write(self) -> None:
        loop, fd = self._connection._loop, self._connection._fd
        try:
            while self._queue:
                self._write_some()
        except BlockingIOError:
            if not self._armed:
                loop.add_writer(fd, self._write)
                self._armed = True
            return
        except OSError as error:
            # Not from inside a sender's own call: whoever sends need not expect the world to end under it.
            loop.call_soon(self._connection._finalize, error)
            self.drop()
        if self._armed:
            loop.remove_writer(fd)
            self._armed = False

    def _write_some(self) -> None:
        data, fds = self._queue[0]
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self._connection._sock.sendmsg([data], rights)
        _close(fds)
        if sent == len(data):
            self._queue.popleft()
        else:
            self._queue[0] = (data[sent:], ())


def _split(buffer: bytearray) -> Iterable[bytes]:
    """Take the whole messages off the front of `buffer` (D-Bus specification, Message Format)."""
    while len(buffer) >= 16:
        order = "<" if buffer[0] == ord("l") else ">"
        body, _, fields = struct.unpack_from(order + "III", buffer, 4)
        length = 16 + (fields + 7) // 8 * 8 + body
        if len(buffer) < length:
            return
        raw = bytes(buffer[:length])
        del buffer[:length]
        yield raw


def _fd_count(reader: Unmarshaller) -> int:
    """How many descriptors belong to the message just read: header field 9, which the library reads and drops."""
    reader.offset = 12
    fields = reader.read_argument(SignatureTree._get("a(yv)").types[0])
    return sum(value.value for code, value in fields if code == 9)


def _message(kind: MessageType, signature: str, values: Iterable[Any], fds: Sequence[int], **header: Any) -> Message:
    kinds = SignatureTree._get(signature).types
    body = [
        _variant(value) if kind.token == "v" else _wrapped(value) for kind, value in zip(kinds, values, strict=True)
    ]
    return Message(message_type=kind, signature=signature, body=body, unix_fds=list(fds), **header)


def _wrapped(value: Any) -> Any:
    """Plain values for the library: every dictionary of the contract is a{sv}."""
    if isinstance(value, dict):
        return {key: _variant(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_wrapped(item) for item in value]
    return value


def _variant(value: Any) -> Variant:
    match value:
        case bool():
            return Variant("b", value)
        case int():
            return Variant("u" if 0 <= value < 1 << 32 else "x", value)
        case float():
            return Variant("d", value)
        case str():
            return Variant("s", value)
        case dict():
            return Variant("a{sv}", _wrapped(value))
        case list():
            return Variant("as", value)
    raise TypeError(f"no D-Bus type for {type(value).__name__}")


def _plain(value: Any) -> Any:
    if isinstance(value, Variant):
        return _plain(value.value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _result(message: Message) -> list[Any]:
    if message.message_type is MessageType.ERROR:
        _close(message.unix_fds)
        raise _error(message.error_name, str(message.body[0]) if message.body else message.error_name)
    values = [_plain(value) for value in message.body]
    taken = {values[index] for index, kind in enumerate(message.signature_tree.types) if kind.token == "h"}
    _close(fd for index, fd in enumerate(message.unix_fds) if index not in taken)
    for index, kind in enumerate(message.signature_tree.types):
        if kind.token == "h":
            values[index] = message.unix_fds[values[index]]
    return values


def _error(name: str, text: str) -> LagerError:
    kind = getattr(errors, name.removeprefix(_ERROR_PREFIX), None) if name.startswith(_ERROR_PREFIX) else None
    if isinstance(kind, type) and issubclass(kind, Refusal):
        return kind(text)
    if name in _NOBODY:
        return NoDaemon(f"lagerd does not answer ({text}).", "Start it with: sudo systemctl start lagerd")
    if name == _DENIED:
        return errors.AccessDenied("The bus does not let you talk to lagerd.", "Ask to be added to the group lager.")
    return errors.Failed(text)


def _gone() -> BusError:
    return BusError("The connection to the bus was lost.", "Try again.")


def _close(fds: Iterable[int]) -> None:
    for fd in fds:
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)
