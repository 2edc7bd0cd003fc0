"""Messages received from the bus: signals, and method calls with the functions that answer them."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from lager import errors
from lager.bus.replies import ERROR_PREFIX
from lager.bus.transport.wire import Flag, Incoming, Kind
from lager.errors import LagerError, Refusal


class Signal(NamedTuple):
    """A signal that was received, with plain values."""

    sender: str
    path: str
    interface: str
    member: str
    args: list[Any]


class Origin(Protocol):
    """The part of a connection that a received call uses."""

    def waiting(self, sender: str) -> int: ...
    def answer(
        self, call: "Call", kind: Kind, error: str, signature: str, values: Sequence[Any], fds: Sequence[int]
    ) -> None: ...
    def begin(self, sender: str) -> None: ...
    def end(self, sender: str) -> None: ...


class Call:
    """A method call that was received. `reply`, `refuse` or `fail` answers it, now or later; only the first counts."""

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

    def __init__(self, bus: Origin, message: Incoming) -> None:
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
        """The arguments, parsed on first use. Raises InvalidArgument if the bytes do not fit the signature."""
        if self._args is None:
            self._args = self._read().body() if self._message is not None else []
        return self._args

    @property
    def signature(self) -> str:
        """The signature of the arguments. Raises InvalidArgument as `args` does."""
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
        """The number of calls of the same caller that wait behind this one."""
        return self._bus.waiting(self.sender)

    def forget_args(self) -> None:
        """Free the arguments, for a call whose reply takes long."""
        self._message, self._args = None, []

    def reply(self, signature: str = "", *values: Any, fds: Sequence[int] = ()) -> None:
        """Answer. The descriptors in `fds` are closed when they have been sent."""
        self._bus.answer(self, Kind.METHOD_RETURN, "", signature, values, fds)

    def refuse(self, name: str, text: str) -> None:
        self._bus.answer(self, Kind.ERROR, name, "s", (text,), ())

    def fail(self, error: LagerError) -> None:
        """Reply with one of lager's errors, under its own name if the contract has this error."""
        kind = type(error) if isinstance(error, Refusal) else errors.Failed
        self.refuse(ERROR_PREFIX + kind.__name__, str(error))

    def begin(self) -> None:
        """Count this call as running. The next calls of a caller with too many running calls have to wait."""
        self._bus.begin(self.sender)

    def end(self) -> None:
        """Undo `begin`."""
        self._bus.end(self.sender)

    def take_fd(self, index: int) -> int:
        """Return the descriptor that an `h` argument refers to. From now on the caller has to close it.

        Raises Failed if it has not arrived: the kernel drops a descriptor if the process has no free number for it.
        """
        if not 0 <= index < len(self.fds):
            raise no_descriptor()
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


def no_descriptor() -> errors.Failed:
    return errors.Failed(
        "The called process has no free file descriptor.", "Close some of its files, or raise its limit (ulimit -n)."
    )
