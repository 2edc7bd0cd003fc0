"""The socket to a D-Bus broker: connected, authenticated, whole messages in and out, and ended once.

This is the only module that imports dbus_next. Of that library it uses addresses and authentication; its reader, writer
and dispatch are replaced, because those drop the connection when the socket is full, lose replies when the connection
ends, leak descriptors and send tracebacks to callers, and its wire format, which takes five times as long.
"""

import array
import asyncio
import contextlib
import logging
import os
import socket
import struct
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence

from dbus_next._private.address import parse_address
from dbus_next.auth import AuthExternal

from lager import fork_lock
from lager.bus.fair_queue import Turns
from lager.bus.messages import Kind, Message, encode, head, take
from lager.bus.send_queue import Outbox

_CHUNK, _CHUNKS = 1 << 14, 8  # read at one time, and how often before what has come is looked at
BROKER = "org.freedesktop.DBus"
_TOLD = ""
_MOST_FDS = 253  # that Linux passes with one message: SCM_MAX_FD, unix(7)
_CONGESTED, _CHOKED = 1 << 16, 1 << 23  # bytes that the broker has still to take
_LAST_WORDS = 64  # calls
_PACE = 1 << 21  # bytes a second for one who has asked for more already
_BACKLOG_SECONDS = 5  # how long a broker may leave us in its queue; connect() blocks that long

_log = logging.getLogger(__name__)


class Connection:
    """`wanted` is asked of each message when it comes, and `received` gets it when its turn has come: not while `busy`
    says that enough is being done for its sender. `ended` is called once, for whatever reason the connection ends."""

    def __init__(
        self,
        address: str,
        wanted: Callable[[Message, bool], bool],
        received: Callable[[Message], None],
        busy: Callable[[str], bool],
        ended: Callable[[], None],
    ) -> None:
        self._wanted = wanted
        self._received = received
        self._busy = busy
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._fds: list[int] = []
        self._unread = bytearray()
        self._out = Outbox()
        self._full = False
        self._held = False
        self._turns: Turns[Message] = Turns(_TOLD)
        self._turning: asyncio.Handle | None = None
        self._resting: set[str] = set()
        self._left: set[str] = set()  # of whom something waits still
        self._open = True
        self._serial = 0
        with fork_lock.wait:  # a child of one in between would keep the socket
            self._sock = _connected(address)
            _connections.add(self)

    async def introduce(self) -> None:
        """Authenticate, and begin to read. Raises OSError, or what the library has for an answer it does not like."""
        authenticator = AuthExternal()
        line = "\0" + authenticator._authentication_start(negotiate_unix_fd=True)
        while True:
            await self._loop.sock_sendall(self._sock, line.encode() + b"\r\n")
            if line == "BEGIN":
                break
            line = authenticator._receive_line(await self._line())
        self._loop.add_reader(self._sock, self._read)

    async def _line(self) -> str:
        line = b""
        while not line.endswith(b"\r\n"):
            byte = await self._loop.sock_recv(self._sock, 1)
            if not byte:
                raise OSError("it hung up while we introduced ourselves")
            line += byte
        return line[:-2].decode()

    def next_serial(self) -> int:
        self._serial = self._serial % 0xFFFFFFFF + 1
        return self._serial

    def send(self, message: Message) -> None:
        """Send at once what can be sent, and the rest when the socket has room; the descriptors are closed once sent.

        Raises UnicodeError for what is no text, before anything is sent.
        """
        if not message.serial:
            message.serial = self.next_serial()
        self.send_raw(encode(message), message.fds, to=message.destination)

    def send_raw(self, data: bytes, fds: Sequence[int] = (), *, to: str = "") -> None:
        self._out.put(to, data, fds)
        if len(data) >= _CONGESTED:
            self._resting.add(to)
            self._loop.call_later(len(data) / _PACE, self._rested, to)
        if not self._full and not self._held:
            self._write()

    def owed(self, to: str) -> int:
        """How many bytes for a destination the broker has still to take."""
        return self._out.owed(to)

    def waiting(self, sender: str) -> int:
        """How many calls of a sender wait for their turn."""
        return self._turns.waiting(sender)

    @property
    def all_sent(self) -> bool:
        return not self._out

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Send what is sent inside of this as one piece, so that the broker is woken once."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before
            if not self._full and not before:
                self._write()

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._drop_queue()
        close_fds(self._fds)
        while self._turns:
            self._turns.serve(lambda message: close_fds(message.fds))
        self._sock.close()
        self._ended()

    def abandon(self) -> None:
        """Give the descriptor back and touch nothing else, for the rest is the parent's."""
        with contextlib.suppress(OSError):
            os.close(self._sock.detach())

    def _read(self) -> None:
        if self._turning is None:
            self._turn()  # else that is about to come

    def _turn(self) -> None:
        """Read on first, while there is much: what waits in the broker holds up everybody."""
        self._turning = None
        if not self._open:
            return
        with self.together():  # where many are refused
            any(self._read_some() for _ in range(_CHUNKS))
        if self._turns.serve(self._hand_over, self._must_wait, spare=self._out.size < _CONGESTED):
            self.turn_soon()

    def _read_some(self) -> bool:
        """Whether there is no more at the moment."""
        try:
            # Close-on-exec, which is not the default: a program that this process starts or becomes gets no copy.
            data, ancillary, _, _ = self._sock.recvmsg(_CHUNK, socket.CMSG_LEN(_MOST_FDS * 4), socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return True
        except OSError:
            data, ancillary = b"", []
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._fds += array.array("i", content[: len(content) // 4 * 4])
        self._unread += data
        for raw in take(self._unread):
            self._arrived(raw)
        if not data:
            while self._turns:
                self._turns.serve(self._hand_over)
            self.close()
        return len(data) < _CHUNK and not ancillary

    def _arrived(self, raw: bytes) -> None:
        try:
            message = head(raw)
        except Exception:
            # The whole message is here, so the next one still begins where it should.
            _log.debug("A message that cannot be read was dropped.", exc_info=True)
            close_fds(self._fds)
            self._fds = []
            return
        message.fds, self._fds = self._fds[: message.fd_count], self._fds[message.fd_count :]
        line = self._line_of(message)
        if self._wanted(message, self._turns.has_room(line, len(raw))):
            self._turns.put(line, len(raw), message)
            if line and message.kind is not Kind.CALL:
                self._left.add(line)
        else:
            close_fds(message.fds)

    def _line_of(self, message: Message) -> str:
        """Whose messages it waits behind: what we are told and answered waits for nothing that is asked of us, but the
        news that somebody has left for that one's last calls, unless they are a flood."""
        if message.kind is Kind.CALL:
            return message.sender
        leaver = _leaver(message)
        return leaver if 0 < self._turns.waiting(leaver) <= _LAST_WORDS else _TOLD

    def _hand_over(self, message: Message) -> None:
        if self._left:
            self._left.discard(_leaver(message))
        try:
            self._received(message)
        except Exception:
            _log.exception("A message could not be handled.")

    def _must_wait(self, sender: str) -> bool:
        """Whether the broker has first to take what this one was answered before, or what everybody was; and then what
        was for others, where one long answer would follow upon the other."""
        if sender in self._left:
            return False
        if self._busy(sender) or self._out.owed(sender) >= _CONGESTED or self._out.size >= _CHOKED:
            return True
        return sender in self._resting and self._turns.waiting(sender) > 1

    def _rested(self, sender: str) -> None:
        self._resting.discard(sender)
        self.turn_soon()

    def turn_soon(self) -> None:
        """Look again whose turn it is."""
        if self._turns and self._turning is None and self._open:
            self._turning = self._loop.call_soon(self._turn)

    def _write(self) -> None:
        try:
            while self._out:
                self._write_some()
        except BlockingIOError:
            if not self._full:
                self._loop.add_writer(self._sock, self._write_more)
                self._full = True
            return
        except OSError:
            # Not from inside a sender's own call: whoever sends need not expect the world to end under it.
            self._loop.call_soon(self.close)
            self._drop_queue()
        if self._full:
            self._loop.remove_writer(self._sock)
            self._full = False

    def _write_more(self) -> None:
        self._write()
        self.turn_soon()

    def _write_some(self) -> None:
        data, fds = self._out.next()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self._out.sent(self._sock.sendmsg(data, rights))
        close_fds(fds)

    def _drop_queue(self) -> None:
        close_fds(self._out.drop())


def _leaver(message: Message) -> str:
    """Whose connection has ended, where that is what the broker tells; else empty."""
    if message.member != "NameOwnerChanged" or message.sender != BROKER:
        return ""
    name, _, owner = message.unpack()
    return "" if owner else str(name)


def close_fds(fds: Iterable[int]) -> None:
    for fd in fds:
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)


def _connected(address: str) -> socket.socket:
    paths = [options for transport, options in parse_address(address) if transport == "unix"]
    if not paths:
        raise OSError("not a unix: address")
    where = paths[0].get("path") or "\0" + paths[0]["abstract"]
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _BACKLOG_SECONDS, 0))
        sock.connect(where)
    except BaseException:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


_connections: "weakref.WeakSet[Connection]" = weakref.WeakSet()


def _after_fork() -> None:
    for connection in list(_connections):
        connection.abandon()


os.register_at_fork(after_in_child=_after_fork)
