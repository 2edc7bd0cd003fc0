"""The serial ports that belong to the bench: those that the nets file names, and no others."""

import re
from collections.abc import Iterator
from pathlib import Path

from lager.errors import NetsFileError
from lager.nets import file

_NETS = "etc/lager/nets.toml"
_LOGINS = "etc/systemd/system/getty.target.wants/serial-getty@{}.service"
_UNFIT = re.compile(r"[\"|\x00-\x1f\x7f]")  # what a pattern of udev(7) cannot have


def rules(root: Path) -> str:
    """A rule of udev for each port. A nets file that is missing or wrong names none."""
    path = root / _NETS
    try:
        found = file.load(path) if path.exists() else None
    except NetsFileError:
        return f"# {path} is invalid, see: lager nets check\n"
    named = sorted({one.resource.path for one in found.instruments.values()}) if found is not None else []
    return "".join(_rules(root, named))


def _rules(root: Path, paths: list[str]) -> Iterator[str]:
    for path in paths:
        name = path.removeprefix("/dev/")
        if name == path or _UNFIT.search(name):
            continue
        if (root / _LOGINS.format(name)).is_symlink():
            yield f"# {path} is a login console\n"
            continue
        pattern = re.sub(r"([*?\[])", r"[\1]", name)
        for key in ("KERNEL", "SYMLINK"):
            yield f'SUBSYSTEM=="tty", {key}=="{pattern}", GROUP="lager", MODE="0660"\n'
