"""Names of boxes: what the user's table says, else ssh destinations as ssh itself takes them."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lager.errors import BoxError
from lager.text import printable

COMMAND = "lager"
_WORD = re.compile(r"[A-Za-z0-9_./+~][A-Za-z0-9_./+~-]*")
_ADVICE = "Give a host, user@host, ssh://user@host:port, a name of ~/.ssh/config, or one of: lager boxes"


@dataclass(frozen=True)
class Box:
    """`ssh` is the destination; `command` is what lager is called there."""

    name: str
    ssh: str
    command: str = COMMAND


def find(name: str) -> Box:
    """The box of that name. BoxError where it is no name that ssh may safely be given."""
    check(name)
    entry = table()["boxes"].get(name, {})
    box = Box(name, str(entry.get("ssh", name)), str(entry.get("command", COMMAND)))
    check(box.ssh)
    if not _WORD.fullmatch(box.command):
        raise BoxError(
            f"{printable(box.command, 60)!r} is no name of a command for the box {name}.",
            "Give a path without spaces or quotes, like /opt/lager/bin/lager.",
        )
    return box


def check(name: str) -> None:
    """BoxError for what ssh would take for an option, or a terminal for a command."""
    if not name:
        raise BoxError("The name of the box is empty.", _ADVICE)
    if name.startswith("-") or not name.isprintable() or any(c.isspace() or c in "'\"\\`" for c in name):
        raise BoxError(f"{printable(name, 60)!r} is no name of a box.", _ADVICE)


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
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {"boxes": {}}
    except (OSError, UnicodeDecodeError) as problem:
        raise BoxError(f"{file} cannot be read: {problem}.", "Mend that, or move it away.") from problem
    import tomllib

    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise BoxError(f"{file} is no TOML: {problem}.", "Mend that, or move it away.") from problem
    boxes = found.setdefault("boxes", {})
    if not (isinstance(boxes, dict) and all(isinstance(entry, dict) for entry in boxes.values())):
        raise BoxError(f"{file} has boxes that are no tables.", 'Write each as: [boxes.NAME] and ssh = "user@host"')
    return found
