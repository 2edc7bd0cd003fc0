"""Checks numbers with units before they are sent, and formats them for people."""

from lager.errors import InvalidArgument, LimitExceeded
from lager.nets.model import NetConfig
from lager.wording.values import number, shown

_UNITS = {"voltage": "V", "current": "A", "power": "W", "resistance": "Ω", "capacity": "Ah", "soc": "%"}
_NAMES = {"soc": "state of charge"}
_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"))


def si(value: float | None, unit: str) -> str:
    """Return a value as text, such as 1.500 mA or 3.300 V; a dash for None. %, Ah, Ω and °C get no prefix."""
    if value is None:
        return "-"
    if unit in ("%", "Ah", "Ω", "°C") or value == 0:
        return f"{value:.3f} {unit}"
    scale, prefix = next((step for step in _PREFIXES if abs(value) >= step[0]), _PREFIXES[-1])
    return f"{value / scale:.3f} {prefix}{unit}"


def decimal(value: float) -> str:
    """Return a number as text that every SCPI parser accepts: no exponent, no trailing zeros."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def amount(net: NetConfig, quantity: str, value: object, *, low: float = 0.0, high: float | None = None) -> float:
    """Return `value` as a float if the net may be set to it. Send the returned float, never `value` itself.

    `quantity` is voltage, current, power, resistance, capacity or soc, in V, A, W, Ω, Ah and percent. Raises
    InvalidArgument if `value` is not a finite number from `low` to `high`, LimitExceeded if it exceeds a limit of the
    nets file.
    """
    unit, called = _UNITS[quantity], _NAMES.get(quantity, quantity)
    asked = number(value)
    if asked is None:
        what = f"{net.name}: {shown(value)} is not a valid {called}."
        raise InvalidArgument(what, f"Give a finite number in {unit}.")
    if asked < low or (high is not None and asked > high):
        span = f"of {low:g} {unit} or more" if high is None else f"from {low:g} {unit} to {high:g} {unit}"
        raise InvalidArgument(f"{net.name}: {asked:g} {unit} is out of range.", f"Give a {called} {span}.")
    keep_limit(net, quantity, asked)
    return asked


def keep_power(net: NetConfig, volts: float, amperes: float) -> None:
    """Raise LimitExceeded if an output with these setpoints could exceed max_power of the nets file."""
    keep_limit(net, "power", volts * amperes, of=f"{volts:.7g} V at {amperes:.7g} A are ")


def keep_limit(net: NetConfig, quantity: str, value: float, *, of: str = "") -> None:
    """Raise LimitExceeded if the value exceeds the limit of the nets file. `of` says what gives the value."""
    limit = net.limits.as_dict().get(f"max_{quantity}")
    if limit is not None and exceeds(abs(value), limit):
        unit = _UNITS[quantity]
        what = f"{net.name}: {of}{value:.7g} {unit}{', which' if of else ''} is over its limit of {limit:.7g} {unit}."
        name, key = net.bounded_by.get(f"max_{quantity}", (net.name, f"max_{quantity}"))
        same = "" if name == net.name else ", which is the same terminal"
        raise LimitExceeded(what, f"The limit is {key} of [nets.{name}] in the nets file{same}.")


def exceeds(value: float, limit: float) -> bool:
    """Return whether a value exceeds a limit by more than the rounding of 32-bit readbacks (2 in 10 million)."""
    return value > limit * (1 + 2e-7)


def table(title: str, rows: list[tuple[str, str]]) -> str:
    """Return a title and aligned rows below it."""
    width = max(len(label) for label, _ in rows)
    return "\n".join([title, *(f"  {label:<{width}}  {text}" for label, text in rows)])
