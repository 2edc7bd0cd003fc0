"""The methods of the D-Bus interfaces with the types of their arguments, as the interface files name them."""

from pathlib import Path
from xml.etree import ElementTree

from lager.breakpoints import script_object
from lager.contract import BREAKPOINTS, INSTRUMENTS

UNITS = Path(__file__).parents[1] / "units"


def methods(xml: str) -> dict[str, dict[str, str]]:
    """By interface and name: the signature of what a call takes."""
    root = ElementTree.fromstring(f"<all>{xml}</all>")
    return {
        interface.attrib["name"]: {
            method.attrib["name"]: "".join(
                one.attrib["type"] for one in method.iter("arg") if one.get("direction") == "in"
            )
            for method in interface.iter("method")
        }
        for interface in root.iter("interface")
    }


def _body(name: str) -> str:
    return ElementTree.tostring(ElementTree.parse(UNITS / f"{name}.xml").getroot(), "unicode")


SERVED = methods("".join(map(_body, (BREAKPOINTS, INSTRUMENTS))))
SCRIPTS = methods(script_object._XML)
