"""Values that come from elsewhere: whether they are numbers, and how a message shows them."""

import math


def number(value: object) -> float | None:
    """The finite float that this is, or None.

    Numbers are int, float, Decimal, Fraction and what registers as a real number (the scalars of numpy); bool, text,
    complex numbers and arrays are not. The value is converted once: one whose conversion answers differently each
    time must be used only as the float that is returned. Its type decides, not what `isinstance` can be told.
    """
    kind = type(value)
    if issubclass(kind, bool) or not (issubclass(kind, int | float) or _is_real(kind)):
        return None
    try:
        # A sum makes a plain float of a subclass, and 0 of -0.
        converted = float(value) + 0.0  # type: ignore[arg-type]
    except Exception:  # an integer beyond every float, a signalling NaN, or whatever a conversion of the user's raises
        return None
    return converted if math.isfinite(converted) else None


def _is_real(kind: type) -> bool:
    import decimal  # with numbers, only where something else than an int or a float came
    import numbers

    return issubclass(kind, numbers.Real | decimal.Decimal)


def shown(value: object) -> str:
    """A value fit for a message: printable and short."""
    try:
        text = ascii(value)
    except Exception:  # the repr of a user's class
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else f"{text[:60]}…{text[-1]}"
