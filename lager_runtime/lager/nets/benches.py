"""The benches of one box: each nets file describes one, with a name and, if wanted, a group of users of its own.

[bench]
name = "thermal"       # optional in a drop-in: else its file's name, without .toml and a leading number
group = "thermal"      # optional: only members of this group, and root, may claim and set its instruments
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lager.wording.values import shown

_NAME = re.compile(r"[\w.-]{1,64}")
KEYS = ("name", "group")
_NUMBER = re.compile(r"^\d+-")


@dataclass(frozen=True)
class NamedBench:
    """A bench of the box. Without a name, it is the bench of nets.toml; without a group, every member of the group
    lager may use it."""

    name: str
    path: str
    group: str = ""


def table_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the table [bench] of a nets file; empty without one, or if it is not a table."""
    table = document.get("bench", {})
    return table if isinstance(table, dict) else {}


def mistakes(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the mistakes in the table [bench]: the key and the reason."""
    if not isinstance(document.get("bench", {}), dict):
        yield "bench", "should be a table [bench]"
    for key, value in table_of(document).items():
        if key in KEYS and not (isinstance(value, str) and _NAME.fullmatch(value)):
            yield f"bench.{key}", f"should be one word of letters, digits, '-', '_' and '.', not {shown(value)}"


def read(document: Mapping[str, Any], where: str) -> NamedBench:
    """Return the bench that a nets file describes. An invalid group counts as a group that does not exist."""
    table = table_of(document)
    return NamedBench(str(table.get("name", default_name(where))), where, str(table.get("group", "")))


def default_name(where: str) -> str:
    """Return the name of a bench without one: that of its file if this is a drop-in, else none."""
    folder, file = os.path.split(where)
    return _NUMBER.sub("", file.removesuffix(".toml")) if folder.endswith(".toml.d") else ""
