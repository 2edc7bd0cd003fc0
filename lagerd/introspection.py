"""Reads the interface files: lagerd exports exactly what the installed XML describes."""

from collections.abc import Callable
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from lager.bus import introspection
from lager.bus.interfaces import Interface, Method, Runner


def units() -> Traversable:
    """Return the folder `units`: inside the installed package, or next to it in a checkout."""
    package = files("lagerd")
    inside = package / "units"
    return inside if inside.is_dir() else package.joinpath("..", "units")


def interface(name: str, run: dict[str, Runner], properties: dict[str, Callable[[], Any]] | None = None) -> Interface:
    """Return the interface `name`. There must be one function for each of its methods and properties, and no other."""
    described = introspection.read((units() / f"{name}.xml").read_text(encoding="utf-8"))
    readers = properties or {}
    methods = {method.name: method for method in described.methods}
    kinds = {one.name: one.signature for one in described.properties}
    if methods.keys() != run.keys() or kinds.keys() != readers.keys():
        raise AssertionError(f"{name}: {methods.keys() ^ run.keys()} {kinds.keys() ^ readers.keys()}")
    return Interface(
        name,
        {member: Method(m.in_signature, m.out_signature, run[member]) for member, m in methods.items()},
        {member: (kinds[member], readers[member]) for member in kinds},
        described,
    )
