"""org.freedesktop.LogControl1, used by `systemctl service-log-level` and `service-log-target`."""

import logging

from lager.bus.interfaces import Interface
from lager.errors import InvalidArgument

NAME = "org.freedesktop.LogControl1"
PATH = "/org/freedesktop/LogControl1"

# Python has no notice, alert or emerg. If two names share a level, the first one is read back.
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": logging.INFO,
    "warning": logging.WARNING,
    "err": logging.ERROR,
    "crit": logging.CRITICAL,
    "alert": logging.CRITICAL,
    "emerg": logging.CRITICAL,
}
_TARGET = "console"


def interface() -> Interface:
    """Return the interface. The bus policy restricts it to root."""
    return Interface(
        NAME,
        {},
        {
            "LogLevel": ("s", _level),
            "LogTarget": ("s", lambda: _TARGET),
            "SyslogIdentifier": ("s", lambda: "lagerd"),
        },
        setters={"LogLevel": _set_level, "LogTarget": _set_target},
    )


def _level() -> str:
    now = logging.getLogger().getEffectiveLevel()
    return next((name for name, level in _LEVELS.items() if level >= now), "emerg")


def _set_level(name: object) -> None:
    level = _LEVELS.get(name) if isinstance(name, str) else None
    if level is None:
        raise InvalidArgument(f"{name!r} is not a valid log level.", f"Give one of {', '.join(_LEVELS)}.")
    logging.getLogger().setLevel(level)


def _set_target(name: object) -> None:
    if name not in (_TARGET, "auto", "journal"):
        raise InvalidArgument(f"{name!r} is not a valid log target.", "lagerd writes to standard error.")
