"""The styles of `lager.wording.palette` for the live screens."""

from prompt_toolkit.styles import BaseStyle, Style

from lager.wording.palette import SGR, allowed

_NAMES = {"1": "bold", "91": "ansibrightred", "94": "ansibrightblue", "95": "ansibrightmagenta"}


def style() -> BaseStyle:
    """Return the styles of a screen; all plain, as in a printed table, if the user wants no colours."""
    if not allowed():
        return Style.from_dict(dict.fromkeys(SGR, ""))
    return Style.from_dict({name: " ".join(_NAMES[code] for code in codes.split(";")) for name, codes in SGR.items()})
