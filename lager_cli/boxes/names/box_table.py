"""Names of boxes: entries of the user's table or of this machine's, or ssh destinations; and groups of them."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lager.contract import BOXES_FILE
from lager.errors import BoxError
from lager.wording.text import printable, similar
from lager_cli.boxes.names import box_groups
from lager_cli.linux import home

COMMAND = "lager"
SYSTEM = Path(BOXES_FILE)
_WORD = re.compile(r"[A-Za-z0-9_./+~][A-Za-z0-9_./+~-]*")
_UNSAFE = set("'\"\\`$&;|<>()*?!#{}")  # safe in a shell, which runs a ProxyCommand and the commands that lager suggests
_ADVICE = "Give a host, user@host, ssh://user@host:port, a name of ~/.ssh/config, or one of: lager boxes"


class Box(NamedTuple):
    """`ssh` is the destination; `command` is the lager command on the box."""

    name: str
    ssh: str
    command: str = COMMAND

    def check(self) -> None:
        """Raise BoxError if ssh or a shell could misread any part of it."""
        check(self.name)
        check(self.ssh)
        if not _WORD.fullmatch(self.command):
            raise BoxError(
                f"'{printable(self.command, 60)}' is not a valid lager command for the box {self.name}.",
                "Give a path without spaces or quotes, like /opt/lager/bin/lager.",
            )


def find(name: str) -> Box:
    """Return the box with this name. Raises BoxError if the name is not safe to give to ssh."""
    if box_groups.is_several(name):
        names = several(name)
        if len(names) != 1:
            hint = "Commands that only read accept several, and so do continue, extend, answer and off."
            raise BoxError("--box accepts one box here.", hint)
        name = names[0]
    check(name)
    entry = known()["boxes"].get(name, {})
    box = Box(name, str(entry.get("ssh", name)), str(entry.get("command", COMMAND)))
    box.check()
    return box


def several(named: str) -> list[str]:
    """Return the names of the boxes in a --box of several. Raises BoxError; see box_groups."""
    found = known()
    return box_groups.expand(named, [*found["boxes"]], found["groups"])


def find_several(named: str) -> list[Box]:
    """Return the boxes that a --box of several stands for, each once. Raises BoxError; see box_groups."""
    return [*dict.fromkeys(find(name) for name in several(named))]


def known() -> dict[str, Any]:
    """Return `boxes` and `groups`: those of the user, and those of this machine whose names the user has not
    redefined."""
    own, system = table(), _read(SYSTEM)
    return {key: {**system[key], **own[key]} for key in ("boxes", "groups")}


def check(name: str) -> None:
    """Raise BoxError for a name that ssh could take for an option, or that could control the terminal."""
    if not name:
        raise BoxError("The name of the box is empty.", _ADVICE)
    if name.startswith("-") or not name.isprintable() or any(c.isspace() or c in _UNSAFE for c in name):
        raise BoxError(f"'{printable(name, 60)}' is not a valid box name.", _ADVICE)


def check_new(name: str) -> None:
    """Raise BoxError for a name that --box could not accept, or only for several boxes."""
    check(name)
    if box_groups.is_several(name):
        hint = "Give a word, such as bench3: commas, brackets and an @ in front choose several boxes."
        raise BoxError(f"'{printable(name, 60)}' is not a valid name for a box or a group.", hint)


def default() -> str:
    """Return the name of the user's default box, or an empty string."""
    return str(table().get("default", ""))


def path() -> Path:
    return home.config().joinpath(*home.CONFIG_FILE)


def table() -> dict[str, Any]:
    """Return `default`, `boxes` and `groups`, as in the user's file. Raises BoxError if it cannot be read."""
    return _read(path())


def _read(file: Path) -> dict[str, Any]:
    from lager.wording import text_files

    try:
        text = text_files.read(file)
    except (FileNotFoundError, NotADirectoryError):
        return {"boxes": {}, "groups": {}}
    except text_files.Unreadable as problem:
        hint = "Save it as UTF-8" if problem.is_encoding else "Fix this"
        raise BoxError(f"{file} cannot be read: {problem.reason}.", f"{hint}, or move it away.") from None
    try:
        found = text_files.toml(text)
    except ValueError as problem:
        raise BoxError(f"{file} is not valid TOML: {problem}.", "Fix this, or move the file away.") from None
    boxes = found.setdefault("boxes", {})
    if not (isinstance(boxes, dict) and all(isinstance(entry, dict) for entry in boxes.values())):
        raise BoxError(f"{file} has boxes that are not tables.", 'Write each as: [boxes.NAME] and ssh = "user@host"')
    groups = found.setdefault("groups", {})
    if not (isinstance(groups, dict) and all(_are_texts(members) for members in groups.values())):
        raise BoxError(f"{file} has groups that are not lists of names.", 'Write each as: NAME = ["bench3", "bench4"]')
    if not isinstance(found.get("default_nets", {}), dict):
        raise BoxError(f"default_nets in {file} is not a table.", 'Write it as: [default_nets] and supply = "NET"')
    _check_keys(file, found)
    for key, value in _texts(found):
        if not isinstance(value, str):
            raise BoxError(f"{key} in {file} is not text: {value!r}.", f'Write it like: {key.rpartition(".")[2]} = "…"')
    return found


def _check_keys(file: Path, found: dict[str, Any]) -> None:
    """Raise BoxError for a misspelt key, and for an unknown key in one of lager's tables, because it would have no
    effect. Other tables of the user are ignored."""
    checked: list[tuple[str, dict[str, Any], tuple[str, ...]]]
    checked = [("", found, ("default", "boxes", "groups", "default_nets"))]
    if nets := found.get("default_nets"):
        from lager.nets.model import (
            NetType,
        )  # imported on demand: a command with a box and without nets does not need it

        checked += [("default_nets.", nets, tuple(type.value for type in NetType))]
    checked += [(f"boxes.{name}.", entry, ("ssh", "command")) for name, entry in found["boxes"].items()]
    for table_name, entries, known in checked:
        for key in entries:
            if key not in known:
                shown, close = printable(f"{table_name}{key}", 80), similar(key, known)
                if not (close or table_name):
                    continue
                hint = f"Did you mean {close[0]}?" if close else f"Its keys are {', '.join(known)}."
                raise BoxError(f"{file} has the unknown key {shown}.", hint)


def _are_texts(members: object) -> bool:
    return isinstance(members, list) and all(isinstance(member, str) for member in members)


def _texts(found: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield all keys of the table that must be text, with their values."""
    if "default" in found:
        yield "default", found["default"]
    for type, name in found.get("default_nets", {}).items():
        yield f"default_nets.{type}", name
    for name, entry in found["boxes"].items():
        for key in ("ssh", "command"):
            if key in entry:
                yield f"boxes.{name}.{key}", entry[key]


def put(box: Box) -> None:
    """Add or change the box in the user's table."""
    with _edited() as document:
        entry = {"ssh": box.ssh} | ({"command": box.command} if box.command != COMMAND else {})
        document.setdefault("boxes", {})[box.name] = entry


def drop(name: str) -> None:
    """Remove the box from the table, and as the default. Raises BoxError if it is not there."""
    if name not in table()["boxes"]:
        raise BoxError(f"You have no box named '{printable(name, 60)}'.", "See: lager boxes list")
    with _edited() as document:
        document["boxes"].pop(name, None)
        if document.get("default") == name:
            del document["default"]


def put_group(name: str, members: list[str]) -> None:
    """Set the members of a group in the user's table; without any, remove it. Raises BoxError if they name no box."""
    check_new(name)
    if members:
        found = known()
        for box in box_groups.expand(f"@{name}", [*found["boxes"]], {**found["groups"], name: members}):
            check(box)
    with _edited() as document:
        if members:
            document.setdefault("groups", {})[name] = members
        else:
            document.get("groups", {}).pop(name, None)


def add_new(boxes: dict[str, str], groups: dict[str, list[str]]) -> tuple[int, int, list[str]]:
    """Add the boxes and groups that the user's table does not have. Return how many of both were added, and a sentence
    for each that is not valid."""
    own, added = table(), [0, 0]
    problems: list[str] = []
    with _edited() as document:
        for name, destination in boxes.items():
            with _left_out(problems):
                check_new(name)
                Box(name, destination).check()
                if name not in own["boxes"]:
                    document.setdefault("boxes", {})[name] = {"ssh": destination}
                    added[0] += 1
        for name, members in groups.items():
            with _left_out(problems):
                check_new(name)
                if name not in own["groups"] and (usable := [one for one in members if _is_usable(one)]):
                    document.setdefault("groups", {})[name] = usable
                    added[1] += 1
    return added[0], added[1], problems


def _is_usable(member: str) -> bool:
    """Return whether the name of a box, or of a group with an @ before it, can be in a group."""
    try:
        check_new(member.removeprefix("@"))
    except BoxError:
        return False
    return True


@contextlib.contextmanager
def _left_out(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except BoxError as problem:
        problems.append(f"left out: {problem}")


def set_default(name: str) -> None:
    """Set the default box; an empty name removes it."""
    with _edited() as document:
        if name:
            document["default"] = name
        else:
            document.pop("default", None)


def set_default_nets(nets: dict[str, str]) -> None:
    """Set default nets by the word of their type; an empty name removes one."""
    with _edited() as document:
        known = document.setdefault("default_nets", {})
        for type, name in nets.items():
            known.pop(type, None)
            if name:
                known[type] = name
        if not known:
            del document["default_nets"]


@contextlib.contextmanager
def _edited() -> Iterator[Any]:
    """Yield the file as a document that keeps the user's comments and layout. Writes it completely or not at all."""
    import tomlkit

    from lager.wording import text_files

    table()  # raises if the file is invalid
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _alone(file.parent):
            document = tomlkit.parse(text_files.read(file)) if file.exists() else tomlkit.document()
            yield document
            target = file.resolve()
            fresh = target.with_name(f".{target.name}.new")
            fresh.write_text(tomlkit.dumps(document), encoding="utf-8")
            fresh.replace(target)
    except OSError as problem:
        hint = "Fix this, or set XDG_CONFIG_HOME to a folder that you can write to."
        raise BoxError(f"{file} cannot be written: {problem.strerror}.", hint) from None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock the folder: a concurrent edit waits, and then reads what we wrote."""
    import fcntl

    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
