"""Turn replies into plain values or into lager's exceptions."""

from typing import Any

from lager import errors
from lager.bus.address import require_user_name
from lager.bus.transport.sockets import close_fds
from lager.bus.transport.wire import Incoming, Kind, types
from lager.errors import BusError, LagerError, NoDaemon, NotRunning, Refusal

ERROR_PREFIX = "com.lager.Error."
_ABSENT = {"org.freedesktop.DBus.Error." + name for name in ("ServiceUnknown", "NameHasNoOwner")}
_NOBODY = {
    "org.freedesktop.DBus.Error." + name for name in ("NoReply", "Disconnected", "Spawn.ChildExited", "TimedOut")
}
_START = "Start it with: sudo systemctl start lagerd"
_UNSTARTABLE = "org.freedesktop.systemd1."  # errors of systemd, which the broker asked to start lagerd
_DENIED = "org.freedesktop.DBus.Error.AccessDenied"
_LIMITED = "org.freedesktop.DBus.Error.LimitsExceeded"


def result(message: Incoming, gives: str | None) -> list[Any]:
    """Return the values of a reply, with a descriptor for each `h`; descriptors without an `h` are closed.

    Raises the exception for an error reply; Failed if the reply cannot be read or its signature is not `gives`.
    """
    fds = message.fds
    try:
        signature, values = message.signature, message.body()
    except Exception:
        close_fds(fds)
        raise errors.Failed("Cannot read the answer.") from None
    if message.kind is Kind.ERROR:
        close_fds(fds)
        raise _error(message.error, str(values[0]) if signature.startswith("s") else message.error)
    if gives is not None and signature != gives:
        close_fds(fds)
        raise errors.Failed(f"The answer is of type {signature!r}, not {gives!r}.")
    indexes = [index for index, type in enumerate(types(signature)) if type.token == "h"]
    taken = {values[index] for index in indexes}
    close_fds(fd for index, fd in enumerate(fds) if index not in taken)
    for index in indexes:
        values[index] = fds[values[index]]
    return values


def unreachable(address: str, error: Exception) -> BusError:
    """Return what to raise if connecting to a bus ended with `error`."""
    if isinstance(error, errors.TooMany):
        return BusError(error.what, error.hint)
    if not isinstance(error, FileNotFoundError | ConnectionRefusedError):
        require_user_name()
    return BusError(f"The bus at {address} cannot be reached ({str(error) or 'no answer'}).")


def silent(destination: str, member: str, timeout: float | None) -> NoDaemon:
    return NoDaemon(f"{destination} did not answer {member} within {timeout:g} s.", "Try again, or restart it.")


def not_text() -> errors.InvalidArgument:
    return errors.InvalidArgument("An argument is not valid UTF-8.", "Give it as plain text.")


def gone() -> BusError:
    return BusError("The connection to the bus was lost.", "Try again.")


def _error(name: str, text: str) -> LagerError:
    kind = getattr(errors, name.removeprefix(ERROR_PREFIX), None) if name.startswith(ERROR_PREFIX) else None
    if isinstance(kind, type) and issubclass(kind, Refusal):
        return kind(text)
    if name in _ABSENT or name in _NOBODY:
        return (NotRunning if name in _ABSENT else NoDaemon)(f"lagerd does not answer ({text}).", _START)
    if name.startswith(_UNSTARTABLE):
        return NoDaemon(f"lagerd does not start: {text.rstrip('.')}.", "See why: systemctl status lagerd")
    if name == _DENIED:
        return errors.AccessDenied("The bus denies you access to lagerd.", "Ask to be added to the group lager.")
    if name == _LIMITED:
        what = f"A limit of the bus is reached: {text.rstrip('.')}."
        return errors.TooMany(what, "End some of your runs, or raise that <limit> of the bus: man dbus-daemon.")
    return errors.Failed(text)
