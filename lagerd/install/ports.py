"""The serial ports of the bench: only those that the nets file names."""

import re
from collections.abc import Iterator
from pathlib import Path

from lager.errors import NetsFileError
from lager.nets import file

_NETS = "etc/lager/nets.toml"
_LOGINS = "etc/systemd/system/getty.target.wants/serial-getty@{}.service"
_UNFIT = re.compile(r"[\"|\x00-\x1f\x7f]")  # not possible in a pattern of udev(7)


def rules(root: Path) -> str:
    """Return the udev rules for the ports; none if the nets file is missing or invalid."""
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
