"""The styles of `lager.wording.palette` for the live screens."""

from prompt_toolkit.styles import BaseStyle, Style

from lager.wording.palette import SGR, allowed

_NAMES = {"1": "bold", "91": "ansibrightred", "94": "ansibrightblue", "95": "ansibrightmagenta"}


def style() -> BaseStyle:
    """Return the styles of a screen; without colours if the user does not want them."""
    kept = {"1"} if not allowed() else _NAMES.keys()
    return Style.from_dict(
        {name: " ".join(_NAMES[code] for code in codes.split(";") if code in kept) for name, codes in SGR.items()}
    )
