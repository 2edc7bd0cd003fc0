"""The socket to a D-Bus broker: connect, authenticate, read and write whole messages, and end exactly once.

The library provides the wire format (`wire`). This module decides what is read when, and which sender is served next. A
`Connection` belongs to one event loop and takes no lock. Only `abandon` runs in another process, a forked child.

Reading

- The socket is read to the end of one message and no further. `_unread` holds the message under way, `_needed` is the
  number of bytes until the next decision: the first HEAD bytes, then the header, then the whole. So a descriptor that
  comes with a read (SCM_RIGHTS, unix(7)) belongs to the message under way.
- A descriptor has one owner at any time: `_fds` while its message is under way, then `Incoming.fds` while that waits,
  then the receiver. `_arrived` moves them on; every other way out of a message closes them (`_next`, `_forget_fds`).
- Whether a long message is wanted is decided by its header. An unwanted message is discarded piece by piece
  (`_passed_over` counts the bytes still to come) and its caller gets an error: 32 MB cost neither the memory nor the
  time of parsing them. `_coming` is set only between a wanted header and the end of its body.
- A body is parsed when the turn of its message has come, and not while it waits.
- A message that cannot be parsed is dropped. Its length was valid, so the next message still begins where it ends.

Turns

- `_turn` reads first and serves after that, because messages left unread in the broker delay every client. Both parts
  are bounded: a number of bytes and messages to read, and one short round of the `FairQueue`.
- At most one `_turn` is scheduled, and `_turning` is its handle. `_read` does nothing then: that turn reads anyway.
- No wake-up is lost. When `serve` returns False, nothing is scheduled, though messages may wait. So each reason of
  `_must_wait` and of `spare` ends in `turn_soon`: a call is done (`Bus._done`), the broker takes bytes
  (`_write_more`), a rest is over (`_rested`). A new reason must also end in `turn_soon`.
- Answers and signals wait behind no call. The exception is the signal that a caller has left the bus: it waits behind
  that caller's last calls, so that a script's Interrupt is not overtaken by the end of the script. If these are more
  than `_LAST_WORDS` (a flood), the signal does not wait.
- `_left` names the callers whose departure waits like this. Their calls no longer wait: they read no more answers, so a
  wait for that would never end.

Writing

- `_full` is True exactly while a writer is registered: the socket refused bytes, and `_out` is not empty. `_held` is
  True inside `together`; if blocks are nested, the outermost one sends.
- Descriptors are sent with the first byte of their message. They are closed here when they have been sent or when the
  queue is dropped. The caller of `send` no longer owns them in any case.
- If a write fails, the connection ends in the next turn of the loop, and not inside the sender's call. What is sent
  until then is dropped.

The end

- `close` works once, and `_ended` is called once, however the connection ends. It may be called from inside a message
  that is being handed over: it empties the queue by a nested `serve`, and the outer one finds the line empty.
- When the broker closes the connection, the messages that came before are handed over first: an answer that has arrived
  counts.
- A fork must not copy the socket, or the broker would not see that this process has ended. `fork_lock` keeps forks out
  while the socket is made and added to `_connections`; each child closes its copy of what is listed there. It closes
  the descriptor only: the epoll object is shared with the parent, and unregistering in the child would unregister for
  the parent.
"""

import asyncio
import contextlib
import logging
import os
import socket
import struct
import weakref
from collections.abc import Callable, Iterator, Sequence

from lager.bus.transport.fair_queue import FairQueue
from lager.bus.transport.send_queue import SendQueue
from lager.bus.transport.sockets import close_fds, connected
from lager.bus.transport.wire import BROKER, HEAD, LONGEST, AuthExternal, Incoming, Kind, sizes
from lager.process import fork_lock

_CHUNK = 1 << 16  # bytes of one read; a message of up to this size is read before its header is checked
_READ_AT_ONCE, _MESSAGES_AT_ONCE = 1 << 17, 256  # before a round is served
_TOLD = ""  # the line of answers and signals
_MOST_FDS = 253  # that Linux passes with one message: SCM_MAX_FD, unix(7)
_CONGESTED, _CHOKED = 1 << 16, 1 << 23  # bytes that the broker has not read yet: for one destination, for all
_LAST_WORDS = 64  # calls that are served before the signal that their sender has left
_PACE = 1 << 21  # bytes a second for a caller whose next call already waits

_log = logging.getLogger(__name__)


class Connection:
    """A connected socket; `introduce` begins to read from it. Raises OSError if `address` cannot be reached.

    `wanted` returns whether to read a message that arrives; its second argument is whether the sender may queue more.
    `received` gets the message when its turn has come, which is not while `busy` is True for its sender. `ended` is
    called once, however the connection ends.
    """

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
        self._needed = HEAD  # length of `_unread` at which `_look` decides again
        self._passed_over = 0  # bytes still to come of an unwanted message
        self._coming: Incoming | None = None  # a wanted long message whose body is still to come
        self._out = SendQueue()
        self._full = False
        self._held = False
        self._incoming: FairQueue[Incoming] = FairQueue(_TOLD)
        self._turning: asyncio.Handle | None = None
        self._resting: set[str] = set()
        self._left: set[str] = set()  # callers whose departure waits behind their last calls
        self._open = True
        self._serial = 0
        with fork_lock.wait_in_client:  # a child that is forked in between would keep the socket open
            self._sock = connected(address)
            self._sock.setblocking(False)
            _connections.add(self)

    async def introduce(self) -> None:
        """Authenticate, and begin to read. Raises OSError, or the library's error for an unexpected answer."""
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
                raise OSError("it closed the connection during authentication")
            line += byte
        return line[:-2].decode()

    def fileno(self) -> int:
        """Return the descriptor of the socket; -1 once it is closed."""
        return self._sock.fileno()

    def next_serial(self) -> int:
        self._serial = self._serial % 0xFFFFFFFF + 1
        return self._serial

    def send(self, data: bytes, fds: Sequence[int] = (), *, to: str = "") -> None:
        """Send now what the socket takes, and the rest later. Takes over the descriptors and closes them once sent.

        Never blocks, and raises no error of the socket.
        """
        self._out.put(to, data, fds)
        if len(data) >= _CONGESTED:
            self._resting.add(to)
            self._loop.call_later(len(data) / _PACE, self._rested, to)
        if not self._full and not self._held:
            self._write()

    def owed(self, to: str) -> int:
        """Return the number of bytes for a destination that the broker has not read yet."""
        return self._out.owed(to)

    def waiting(self, sender: str) -> int:
        """Return the number of messages of a sender that wait for their turn."""
        return self._incoming.waiting(sender)

    @property
    def all_sent(self) -> bool:
        return not self._out

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Collect what is sent inside this context and send it as one piece, so that the broker wakes up once."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before
            if not self._full and not before:
                self._write()

    def close(self) -> None:
        """End the connection and drop the queues of both directions. A second call does nothing."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._drop_queue()
        close_fds(self._fds)
        while self._incoming:
            self._incoming.serve(lambda message: close_fds(message.fds))
        self._sock.close()
        self._ended()

    def abandon(self) -> None:
        """Close the descriptor and touch nothing else: the rest belongs to the parent process."""
        with contextlib.suppress(OSError):
            os.close(self._sock.detach())

    def _read(self) -> None:
        if self._turning is None:
            self._turn()

    def _turn(self) -> None:
        """Read what has arrived, then serve one round."""
        self._turning = None
        if not self._open:
            return
        with self.together():  # many calls may be refused
            self._read_on()
        if self._incoming.serve(self._hand_over, self._must_wait, spare=self._out.size < _CONGESTED):
            self.turn_soon()

    def _read_on(self) -> None:
        """Read messages until there are no more at the moment, or enough for one turn."""
        read = messages = 0
        while read < _READ_AT_ONCE and messages < _MESSAGES_AT_ONCE and self._open:
            count = self._read_some()
            if not count:
                return
            read += count
            messages += not self._unread

    def _read_some(self) -> int:
        """Read more of the message under way; return the number of bytes, 0 if none are there at the moment."""
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
        while self._incoming:
            self._incoming.serve(self._hand_over)
        self.close()

    def _look(self) -> None:
        """Decide what to read next after `_needed` bytes: the first ones, a long header, or a whole message."""
        header, whole = sizes(self._unread)
        if whole > LONGEST or header > _CHUNK:
            _log.debug("Dropped a message of %s bytes, %s of them its header.", whole, header)
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
        """Decide by the header of a long message: discard the rest of it, or wait for the rest."""
        message = self._parsed(header, size)
        if message is not None and self._wanted(message, self._incoming.has_room(self._line_of(message), size)):
            self._coming, self._needed = message, size
        else:
            self._passed_over = size - len(header)
            self._next()

    def _arrived(self, raw: bytes) -> None:
        """Queue a whole message, unless it is unwanted."""
        message, self._coming = self._coming, None
        if message is not None:
            message.whole(raw)
        else:
            message = self._parsed(raw, len(raw))
            if message is None or not self._wanted(message, self._incoming.has_room(self._line_of(message), len(raw))):
                self._next()
                return
        message.fds, self._fds = self._fds, []
        line = self._line_of(message)
        self._incoming.put(line, len(raw), message)
        if line and message.kind is not Kind.METHOD_CALL:
            self._left.add(line)
        self._next()

    def _parsed(self, header: bytes, size: int) -> Incoming | None:
        try:
            return Incoming(header, size)
        except Exception:
            _log.debug("Dropped a message that cannot be parsed.", exc_info=True)
            return None

    def _next(self) -> None:
        """Begin the next message. Close the descriptors of this one that were not moved on."""
        self._forget_fds()
        self._unread.clear()
        self._needed = HEAD

    def _forget_fds(self) -> None:
        close_fds(self._fds)
        self._fds = []

    def _line_of(self, message: Incoming) -> str:
        """Return the sender in whose line this message waits: a call in its caller's line, an answer or signal in none.

        The signal that a caller has left waits behind that caller's last calls, unless they are a flood.
        """
        if message.kind is Kind.METHOD_CALL:
            return message.sender
        leaver = _leaver(message)
        return leaver if 0 < self._incoming.waiting(leaver) <= _LAST_WORDS else _TOLD

    def _hand_over(self, message: Incoming) -> None:
        if self._left:
            self._left.discard(_leaver(message))
        try:
            self._received(message)
        except Exception:
            _log.exception("Internal error while handling a message.")

    def _must_wait(self, sender: str) -> bool:
        """Return whether `sender` has to wait: it is busy, or too many bytes wait for the broker, for it or for all.

        After a long answer, a sender with more calls waits for a while, so that the answers to others are sent in
        between.
        """
        if sender in self._left:
            return False
        if self._busy(sender) or self._out.owed(sender) >= _CONGESTED or self._out.size >= _CHOKED:
            return True
        return sender in self._resting and self._incoming.waiting(sender) > 1

    def _rested(self, sender: str) -> None:
        self._resting.discard(sender)
        self.turn_soon()

    def turn_soon(self) -> None:
        """Schedule a turn if messages wait. Call this after any change that may end the wait of a sender."""
        if self._incoming and self._turning is None and self._open:
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
            # Not now: the caller of `send` does not expect the connection to end inside its call.
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
    """Return the unique name of the connection whose end the broker signals; an empty string for other messages."""
    if message.member != "NameOwnerChanged" or message.sender != BROKER:
        return ""
    name, _, owner = message.body()
    return "" if owner else str(name)


_connections: "weakref.WeakSet[Connection]" = weakref.WeakSet()


def _after_fork() -> None:
    for connection in list(_connections):
        connection.abandon()


os.register_at_fork(after_in_child=_after_fork)
