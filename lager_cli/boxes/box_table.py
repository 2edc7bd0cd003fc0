"""Names of boxes: what the user's table says, else ssh destinations as ssh itself takes them."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lager.errors import BoxError
from lager.text import printable, utf8

COMMAND = "lager"
_WORD = re.compile(r"[A-Za-z0-9_./+~][A-Za-z0-9_./+~-]*")
_UNSAFE = set("'\"\\`$&;|<>()*?!#{}")  # to a shell, which a ProxyCommand is given to, and what we say to type
_ADVICE = "Give a host, user@host, ssh://user@host:port, a name of ~/.ssh/config, or one of: lager boxes"


@dataclass(frozen=True)
class Box:
    """`ssh` is the destination; `command` is what lager is called there."""

    name: str
    ssh: str
    command: str = COMMAND

    def check(self) -> None:
        """BoxError where ssh or a shell could take any of it for something else."""
        check(self.name)
        check(self.ssh)
        if not _WORD.fullmatch(self.command):
            raise BoxError(
                f"{printable(self.command, 60)!r} is not a valid lager command for the box {self.name}.",
                "Give a path without spaces or quotes, like /opt/lager/bin/lager.",
            )


def find(name: str) -> Box:
    """The box of that name. BoxError where it is no name that ssh may safely be given."""
    if "," in name:
        raise BoxError("--box accepts one box here.", "Read-only commands, such as lager breakpoints, accept several.")
    check(name)
    entry = table()["boxes"].get(name, {})
    box = Box(name, str(entry.get("ssh", name)), str(entry.get("command", COMMAND)))
    box.check()
    return box


def check(name: str) -> None:
    """BoxError for what ssh would take for an option, or a terminal for a command."""
    if not name:
        raise BoxError("The name of the box is empty.", _ADVICE)
    if name.startswith("-") or not name.isprintable() or any(c.isspace() or c in _UNSAFE for c in name):
        raise BoxError(f"{printable(name, 60)!r} is not a valid box name.", _ADVICE)


def default() -> str:
    """The name of the user's default box, or nothing."""
    return str(table().get("default", ""))


def path() -> Path:
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(folder if os.path.isabs(folder) else os.path.expanduser("~/.config")) / "lager" / "config.toml"


def table() -> dict[str, Any]:
    """`default`, and `boxes` by name, as in the file; BoxError where it cannot be read."""
    file = path()
    try:
        text = utf8(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {"boxes": {}}
    except OSError as problem:
        raise BoxError(f"{file} cannot be read: {problem}.", "Fix this, or move it away.") from problem
    except ValueError as problem:
        raise BoxError(f"{file} cannot be read: {problem}.", "Save it as UTF-8, or move it away.") from problem
    import tomllib

    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise BoxError(f"{file} is not valid TOML: {problem}.", "Fix this, or move the file away.") from problem
    boxes = found.setdefault("boxes", {})
    if not (isinstance(boxes, dict) and all(isinstance(entry, dict) for entry in boxes.values())):
        raise BoxError(f"{file} has boxes that are not tables.", 'Write each as: [boxes.NAME] and ssh = "user@host"')
    return found


def put(box: Box) -> None:
    """Add the box to the user's table, or change it there."""
    with _edited() as document:
        entry = {"ssh": box.ssh} | ({"command": box.command} if box.command != COMMAND else {})
        document.setdefault("boxes", {})[box.name] = entry


def drop(name: str) -> None:
    """Take it out again, and from being the default. BoxError where it is not there."""
    if name not in table()["boxes"]:
        raise BoxError(f"You have no box named {printable(name, 60)!r}.", "See: lager boxes list")
    with _edited() as document:
        document["boxes"].pop(name, None)
        if document.get("default") == name:
            del document["default"]


def set_default(name: str) -> None:
    """Empty for none."""
    with _edited() as document:
        if name:
            document["default"] = name
        else:
            document.pop("default", None)


@contextlib.contextmanager
def _edited() -> Iterator[Any]:
    """The file as a document that keeps what the user wrote into it; written whole or not at all."""
    import tomlkit

    table()  # or it says what is wrong with it
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    with _alone(file.parent):
        document = tomlkit.parse(utf8(file.read_bytes())) if file.exists() else tomlkit.document()
        yield document
        target = file.resolve()
        fresh = target.with_name(f".{target.name}.new")
        fresh.write_text(tomlkit.dumps(document), encoding="utf-8")
        fresh.replace(target)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Whoever edits at the same time waits for a moment, and then reads what we wrote."""
    import fcntl

    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
