"""Values that come from elsewhere: whether they are numbers, and how a message shows them."""

import math


def finite(value: object) -> bool:
    """Whether this is a number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def shown(reply: object) -> str:
    """A reply fit for a message: printable and short."""
    text = ascii(reply)
    return text if len(text) <= 80 else f"{text[:60]}…{text[-1]}"
