"""The styles of all that lager shows on a terminal: bold, and bright ones of the 16 colours.

These are readable on black and on white alike; bright green, yellow and cyan are not.
"""

import os

SGR = {"bold": "1", "on": "94", "alert": "1;95", "bad": "91"}
"""The codes of each style: ECMA-48 8.3.117 and aixterm's bright colours (94 blue, 95 magenta, 91 red)."""


def styled(text: str, style: str) -> str:
    """Return the text in a style of `SGR`; as it is with style ""."""
    return f"\x1b[{SGR[style]}m{text}\x1b[0m" if style else text


def allowed() -> bool:
    """Return whether the user wants colours: NO_COLOR is not set, and the terminal is not a dumb one."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") not in ("", "dumb")
