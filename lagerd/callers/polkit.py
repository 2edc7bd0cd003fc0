"""Asks polkit what a user may do to another user's script: open a console, set its instruments, end its run."""

import logging

from lager.bus.facade import Bus
from lager.errors import LagerError

ACTION = "com.lager.breakpoints.console"
SET = "com.lager.instruments.set"
_NAME = "org.freedesktop.PolicyKit1"
_PATH = "/org/freedesktop/PolicyKit1/Authority"
_ALLOW_USER_INTERACTION = 1
_SECONDS = 10.0
_SECONDS_WITH_A_PERSON = 120.0

_log = logging.getLogger(__name__)


async def allows(bus: Bus, sender: str, interactive: bool, action: str = ACTION) -> bool:
    """Return whether polkit grants `action` to the connection `sender`; False without polkit or a timely answer.

    `interactive` lets polkit ask the user for a password; it comes from the header of the caller's message.
    """
    subject = ["system-bus-name", {"name": sender}]
    flags = _ALLOW_USER_INTERACTION if interactive else 0
    seconds = _SECONDS_WITH_A_PERSON if interactive else _SECONDS
    try:
        answer = await bus.call(
            _NAME, _PATH, "CheckAuthorization", "(sa{sv})sa{ss}us", subject, action, {}, flags, "",
            interface=f"{_NAME}.Authority", timeout=seconds,
        )  # fmt: skip
    except LagerError as error:
        _log.warning("polkit did not grant %s: %s", action, error)
        return False
    return bool(answer[0][0])
