"""What a --box of several boxes means: `@rack2` is a group, `bench*` a pattern of known names, and `a,b` are both."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from lager.errors import BoxError
from lager.wording.text import printable, similar

_PATTERN = frozenset("*?[")
ALL = "all"  # the group of all known boxes, as in Ansible


def is_several(named: str) -> bool:
    """Return whether the text can name any other number of boxes than one."""
    return "," in named or named.startswith("@") or bool(_PATTERN & {*named})


def expand(named: str, boxes: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names of the boxes, each once, in their order. A name that is not known is taken for an ssh
    destination. Raises BoxError for a group that is not there, and for a pattern that no name matches."""
    found: dict[str, None] = {}
    for one in named.split(","):
        _add(found, one.strip(), boxes, groups, ())
    return [*found]


def _add(
    found: dict[str, None], one: str, boxes: Sequence[str], groups: Mapping[str, Sequence[str]], within: tuple[str, ...]
) -> None:
    if one.startswith("@"):
        group = one[1:]
        if group == ALL and ALL not in groups:
            found |= dict.fromkeys(boxes)
        elif group not in groups:
            raise _unknown(group, groups)
        elif group in within:
            raise BoxError(f"The group @{printable(group, 40)} contains itself.", "Fix it in the file of your boxes.")
        else:
            for member in groups[group]:
                _add(found, member, boxes, groups, (*within, group))
    elif _PATTERN & {*one}:
        matching = [name for name in boxes if fnmatchcase(name, one)]
        if not matching:
            raise BoxError(f"No box that you know matches '{printable(one, 60)}'.", "See: lager boxes")
        found |= dict.fromkeys(matching)
    else:
        found[one] = None


def _unknown(group: str, groups: Mapping[str, Sequence[str]]) -> BoxError:
    close = similar(group, groups)
    hint = f"Did you mean @{close[0]}?" if close else f"Add it: lager boxes group {printable(group, 40)} BOX..."
    return BoxError(f"There is no group of boxes @{printable(group, 40)}.", hint)
