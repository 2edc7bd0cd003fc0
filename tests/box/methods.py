"""Every method of lagerd, called by a user of a box."""

import shlex
from collections.abc import Iterator
from typing import Any

from lager.contract import path_of
from tests.box.container import Box
from tests.box.people import INSTRUMENTS, NAME
from tests.contract import SERVED
from tests.hostile.marshal import types

UNREACHABLE = "Access denied"
_VALUES: dict[str, list[Any]] = {"s": ["deadbeef"], "d": [5], "u": [0], "as": [0], "a{sv}": [0], "v": ["s", "yes"]}


def _calls(*interfaces: Any) -> Iterator[tuple[Any, str, list[Any]]]:
    """Every method of these with arguments for busctl, which has no descriptors to give: those are left out."""
    for interface in interfaces:
        for member, signature in SERVED[interface].items():
            signature = signature.replace("h", "")
            values = [value for kind in types(signature) for value in _VALUES[kind]]
            yield interface, member, ([signature, *values] if signature else [])


def errors(box: Box, user: Any) -> Any:
    """Every method of lagerd, and what busctl prints as the error of a call of this user, or nothing."""
    methods, commands = [], []
    for interface, member, words in _calls(NAME, INSTRUMENTS):
        methods.append(member)
        command = ["busctl", "call", interface, path_of(interface), interface, member, *map(str, words)]
        commands.append(f"{shlex.join(command)} 2>&1 >/dev/null | tr '\\n' ' '; echo")
    return zip(methods, box.run("sh", "-c", "\n".join(commands), user=user).stdout.splitlines(), strict=True)
