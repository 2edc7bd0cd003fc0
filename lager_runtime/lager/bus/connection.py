"""The socket to a D-Bus broker: connected, authenticated, whole messages in and out, and ended once.

The wire format is the library's (`wire`); what is read when, and whose turn it is, is decided here.

- The socket is read to the end of one message and no further. So a descriptor that comes with a read belongs to the
  message under way, and nobody has to count which of several it came for.
- The header of a long message is looked at first. One that nobody wants is read into nothing, piece by piece, and its
  caller is refused: 32 MB cost neither the memory nor the time of parsing them.
- A body is parsed when the turn of its message has come, and not while it waits.
"""

import asyncio
import contextlib
import logging
import os
import socket
import struct
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence

from lager import fork_lock
from lager.bus.fair_queue import Turns
from lager.bus.send_queue import Outbox
from lager.bus.wire import HEAD, AuthExternal, Incoming, Kind, parse_address, sizes

_CHUNK = 1 << 16  # bytes read at one time, and of a message that is read without a look at its header first
_READ_AT_ONCE, _MESSAGES_AT_ONCE = 1 << 17, 256  # before what has come is looked at
_LONGEST = 1 << 27  # bytes of a message (D-Bus specification, Message Format)
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
        wanted: Callable[[Incoming, bool], bool],
        received: Callable[[Incoming], None],
        busy: Callable[[str], bool],
        ended: Callable[[], None],
    ) -> None:
        self._wanted = wanted
        self._received = received
        self._busy = busy
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._fds: list[int] = []  # of the message under way
        self._unread = bytearray()
        self._needed = HEAD  # bytes until there is something to look at
        self._passed_over = 0  # bytes still to come of a message that nobody wants
        self._coming: Incoming | None = None  # a long message whose body is still to come
        self._out = Outbox()
        self._full = False
        self._held = False
        self._turns: Turns[Incoming] = Turns(_TOLD)
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

    def send(self, data: bytes, fds: Sequence[int] = (), *, to: str = "") -> None:
        """Send now what the socket takes, and the rest when it has room; the descriptors are closed once sent."""
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
            self._read_on()
        if self._turns.serve(self._hand_over, self._must_wait, spare=self._out.size < _CONGESTED):
            self.turn_soon()

    def _read_on(self) -> None:
        """Take in messages until there are no more at the moment, or there is much to look at."""
        read = messages = 0
        while read < _READ_AT_ONCE and messages < _MESSAGES_AT_ONCE and self._open:
            count = self._read_some()
            if not count:
                return
            read += count
            messages += not self._unread

    def _read_some(self) -> int:
        """Read on in the message under way; how many bytes, 0 where there are none at the moment."""
        missing = min(self._passed_over or self._needed - len(self._unread), _CHUNK)
        try:
            # Close-on-exec, which is not the default: a program that this process starts or becomes gets no copy.
            data, ancillary, _, _ = self._sock.recvmsg(missing, socket.CMSG_LEN(_MOST_FDS * 4), socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return 0
        except OSError:
            data, ancillary = b"", []
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._fds += struct.unpack(f"{len(content) // 4}i", content[: len(content) // 4 * 4])
        if not data:
            self._hung_up()
        elif self._passed_over:
            self._passed_over -= len(data)
            self._forget_fds()
        else:
            self._unread += data
            if len(self._unread) == self._needed:
                self._look()
        return len(data)

    def _hung_up(self) -> None:
        while self._turns:
            self._turns.serve(self._hand_over)
        self.close()

    def _look(self) -> None:
        """What was needed has come: the first bytes, the header of a long message, or a whole one."""
        header, whole = sizes(self._unread)
        if whole > _LONGEST or header > _CHUNK:
            _log.debug("A message of %s bytes, %s of them its header, was dropped.", whole, header)
            self._passed_over = whole - len(self._unread)
            self._next()
            return
        if self._needed < header:
            self._needed = whole if whole <= _CHUNK else header
        if len(self._unread) == whole:
            self._arrived(bytes(self._unread))
        elif len(self._unread) == header:
            self._begun(bytes(self._unread), whole)

    def _begun(self, header: bytes, size: int) -> None:
        """A long message has begun: refuse it now, or wait for the rest."""
        message = self._parsed(header, size)
        if message is not None and self._wanted(message, self._turns.has_room(self._line_of(message), size)):
            self._coming, self._needed = message, size
        else:
            self._passed_over = size - len(header)
            self._next()

    def _arrived(self, raw: bytes) -> None:
        message, self._coming = self._coming, None
        if message is not None:
            message.whole(raw)
        else:
            message = self._parsed(raw, len(raw))
            if message is None or not self._wanted(message, self._turns.has_room(self._line_of(message), len(raw))):
                self._next()
                return
        message.fds, self._fds = self._fds, []
        line = self._line_of(message)
        self._turns.put(line, len(raw), message)
        if line and message.kind is not Kind.METHOD_CALL:
            self._left.add(line)
        self._next()

    def _parsed(self, header: bytes, size: int) -> Incoming | None:
        try:
            return Incoming(header, size)
        except Exception:
            # The next one still begins where this one ends.
            _log.debug("A message that cannot be read was dropped.", exc_info=True)
            return None

    def _next(self) -> None:
        """Be ready for the next message; what came along with this one, and was not taken, is closed."""
        self._forget_fds()
        self._unread.clear()
        self._needed = HEAD

    def _forget_fds(self) -> None:
        close_fds(self._fds)
        self._fds = []

    def _line_of(self, message: Incoming) -> str:
        """Whose messages it waits behind: what we are told and answered waits for nothing that is asked of us, but the
        news that somebody has left for that one's last calls, unless they are a flood."""
        if message.kind is Kind.METHOD_CALL:
            return message.sender
        leaver = _leaver(message)
        return leaver if 0 < self._turns.waiting(leaver) <= _LAST_WORDS else _TOLD

    def _hand_over(self, message: Incoming) -> None:
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
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))] if fds else []
        self._out.sent(self._sock.sendmsg(data, rights))
        close_fds(fds)

    def _drop_queue(self) -> None:
        close_fds(self._out.drop())


def _leaver(message: Incoming) -> str:
    """Whose connection has ended, where that is what the broker tells; else empty."""
    if message.member != "NameOwnerChanged" or message.sender != BROKER:
        return ""
    name, _, owner = message.body()
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
