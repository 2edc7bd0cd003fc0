"""Interfaces of exported objects, as tables of methods and properties.

A method is a function of a Call. It returns the values of the reply, or LATER if it replies itself.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from lager.bus.received import Call

Outcome = tuple[Any, ...]
LATER: Outcome = ("later",)
Runner = Callable[[Call], Outcome | Coroutine[Any, Any, Outcome]]


class Described(Protocol):
    """An interface as the library describes it."""

    name: str

    def to_xml(self) -> Any: ...


class Method(NamedTuple):
    """`takes` and `gives` are the signatures of its arguments and of its result."""

    takes: str
    gives: str
    run: Runner


@dataclass(frozen=True)
class Interface:
    """`properties` has the signature and the getter of each property, `setters` the setters of the writable ones;
    `described` returns the library's description of it, for introspection; None: introspection has only the
    signatures."""

    name: str
    methods: dict[str, Method]
    properties: dict[str, tuple[str, Callable[[], Any]]] = field(default_factory=dict)
    described: Described | None = None
    setters: dict[str, Callable[[Any], None]] = field(default_factory=dict)
