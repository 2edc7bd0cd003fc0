"""Introspection XML of exported objects, written and read by the D-Bus library."""

from collections.abc import Collection, Iterable
from typing import Any

from lager.bus.interfaces import Interface
from lager.bus.transport.wire import introspection, types

_library = introspection()
_STANDARD = {one.name: one for one in _library.Node.default().interfaces}


def read(text: str) -> Any:
    """Return the first interface of a description, as the library's object. Raises an Exception if it is invalid."""
    return _library.Node.parse(text).interfaces[0]


def of_object(interfaces: Iterable[Interface], children: Collection[str]) -> str:
    """Return the description of an object with these interfaces, and of the `children` of its path."""
    node = _library.Node(interfaces=[_described(one) for one in interfaces])
    node.nodes = [_library.Node(child, is_root=False) for child in sorted(children)]
    return f"{node.tostring()}\n"


def _described(interface: Interface) -> Any:
    """Return the library's description of an interface. Without a file for it, its arguments have no names."""
    found = interface.described or _STANDARD.get(interface.name)
    if found is None:
        found = _library.Interface(interface.name)
        found.methods = [
            _library.Method(name, _arguments(one.takes, "IN"), _arguments(one.gives, "OUT"))
            for name, one in interface.methods.items()
        ]
        found.properties = [
            _library.Property(name, kind, _library.PropertyAccess["READWRITE" if name in interface.setters else "READ"])
            for name, (kind, _) in interface.properties.items()
        ]
    return found


def _arguments(signature: str, direction: str) -> list[Any]:
    return [_library.Arg(one, _library.ArgDirection[direction]) for one in types(signature)]
