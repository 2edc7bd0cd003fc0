"""Read the interface files: lagerd exports exactly what the installed XML describes."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from lager.bus.exports import Interface, Method, Runner


def units() -> Traversable:
    """Return the folder `units`: inside the installed package, or next to it in a checkout."""
    package = files("lagerd")
    inside = package / "units"
    return inside if inside.is_dir() else package.joinpath("..", "units")


def interface(name: str, run: dict[str, Runner], properties: dict[str, Callable[[], Any]] | None = None) -> Interface:
    """Return the interface `name`. There must be one function for each of its methods and properties, and no other."""
    node = ElementTree.fromstring((units() / f"{name}.xml").read_text(encoding="utf-8"))
    element = node.find("interface")
    assert element is not None
    readers = properties or {}
    methods = {m.attrib["name"]: m for m in element.iter("method")}
    kinds = {p.attrib["name"]: p.attrib["type"] for p in element.iter("property")}
    if methods.keys() != run.keys() or kinds.keys() != readers.keys():
        raise AssertionError(f"{name}: {methods.keys() ^ run.keys()} {kinds.keys() ^ readers.keys()}")
    return Interface(
        name,
        {member: Method(_signature(m, "in"), _signature(m, "out"), run[member]) for member, m in methods.items()},
        {member: (kinds[member], readers[member]) for member in kinds},
        " " + ElementTree.tostring(element, encoding="unicode").strip(),
    )


def _signature(method: ElementTree.Element, direction: str) -> str:
    return "".join(arg.attrib["type"] for arg in method.iter("arg") if arg.get("direction", "in") == direction)
