"""Encode and decode D-Bus messages with the library: dbus-fast if it is installed, else dbus-next.

No other module imports either or knows which one is used: both have the same names. lager uses their wire format,
variants, signatures, addresses, authentication and introspection XML. It reads and writes the socket itself
(`connection`), because both libraries drop the connection when the socket is full, leak descriptors, and parse a
message of any size before it can be refused.

All values on lager's side are plain. A received variant becomes its value. A plain value that is sent as a variant gets
the matching type: b, u or x, d, s, a{sv}, as.

The broker checks each body against its signature before it passes a message on (D-Bus specification, Message Bus), and
`body` relies on that: dbus-fast crashes on a variant whose signature is empty.
"""

import struct
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbus_fast._private.unmarshaller import Unmarshaller
    from dbus_fast.auth import AuthExternal
    from dbus_fast.constants import MessageFlag, MessageType
    from dbus_fast.message import Message
    from dbus_fast.signature import SignatureTree, SignatureType, Variant
else:
    try:
        import dbus_fast.errors  # noqa: F401  # first, because its parts import each other in a circle
        from dbus_fast._private.unmarshaller import Unmarshaller
        from dbus_fast.auth import AuthExternal
        from dbus_fast.constants import MessageFlag, MessageType
        from dbus_fast.message import Message
        from dbus_fast.signature import SignatureTree, SignatureType, Variant
    except ImportError:
        import dbus_next.errors  # noqa: F401
        from dbus_next._private.unmarshaller import Unmarshaller
        from dbus_next.auth import AuthExternal
        from dbus_next.constants import MessageFlag, MessageType
        from dbus_next.message import Message
        from dbus_next.signature import SignatureTree, SignatureType, Variant

__all__ = [
    "BROKER", "HEAD", "LONGEST", "AuthExternal", "Flag", "Incoming", "Kind", "Marshalled", "details", "encode",
    "introspection", "parse_address", "sizes", "types",
]  # fmt: skip

# Names and values are valid by construction, so checking is off. In dbus-next it cannot be turned off.
_IS_FAST = Variant.__module__.startswith("dbus_fast")
_UNVERIFIED: tuple[Any, ...] = (False,) if _IS_FAST else ()
_UNVALIDATED: dict[str, Any] = {"validate": False} if _IS_FAST else {}
BROKER = "org.freedesktop.DBus"
HEAD = 16  # bytes that contain the length of a message (D-Bus specification, Message Format)
LONGEST = 1 << 27  # bytes of a message (the same)
_LONGEST_ARRAY = 1 << 26  # the same, of an array
_SMALL = 1 << 10  # bytes up to which a message is parsed at once
_NAMES: dict[type, str] = {bool: "b", int: "u", float: "d", str: "s", dict: "a{sv}", list: "as"}

Kind = MessageType
Flag = MessageFlag


def parse_address(address: str) -> list[tuple[str, dict[str, str]]]:
    """Return the transports of an address, each with its options. Raises an Exception if it is invalid."""
    if TYPE_CHECKING or _IS_FAST:  # imported here, because most addresses need no parser; see `sockets`
        from dbus_fast._private import address as library
    else:
        from dbus_next._private import address as library
    return library.parse_address(address)


def introspection() -> Any:
    """Return the library's module for introspection XML, which few processes need."""
    if TYPE_CHECKING or _IS_FAST:
        from dbus_fast import introspection as library
    else:
        from dbus_next import introspection as library
    return library


def sizes(head: bytes | bytearray) -> tuple[int, int]:
    """Return the length of the header and of the whole message, from its first HEAD bytes."""
    order = "<" if head[0] == ord("l") else ">"
    body, _, fields = struct.unpack_from(order + "III", head, 4)
    header = HEAD + (fields + 7) // 8 * 8
    return header, header + body


class Incoming:
    """A received message. Its header is parsed at once, its body on first use.

    `fds` are the descriptors that came with it. The owner of the message must close them.
    """

    __slots__ = (
        "_raw", "_whole", "error", "fds", "flags", "interface", "kind", "member", "path", "reply_serial", "sender",
        "serial", "size",
    )  # fmt: skip

    def __init__(self, header: bytes, size: int) -> None:
        """`header` is the header of a message of `size` bytes, or all of it. Raises any Exception if it is invalid."""
        self.size = size
        self.fds: list[int] = []
        self._raw = header
        self._whole: Message | None = None
        head = self._read_header(header)
        self.kind = head.message_type
        self.flags = head.flags
        self.serial = head.serial
        self.reply_serial = head.reply_serial or 0
        self.path = head.path or ""
        self.interface = head.interface or ""
        self.member = head.member or ""
        self.error = head.error_name or ""
        self.sender = head.sender or ""

    def _read_header(self, raw: bytes) -> Message:
        if len(raw) == self.size <= _SMALL:
            try:
                self._whole = _read(raw)
            except Exception:
                pass  # `body` will raise it
            else:
                return self._whole
        header, _ = sizes(raw)
        return _read(raw[:4] + bytes(4) + raw[8:header])  # as if it had no body

    def whole(self, raw: bytes) -> None:
        """Add the body: `raw` is the whole message."""
        self._raw = raw

    @property
    def signature(self) -> str:
        return str(self._message().signature)

    def body(self) -> list[Any]:
        """Return its values as plain values. Raises any Exception if the bytes do not fit the signature."""
        return [_plain(value) for value in self._message().body]

    def _message(self) -> Message:
        if self._whole is None:
            self._whole, self._raw = _read(self._raw), b""
        return self._whole


def _read(raw: bytes) -> Message:
    message = Unmarshaller(BytesIO(raw)).unmarshall()  # type: ignore[arg-type]  # it only reads from the stream
    if message is None:
        raise ValueError("the message is shorter than its header says")
    return message


def encode(
    kind: MessageType,
    serial: int,
    *,
    flags: MessageFlag = MessageFlag.NONE,
    path: str = "",
    interface: str = "",
    member: str = "",
    error: str = "",
    reply_serial: int = 0,
    destination: str = "",
    signature: str = "",
    values: Any = (),
    fds: Any = (),
) -> bytes:
    """Return the bytes of a message. Raises UnicodeError for invalid text, others if a value does not fit its type."""
    marshalled = values[0] if len(values) == 1 and type(values[0]) is Marshalled else None
    if marshalled is not None:
        values = ((),)
    message = Message(
        destination=destination or None,
        path=path or None,
        interface=interface or None,
        member=member or None,
        message_type=kind,
        flags=flags,
        error_name=error or None,
        reply_serial=reply_serial,
        unix_fds=list(fds),
        signature=signature,
        body=[_encoded(type, value) for type, value in zip(types(signature), values, strict=True)],
        serial=serial,
        **_UNVALIDATED,
    )
    data = bytes(message._marshall(negotiate_unix_fd=True))
    return data if marshalled is None else marshalled.within(data)


class Marshalled(bytes):
    """The bytes of an array, from its length on. It is the only value of a message."""

    def within(self, message: bytes) -> bytes:
        """Return `message` with this array instead of an empty one."""
        if len(self) > _LONGEST_ARRAY:
            raise ValueError(f"an array of {len(self)} bytes cannot be sent")
        return b"".join((message[:4], struct.pack("<I", len(self)), message[8:-4], self))


@lru_cache(1000)
def types(signature: str) -> tuple[SignatureType, ...]:
    """Return the complete types of a signature. Raises if it is invalid."""
    return tuple(SignatureTree(signature).types)


def details(values: dict[str, Any]) -> dict[str, Any]:
    """Encode an a{sv} once, to send it several times. Entries that are None are left out."""
    return {_text(key): _variant(value) for key, value in values.items() if value is not None}


def dicts(values: list[dict[str, Any]]) -> Variant:
    """Return a list of dictionaries, which may be empty, as a value of an a{sv}."""
    return Variant("aa{sv}", [details(one) for one in values], *_UNVERIFIED)


def _encoded(type: SignatureType, value: Any) -> Any:
    """Return a plain value in the form that the library expects for this type."""
    token = type.token
    if token == "v":
        return _variant(value)
    if token in "sog":
        return _text(value)
    if token == "(":
        return [_encoded(child, item) for child, item in zip(type.children, value, strict=True)]
    if token != "a" or type.children[0].token == "y":
        return value
    (child,) = type.children
    if child.token != "{":
        return [_encoded(child, item) for item in value]
    key, entry = child.children
    if entry.token == "v" and key.token == "s":
        return details(value)
    return {_encoded(key, name): _encoded(entry, item) for name, item in value.items() if item is not None}


def _variant(value: Any) -> Variant:
    if type(value) is Variant:
        return value
    kind = _NAMES.get(type(value)) or next((_NAMES[one] for one in _NAMES if isinstance(value, one)), None)
    if kind == "s":
        value = _text(value)
    elif kind == "u":
        kind = "u" if 0 <= value < 1 << 32 else "x"
    elif kind is None:
        raise TypeError(f"no D-Bus type for {type(value).__name__}")
    elif kind not in "bd":
        value = _encoded(types(kind)[0], value)
    return Variant(kind, value, *_UNVERIFIED)


def _text(value: str) -> str:
    if "\0" in value:
        raise UnicodeError("the text contains NUL")
    return value


def _plain(value: Any) -> Any:
    kind = type(value)
    while kind is Variant:
        value = value.value
        kind = type(value)
    if kind is dict:  # its keys are never containers (D-Bus specification, Dictionaries)
        return {key: _plain(item) for key, item in value.items()}
    if kind is list or kind is tuple:  # a struct is a list in one library and a tuple in the other
        return [_plain(item) for item in value]
    return value
