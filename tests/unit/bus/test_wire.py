"""Encode and parse messages, compared with what dbus-next itself writes and reads."""

import contextlib
import io
import struct
from typing import Any

import pytest
from dbus_next import Message as TheirMessage
from dbus_next import MessageType, Variant
from dbus_next._private.unmarshaller import Unmarshaller
from hypothesis import given
from hypothesis import strategies as st

from lager.bus.transport.wire import HEAD, Flag, Incoming, Kind, details, encode, sizes, types

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
NUMBERS = {"y": 8, "q": 16, "u": 32, "t": 64, "h": 32}
BASIC: dict[str, Any] = {
    **{kind: st.integers(0, 2**bits - 1) for kind, bits in NUMBERS.items()},
    **{kind: st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for kind, bits in (("n", 16), ("i", 32), ("x", 64))},
    "b": st.booleans(),
    "d": st.floats(allow_nan=False),
    "s": TEXT,
    "o": st.sampled_from(["/", "/com/lager"]),
    "g": st.sampled_from(["", "a{sv}", "(ii)as"]),
}


def split(signature: str) -> list[str]:
    return [type.signature for type in types(signature)]


def decode(raw: bytes) -> Incoming:
    """A message is read as it comes: its header first, and its body on demand."""
    header, whole = sizes(raw[:HEAD])
    assert whole == len(raw)
    message = Incoming(raw[:header], whole)
    message.whole(raw)
    return message


def containers(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        inside.map(lambda kind: "a" + kind),
        st.lists(inside, min_size=1, max_size=3).map(lambda kinds: f"({''.join(kinds)})"),
        st.tuples(st.sampled_from(list("sunb")), inside).map(lambda pair: f"a{{{pair[0]}{pair[1]}}}"),
    )


KINDS = st.recursive(st.sampled_from([*BASIC, "v"]), containers, max_leaves=6)


@st.composite
def pair(draw: Any, kind: str) -> tuple[Any, Any]:
    """A value of this type: as dbus-next wants it, and plain."""
    if kind in BASIC:
        value = draw(BASIC[kind])
        return value, value
    if kind == "v":
        inside = draw(KINDS)
        theirs, plain = draw(pair(inside))
        return Variant(inside, theirs), plain
    if kind == "ay":
        return (draw(st.binary(max_size=9)),) * 2
    if kind[0] == "(":
        both = [draw(pair(one)) for one in split(kind[1:-1])]
    elif kind[1] == "{":
        key, value = split(kind[2:-1])
        keys = draw(st.lists(BASIC[key], unique=True, max_size=3))
        items = [(name, draw(pair(value))) for name in keys]
        return {name: one[0] for name, one in items}, {name: one[1] for name, one in items}
    else:
        both = [draw(pair(kind[1:])) for _ in range(draw(st.integers(0, 3)))]
    return [one[0] for one in both], [one[1] for one in both]


def plain(value: Any) -> Any:
    """What dbus-next read, without its variants."""
    if isinstance(value, Variant):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@given(st.data())
def test_it_reads_whatever_dbus_next_writes(data: Any) -> None:
    kinds = data.draw(st.lists(KINDS, max_size=4))
    values = [data.draw(pair(kind)) for kind in kinds]
    theirs = TheirMessage(
        "com.lager.To", "/a/path", "com.lager.Interface", "Member", signature="".join(kinds), serial=7,
        body=[one[0] for one in values],
    )  # fmt: skip
    raw = bytes(theirs._marshall())
    for read in (decode(raw), Incoming(raw, len(raw))):
        assert read.body() == [one[1] for one in values]
        assert (read.kind, read.path) == (Kind.METHOD_CALL, "/a/path")
        assert (read.interface, read.member, read.serial) == ("com.lager.Interface", "Member", 7)
        assert read.signature == "".join(kinds)


DETAILS = st.dictionaries(
    TEXT, st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.booleans(), TEXT), max_size=5
)
OURS = [
    ("", st.just([])),
    ("s", st.lists(TEXT, min_size=1, max_size=1)),
    ("sa{sv}", st.tuples(TEXT, DETAILS).map(list)),
    ("ssa{sv}", st.tuples(TEXT, TEXT, DETAILS).map(list)),
    ("aa{sv}", st.tuples(st.lists(DETAILS, max_size=4)).map(list)),
    ("sa{sv}as", st.tuples(TEXT, DETAILS, st.lists(TEXT, max_size=3)).map(list)),
    ("(sa{sv})sa{ss}us", st.tuples(st.tuples(TEXT, DETAILS).map(list), TEXT, st.just({"a": "b"}),
                                   st.integers(0, 9), TEXT).map(list)),
    ("sua{sv}v", st.tuples(TEXT, st.integers(0, 9), DETAILS, TEXT).map(list)),
    ("bdh", st.tuples(st.booleans(), st.floats(allow_nan=False), st.just(0)).map(list)),
]  # fmt: skip


@given(st.sampled_from(OURS).flatmap(lambda one: st.tuples(st.just(one[0]), one[1])))
def test_dbus_next_reads_what_it_writes(message: Any) -> None:
    signature, body = message
    header: dict[str, Any] = {
        "serial": 9, "path": "/a/path", "interface": "com.lager.I", "member": "Member", "destination": ":1.5"
    }  # fmt: skip
    raw = encode(Kind.SIGNAL, signature=signature, values=body, **header)
    read = Unmarshaller(io.BytesIO(raw)).unmarshall()
    assert plain(read.body) == body
    assert read.message_type is MessageType.SIGNAL
    assert {name: getattr(read, name) for name in header} == header
    assert decode(raw).body() == body


def test_every_field_of_the_header() -> None:
    raw = encode(
        Kind.ERROR, 5, flags=Flag.NO_REPLY_EXPECTED, error="com.lager.Error.Failed", reply_serial=4,
        destination=":1.2", signature="s", values=["text"], fds=[0, 1],
    )  # fmt: skip
    read = decode(raw)
    assert (read.kind, read.flags, read.serial, read.error) == (Kind.ERROR, 1, 5, "com.lager.Error.Failed")
    assert (read.reply_serial, read.body(), read.size) == (4, ["text"], len(raw))
    assert read.sender == "", "the broker says who it is"
    theirs = Unmarshaller(io.BytesIO(raw)).unmarshall()
    assert theirs.destination == ":1.2"
    assert b"\t\1u\0\2\0\0\0" in raw, "how many descriptors come along"


def test_the_other_byte_order() -> None:
    body = struct.pack(">I", 3) + b"big\0" + struct.pack(">d", 2.5)
    fields = b"\5\1u\0" + struct.pack(">I", 7) + b"\x08\1g\0\2sd\0"
    raw = b"B\2\0\1" + struct.pack(">III", len(body), 1, len(fields)) + fields + body
    assert decode(raw).body() == ["big", 2.5]


def test_the_header_of_a_long_message_is_read_without_its_body() -> None:
    raw = encode(Kind.METHOD_CALL, 3, path="/a", member="Long", signature="s", values=["x" * (1 << 20)])
    header, whole = sizes(raw[:HEAD])
    assert (whole, header < 100) == (len(raw), True)
    assert Incoming(raw[:header], whole).member == "Long"


@given(st.binary(min_size=16, max_size=80), st.integers(0, 120))
def test_a_header_of_random_bytes_is_refused_or_read_without_a_loop(rubbish: Any, at: Any) -> None:
    good = bytearray(encode(Kind.METHOD_RETURN, 1, reply_serial=1, signature="sa{sv}as", values=["x", {"k": 1}, ["y"]]))
    good[at : at + 4] = rubbish[:4]
    for raw in (rubbish, bytes(good)):
        with contextlib.suppress(Exception):
            Incoming(raw[: sizes(raw[:HEAD])[0]], len(raw) + 1)


@pytest.mark.parametrize(
    "signature",
    ["a", "(", "()", "a()", "a{s}", "a{suu}", "z", "a{s", "(s", ")", "a" * 65 + "s", "(" * 300],
)
def test_no_signature(signature: str) -> None:
    with pytest.raises(ValueError, match=r"signature|token|missing|nesting") as refused:
        types(signature)
    assert type(refused.value).__name__ == "InvalidSignatureError"


@pytest.mark.parametrize(
    ("signature", "value"),
    [("s", "\udcff"), ("s", "a\0b"), ("s", 5), ("u", -1), ("u", 2**32), ("d", "x"), ("v", object()), ("h", None)],
)
def test_a_value_of_the_wrong_type_is_never_sent(signature: str, value: Any) -> None:
    with pytest.raises(Exception, match=r"."):
        encode(Kind.SIGNAL, 1, path="/a", interface="a.b", member="M", signature=signature, values=[value])


def test_a_value_that_is_none_is_left_out_and_a_subclass_is_what_it_is_of() -> None:
    class Name(str):
        __slots__ = ()

    value: dict[str, Any] = {"a": None, "b": Name("x"), "c": [], "d": {"e": True}}
    raw = encode(Kind.SIGNAL, 1, path="/a", interface="a.b", member="M", signature="a{sv}", values=[value])
    assert decode(raw).body() == [{"b": "x", "c": [], "d": {"e": True}}]


@given(st.dictionaries(TEXT, st.one_of(TEXT, st.floats(allow_nan=False), st.booleans(), st.lists(TEXT))), TEXT)
def test_details_that_were_encoded_before_keep_their_values(values: Any, label: Any) -> None:
    made = {**details(values), "remaining": 1.5}
    raw = encode(Kind.METHOD_RETURN, 1, reply_serial=2, signature="saa{sv}s", values=[label, [made] * 3, "end"])
    assert decode(raw).body() == [label, [values | {"remaining": 1.5}] * 3, "end"]
