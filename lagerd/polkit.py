"""Whether polkit lets somebody do what is another user's: open a console in their script, or end their run."""

import logging

from lager.bus.facade import Bus
from lager.errors import LagerError

ACTION = "com.lager.breakpoints.console"
_NAME = "org.freedesktop.PolicyKit1"
_PATH = "/org/freedesktop/PolicyKit1/Authority"
_ALLOW_USER_INTERACTION = 1
_SECONDS = 10.0
_SECONDS_WITH_A_PERSON = 120.0

_log = logging.getLogger(__name__)


async def allows(bus: Bus, sender: str, interactive: bool, action: str = ACTION) -> bool:
    """Ask about the connection `sender`. No polkit, or no answer in time, is a no.

    polkit may ask a person for a password only where the caller said so in the header of its message.
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
