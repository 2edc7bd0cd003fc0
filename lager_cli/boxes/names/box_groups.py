"""Expands a --box of several boxes: `@rack2` is a group, `bench*` is a pattern of known names, and `a,b` are two
names."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from lager.errors import BoxError
from lager.wording.text import printable, similar

_PATTERN = frozenset("*?[")
ALL = "all"  # the group of all known boxes, as in Ansible


def is_several(named: str) -> bool:
    """Return whether the text can stand for a number of boxes other than one."""
    return "," in named or named.startswith("@") or bool(_PATTERN & {*named})


def expand(named: str, boxes: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names of the boxes, each once, in their order. An unknown name counts as an ssh destination. Raises
    BoxError for an unknown group, for a pattern that no name matches, and if there is no box."""
    found: dict[str, None] = {}
    expanded: set[str | None] = set()
    # The groups that are being expanded, each within the one before; None is what was typed.
    within: dict[str | None, Iterator[str]] = {None: (one.strip() for one in named.split(","))}
    while within:
        group, members = next(reversed(within.items()))
        one = next(members, None)
        if one is None:
            expanded.add(group)
            del within[group]
        elif not one.startswith("@"):
            found |= dict.fromkeys(_named(one, boxes))
        elif (inner := one[1:]) == ALL and ALL not in groups:
            found |= dict.fromkeys(boxes)
        elif inner in within:
            raise BoxError(f"The group @{printable(inner, 40)} contains itself.", "Fix it in the file of your boxes.")
        elif inner not in expanded:
            within[inner] = iter(_members(inner, groups))
    if not found:
        raise BoxError(f"{printable(named, 60)} contains no boxes.", "See: lager boxes")
    return [*found]


def _named(one: str, boxes: Sequence[str]) -> Sequence[str]:
    """Return the box of a name, or the boxes of a pattern."""
    if not _PATTERN & {*one}:
        return [one]
    matching = [name for name in boxes if fnmatchcase(name, one)]
    if not matching:
        raise BoxError(f"No configured box matches '{printable(one, 60)}'.", "See: lager boxes")
    return matching


def _members(group: str, groups: Mapping[str, Sequence[str]]) -> Sequence[str]:
    if group not in groups:
        raise _unknown(group, groups)
    return groups[group]


def _unknown(group: str, groups: Mapping[str, Sequence[str]]) -> BoxError:
    if not group:
        return BoxError("The name of the group is missing after @.", "See: lager boxes")
    close = similar(group, groups)
    hint = f"Did you mean @{close[0]}?" if close else f"Add it: lager boxes group {printable(group, 40)} BOX..."
    return BoxError(f"Unknown group @{printable(group, 40)}.", hint)
