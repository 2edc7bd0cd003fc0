"""The methods of the D-Bus interfaces with the types of their arguments, as files and scripts name them."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from lager.breakpoints.script_object import ScriptObject
from lager.contract import BREAKPOINTS, INSTRUMENTS, SCRIPT

UNITS = Path(__file__).parents[1] / "units"


def methods(xml: str) -> dict[str, dict[str, str]]:
    """By interface and name: the signature of what a call takes."""
    root = ElementTree.fromstring(xml if xml.startswith("<!DOCTYPE") else f"<all>{xml}</all>")
    return {
        interface.attrib["name"]: {
            method.attrib["name"]: "".join(
                one.attrib["type"] for one in method.iter("arg") if one.get("direction") == "in"
            )
            for method in interface.iter("method")
        }
        for interface in root.iter("interface")
    }


def body(name: str) -> str:
    """The text of the interface file `name`, without its comments."""
    return ElementTree.tostring(ElementTree.parse(UNITS / f"{name}.xml").getroot(), "unicode")


SERVED = methods("".join(map(body, (BREAKPOINTS, INSTRUMENTS))))
_NOTHING: Any = None
SCRIPTS = {
    SCRIPT: {
        name: method.takes for name, method in ScriptObject(_NOTHING, _NOTHING, _NOTHING).interface().methods.items()
    }
}
