"""The events that lagerd records. The interfaces report them, and the journal writes them under the same names.

Words and MESSAGE_IDs never change: other programs filter by them. units/lager.catalog explains each MESSAGE_ID.
"""

from enum import Enum


class Event(Enum):
    """An event: its word, MESSAGE_ID, priority (of syslog: 3 error, 5 notice, 6 info) and MESSAGE."""

    PAUSED = (
        "paused",
        "433497d70d7241eda48a4e98730f6302",
        6,
        "A script of {by_user} paused at {file}:{line} ({label}), breakpoint {breakpoint}",
    )
    RESUMED = (
        "resumed",
        "3bc0bfd4ab4c4cad89add08b74b6cb4d",
        6,
        "{by_user} resumed breakpoint {breakpoint} after {paused_sec} s: {reason}",
    )
    ANSWERED = (
        "answered",
        "06f5b8cd11824c3ca51249420500c44b",
        6,
        "{by_user} answered breakpoint {breakpoint} after {paused_sec} s: {answer}",
    )
    AUTO_RESUMED = (
        "auto-resumed",
        "f370292b038e4e6ab0f787b42e01f8d3",
        5,
        "Breakpoint {breakpoint} {outcome} after {paused_sec} s",
    )
    GONE = (
        "gone",
        "ffec178f95244a8db7193351578e07c3",
        5,
        "The script of breakpoint {breakpoint} was lost after {paused_sec} s",
    )
    CONSOLE_OPENED = (
        "console-opened",
        "973f34a7b2a049c3b0cc50c6fcd35e67",
        5,
        "{by_user} opened a console at breakpoint {breakpoint}",
    )
    CONSOLE_CLOSED = (
        "console-closed",
        "e8b22bde91394a13ac8a576fb3af3d28",
        6,
        "{by_user} closed a console at breakpoint {breakpoint}",
    )
    CONSOLE_INPUT = (
        "console-input",
        "52430ccbd2f84bc5a5a34b5d0c021598",
        5,
        "{by_user} typed into the console at breakpoint {breakpoint}: {input}",
    )
    EXTENDED = (
        "extended",
        "2201f9d7d22a4b3a819dcfbfb5464338",
        6,
        "{by_user} extended breakpoint {breakpoint}: {remaining} s left",
    )
    CLAIMED = (
        "claimed",
        "e6e779b45eca4d3ba356f10539656f23",
        6,
        "{by_user} claimed {instrument} for net {net}",
    )
    RELEASED = (
        "released",
        "8903aa5cf717469b9f38b49c855e88db",
        6,
        "{by_user} released {instrument}: {reason}",
    )
    REFUSED = (
        "refused",
        "a736ac91ab7140b0b498747d378095d2",
        5,
        "{by_user} was refused {instrument}: {reason}",
    )
    THROUGH = (
        "through",
        "0d7a1c3e5b9f4e2a8c6d4b2f9e1a7c35",
        6,
        "{by_user} used {net} of {instrument} through breakpoint {breakpoint}: {reason}",
    )
    CHANGED = (
        "changed",
        "7b0c9d5e2f6a4c83b1e7d04a9c5f3e18",
        6,
        "{by_user} changed {net} of {instrument} while breakpoint {breakpoint} was paused: {reason}",
    )
    LENT = (
        "lent",
        "5b0d3a2f6c8e4f1b9a7d2e4c6f8a1b3d",
        5,
        "{by_user} lent {instrument} at breakpoint {breakpoint}: {reason}",
    )
    RETURNED = (
        "returned",
        "7e1c4b9d2a6f4c3e8b5d1f7a9c2e4d60",
        6,
        "The loan of {instrument} ended: {reason}",
    )
    MADE_SAFE = (
        "made-safe",
        "3372a87bde1a43628d6ecf921f42c196",
        5,
        "{instrument} was made safe after the script of {by_user} crashed: {reason}",
    )
    QUARANTINED = (
        "quarantined",
        "57241cc1b1964984be58c79b4b13431f",
        3,
        "{instrument} was quarantined, because it may be energised: {reason}",
    )
    CLEARED = (
        "cleared",
        "3aaae06712aa488897d9867b76d7cb33",
        5,
        "{by_user} ended the quarantine of {instrument}",
    )
    OFF = (
        "off",
        "d2b5f9beb6e7422c90d8b2e60dc056c9",
        5,
        "{by_user} switched off {instrument}: {reason}",
    )
    STARTED = (
        "started", "0e5b7f1d3c9a4b62a8d4f6e2917c5b3a", 5,
        "lagerd was started for {by_user}, who {reason}",
    )  # fmt: skip
    KILLED = (
        "killed", "5d2f0c4f7a5b4d0c9a3e86b1f2d7c915", 5,
        "{by_user} ended the run {run}",
    )  # fmt: skip
    DENIED = (
        "denied", "50ec31e9e242456f87310e4015c67be9", 5,
        "{by_user} (uid {by_uid}) was denied: {reason}",
    )  # fmt: skip

    def __init__(self, word: str, message_id: str, priority: int, message: str) -> None:
        self.word = word
        self.message_id = message_id
        self.priority = priority
        self.message = message


# The event that the end of a pause is, by the reason in the signal Resumed.
ENDS = {
    "continued": Event.RESUMED,
    "answered": Event.ANSWERED,
    "interrupted": Event.RESUMED,
    "timeout": Event.AUTO_RESUMED,
    "gone": Event.GONE,
}
