"""Completes a line of Python from the live objects, without running their code."""

import builtins
import keyword
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

from lager.inspection.objects.docs import parameters_of
from lager.inspection.objects.safe_repr import type_name
from lager.inspection.objects.static import NOTHING, PATH, attribute, attributes, keys, resolve, value_of

_MOST = 500
_LONGEST_KEY = 200
_TAIL = 10_000
_ATTRIBUTE = re.compile(rf"({PATH})\s*\.\s*(\w*)\Z")
_KEY = re.compile(rf"""({PATH})\[\s*(['"]?[^'"\[\]]*)\Z""")
_STRING = re.compile(
    r"""\#[^\n]*|(?P<kind>\w*)(?P<quote>\'{3}|"{3}|['"])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P<closed>(?P=quote))?""",
    re.DOTALL,
)
_WORD = re.compile(r"\w*\Z")
_CALLED = re.compile(rf"({PATH})\Z")

Completion = dict[str, Any]


def complete(text: str, names: dict[str, Any]) -> list[Completion]:
    """Return the completions of `text`, which ends at the cursor. Each has a `text` that replaces the last `length`
    characters, and the `kind` of thing that it is."""
    text = text[-_TAIL:]
    keyed = _KEY.search(text)
    if keyed is not None and (found := _keys(resolve(keyed[1], names), keyed[2])):
        return found
    if _is_in_string(text):
        return []
    attributed = _ATTRIBUTE.search(text)
    if attributed is not None:
        return _attributes(value_of(resolve(attributed[1], names)), attributed[2])
    word = _WORD.search(text)
    prefix = word[0] if word else ""
    if prefix[:1].isdigit():
        return []
    return [*_arguments(text[: len(text) - len(prefix)], prefix, names), *_names(prefix, names)]


def _is_in_string(text: str) -> bool:
    """Return whether a string is open at the end, except in the braces of an f-string."""
    found = [*_STRING.finditer(text)]
    if not found or not (last := found[-1])["quote"] or last["closed"]:
        return False
    return not ("f" in last["kind"].lower() and "{" in last["text"] and "}" not in last["text"].rpartition("{")[2])


def _attributes(owner: Any, prefix: str) -> list[Completion]:
    if owner is NOTHING:
        return []
    matching = _matching(attributes(owner), prefix)
    return [_one(name, prefix, type_name(attribute(owner, name))) for name in matching]


def _keys(owner: Any, typed: str) -> list[Completion]:
    shown = []
    for key in keys(owner):
        text = repr(key[:_LONGEST_KEY]) if type(key) in (str, bytes) else repr(key)  # type: ignore[index]
        if typed.startswith('"') and text.startswith("'"):
            text = '"' + text[1:-1].replace('"', '\\"') + '"'
        if text.startswith(typed):
            shown.append({"text": text + "]", "length": len(typed), "kind": "key"})
    return shown[:_MOST]


def _arguments(before: str, prefix: str, names: dict[str, Any]) -> list[Completion]:
    """Return the parameters of the call that the cursor is in."""
    opened = _innermost_call(before)
    called = _CALLED.search(before[:opened]) if opened >= 0 else None
    if called is None or not re.search(r"[(,]\s*\Z", before):
        return []
    parameters = parameters_of(resolve(called[1], names)) or []
    found = [parameter.partition("=")[0] for parameter in parameters if parameter[0] not in "*/"]
    return [
        {"text": f"{name}=", "length": len(prefix), "kind": "argument"} for name in found if name.startswith(prefix)
    ]


def _innermost_call(before: str) -> int:
    """Return the position of the innermost open bracket, if it is a round one; else -1."""
    depth = 0
    for at in range(len(before) - 1, -1, -1):
        if before[at] in ")]}":
            depth += 1
        elif before[at] in "([{":
            if not depth:
                return at if before[at] == "(" else -1
            depth -= 1
    return -1


def _names(prefix: str, names: dict[str, Any]) -> list[Completion]:
    known = {name for name in list(names) if type(name) is str}
    shown = [_one(name, prefix, type_name(names.get(name))) for name in _matching(known, prefix)]
    if prefix:
        more = _matching({*vars(builtins), *keyword.kwlist, *keyword.softkwlist} - known, prefix)
        shown += [_one(name, prefix, "keyword" if keyword.iskeyword(name) else "builtin") for name in more]
    return shown[:_MOST]


def _matching(names: Iterable[str], prefix: str) -> list[str]:
    """Return the matching names in order; private ones only if `prefix` begins with an underscore."""
    hidden = "__" if prefix.startswith("_") and not prefix.startswith("__") else "" if prefix else "_"
    found = (n for n in names if n.startswith(prefix) and n.isidentifier() and not (hidden and n.startswith(hidden)))
    return list(islice(sorted(found), _MOST))


def _one(name: str, prefix: str, kind: str) -> Completion:
    return {"text": name, "length": len(prefix), "kind": kind}
