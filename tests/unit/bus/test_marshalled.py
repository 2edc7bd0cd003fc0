"""Details that are marshalled once are sent as the same bytes as those that are marshalled in the message."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lager.bus.transport.marshalled import Number, entries, listed
from lager.bus.transport.wire import _LONGEST_ARRAY, Incoming, Kind, Marshalled, encode
from tests.unit.bus.test_wire import TEXT

VALUES = st.one_of(
    TEXT, st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.booleans(), st.lists(TEXT, max_size=3),
    st.dictionaries(TEXT, TEXT, max_size=2), st.none(),
)  # fmt: skip
# The key of the number is longer than any of the others.
DETAILS = st.tuples(st.dictionaries(TEXT, VALUES, max_size=6), st.floats(allow_nan=False))
NUMBER = "a number that is another one each time"


def reply(value: object, destination: str) -> bytes:
    return encode(
        Kind.METHOD_RETURN, 5, reply_serial=3, destination=destination, signature="aa{sv}", values=(value,)
    )  # fmt: skip


@given(st.lists(DETAILS, max_size=5), st.sampled_from([":1.1", ":1.23", ":1.4567"]))
def test_a_list_of_marshalled_details_has_the_bytes_of_the_same_list(several: Any, destination: Any) -> None:
    number = Number(NUMBER)
    kept = listed(entries(values) + number(last) for values, last in several)
    plain = [{**values, NUMBER: last} for values, last in several]
    raw = reply(kept, destination)
    assert raw == reply(plain, destination)
    assert Incoming(raw, len(raw)).body() == [
        [{key: value for key, value in one.items() if value is not None} for one in plain]
    ]


def test_an_array_that_is_too_long_for_the_bus_is_never_sent() -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        reply(Marshalled(bytes(_LONGEST_ARRAY + 1)), ":1.1")
