"""Imports boxes from other programs: the hosts of an Ansible inventory, and of the ssh configuration."""

import glob
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lager.errors import BoxError
from lager.wording import text_files
from lager.wording.text import printable

_PATIENCE = 60.0
_OWN_GROUPS = ("all", "ungrouped", "_meta")


@dataclass
class Inventory:
    """`boxes` are ssh destinations by name; `groups` are names of boxes, or of groups with an @ before them."""

    boxes: dict[str, str] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)


def of_ansible(file: Path) -> Inventory:
    """Read an inventory, or the JSON that `ansible-inventory --list` prints. Blocks while that program runs, for files
    of any other form. Raises BoxError."""
    try:
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
    except (OSError, UnicodeDecodeError) as problem:
        raise BoxError(f"{file} cannot be read: {problem}.", "Name an Ansible inventory.") from None
    found = _parsed(text)
    if found is None or "_meta" not in found:  # an inventory in JSON, which Ansible reads as YAML
        found = _parsed(_listed(file))
    if found is None:
        raise BoxError(f"{file} is not an Ansible inventory.", "Try: ansible-inventory --list -i FILE")
    return _inventory(found)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _listed(file: Path) -> str:
    if not file.exists():
        raise BoxError(f"There is no file {file}.", "Name an Ansible inventory.")
    program = shutil.which("ansible-inventory")
    if program is None:
        hint = "Install Ansible, or give what it prints elsewhere: ansible-inventory --list -i FILE > boxes.json"
        raise BoxError("ansible-inventory is not installed here, and it reads this file.", hint)
    try:
        ran = subprocess.run(
            [program, "--list", "-i", str(file)], capture_output=True, text=True, timeout=_PATIENCE, check=True
        )
    except subprocess.CalledProcessError as problem:
        said = printable(problem.stderr.strip(), 300)
        raise BoxError(f"ansible-inventory cannot read {file}: {said}", "Fix this and try again.") from None
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise BoxError(f"ansible-inventory does not run: {problem}.", "Fix this and try again.") from None
    return ran.stdout


def _inventory(found: dict[str, Any]) -> Inventory:
    variables = _table(_table(found.pop("_meta", None), "_meta").get("hostvars"), "hostvars")
    inventory = Inventory()
    for name, said in found.items():
        group = _table(said, name)
        hosts = _names(group.get("hosts"), name)
        for host in hosts:
            inventory.boxes.setdefault(host, _destination(host, variables.get(host)))
        children = [f"@{child}" for child in _names(group.get("children"), name) if child not in _OWN_GROUPS]
        if name not in _OWN_GROUPS and hosts + children:
            inventory.groups[name] = hosts + children
    for host in variables:
        inventory.boxes.setdefault(host, _destination(host, variables[host]))
    return inventory


def _table(said: Any, name: str) -> dict[str, Any]:
    """Return a table of the inventory; an empty one if it is missing. Raises BoxError if the value is not a table."""
    if said is None or isinstance(said, dict):
        return said or {}
    raise _odd(name)


def _names(said: Any, group: str) -> list[str]:
    if said is None or (isinstance(said, list) and all(isinstance(one, str) for one in said)):
        return said or []
    raise _odd(group)


def _odd(name: str) -> BoxError:
    what = f"'{printable(name, 60)}' in the inventory does not have the form of ansible-inventory --list."
    return BoxError(what, "Try: ansible-inventory --list -i FILE > boxes.json")


def _destination(name: str, variables: Any) -> str:
    known = variables if isinstance(variables, dict) else {}
    host, user, port = (
        known.get(f"ansible_{key}", known.get(f"ansible_ssh_{key}")) for key in ("host", "user", "port")
    )
    shown = str(name if host is None else host)
    if port and ":" in shown and not shown.startswith("["):
        shown = f"[{shown}]"  # an IPv6 address in a URL
    named = f"{user}@{shown}" if user else shown
    return f"ssh://{named}:{port}" if port else named


def of_ssh(file: Path) -> Inventory:
    """Read the names of ssh's configuration, ssh_config(5), that are not patterns, with the files that it includes."""
    if not file.is_file():
        raise BoxError(f"There is no file {file}.", "Name the configuration: lager boxes import --ssh-config FILE")
    return Inventory({name: name for name in _hosts(file, file.parent, set())})


def _hosts(file: Path, base: Path, read: set[Path]) -> Iterator[str]:
    """Yield the names in a file, and in those that it includes; names of files are relative to `base`."""
    if file.resolve() in read:
        return
    read.add(file.resolve())
    try:
        lines = text_files.read(file).splitlines()
    except (OSError, text_files.Unreadable):
        return
    for line in lines:
        key, *values = _words(line)
        if key.lower() == "host":
            yield from (name for name in values if not {*"*?!"} & {*name})
        elif key.lower() == "include":
            for pattern in values:
                for found in sorted(glob.glob(str(base / os.path.expanduser(pattern)))):
                    yield from _hosts(Path(found), base, read)


def _words(line: str) -> list[str]:
    """Return the keyword of a line and its arguments, which may be quoted; an equals sign may stand between."""
    keyword, _, rest = re.sub(r"^\s*(\w+)(\s*=\s*|\s+)", r"\1\n", line).partition("\n")
    try:
        return [keyword, *shlex.split(rest, comments=True)]
    except ValueError:  # a quote without its end, which ssh refuses, too
        return [keyword]
