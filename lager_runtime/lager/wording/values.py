"""Values from user code: converts them to numbers, and formats them for messages."""

import math

from lager.process.raised import by_a_handler


def number(value: object) -> float | None:
    """Return the value as a finite float, or None if it is not one.

    Numbers are int, float, Decimal, Fraction and types registered as real numbers (the scalars of numpy); bool, text,
    complex numbers and arrays are not. The value is converted once: use only the returned float, because a second
    conversion of a user's object may give another number. The real type decides, because a user's class can make
    `isinstance` return anything.
    """
    kind = type(value)
    if issubclass(kind, bool) or not (issubclass(kind, int | float) or _is_real(kind)):
        return None
    try:
        # The addition turns a subclass into a plain float, and -0 into 0.
        converted = float(value) + 0.0  # type: ignore[arg-type]
    except Exception as error:  # an integer too large, a signalling NaN, or any error of a user's conversion
        if by_a_handler(error):
            raise
        return None
    return converted if math.isfinite(converted) else None


def seconds(value: object) -> float | None:
    """Return a time in seconds as a float; None if it is invalid. It may be a decimal number as text: "0.5"."""
    if type(value) is str:
        from lager.wording.text import number_of

        return number_of(value)
    return number(value)


def _is_real(kind: type) -> bool:
    import decimal  # imported only if the value is neither an int nor a float
    import numbers

    return issubclass(kind, numbers.Real | decimal.Decimal)


def shown(value: object) -> str:
    """Return the value as short printable text for a message."""
    try:
        text = ascii(value)
    except Exception as error:  # the repr of a user's class
        if by_a_handler(error):
            raise
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else f"{text[:60]}…{text[-1]}"
