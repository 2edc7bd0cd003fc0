"""What a name is documented as, of each kind of thing that can be called."""

import functools
from typing import Any

import pytest

from lager.inspection.objects.docs import document


def given(volts: Any, /, amps: Any = 1.5, *, channel: Any, **more: Any) -> None:
    """Set it."""


def listed(first: Any, *others: Any, last: Any = "x") -> None:
    pass


@functools.wraps(given)
def wrapped(*_: Any) -> None:
    pass


class Supply:
    def __init__(self, volts: Any) -> None:
        pass

    def __call__(self, amps: Any) -> None:
        pass

    @property
    def volts(self) -> None:
        """Measured now."""


@pytest.mark.parametrize(
    ("found", "signature"),
    [
        (given, "it(volts, /, amps=1.5, *, channel, **more)"),
        (wrapped, "it(volts, /, amps=1.5, *, channel, **more)"),
        (listed, "it(first, *others, last='x')"),
        (functools.partial(given, 1), "it(volts, /, amps=1.5, *, channel, **more)"),
        (Supply, "it(volts)"),
        (Supply(1), "it(amps)"),
        (Supply(1).__call__, "it(amps)"),
        ("".join, "it(iterable, /)"),
    ],
)
def test_the_signature_of(found: Any, signature: str) -> None:
    shown = document("it", {"it": found})
    assert shown is not None
    assert shown["signature"] == signature


@pytest.mark.parametrize("found", [7, [1], {}])
def test_what_cannot_be_called_has_a_value(found: Any) -> None:
    shown = document("it", {"it": found})
    assert shown is not None
    assert shown["value"] == repr(found)
    assert "signature" not in shown


def test_a_property_is_not_called() -> None:
    shown = document("it.volts", {"it": Supply(1)})
    assert shown is not None
    assert shown["doc"] == ["Measured now."]
    assert "file" in shown
    assert "signature" not in shown


def test_a_module_has_its_text_and_no_value() -> None:
    shown = document("it", {"it": functools})
    assert shown is not None
    assert shown["doc"]
    assert shown.keys() == {"type", "doc"}
