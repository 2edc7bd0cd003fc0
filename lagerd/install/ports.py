"""The serial ports of the bench: only those that the nets file names."""

import re
from collections.abc import Iterator
from pathlib import Path

from lager.contract import GROUP, NETS_FILE
from lager.errors import NetsFileError
from lager.nets import file

_NETS = NETS_FILE.lstrip("/")
# systemd.unit(5): enabled for good, until the next boot, by a generator (as of a kernel console), and by the vendor
_LOGINS = tuple(
    f"{folder}/*.{kind}/*getty@*.service"
    for folder in ("etc/systemd/system", "run/systemd/system", "run/systemd/generator", "usr/lib/systemd/system")
    for kind in ("wants", "requires")
)
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")
_UNFIT = re.compile(r"[\"|\x00-\x1f\x7f]")  # not possible in a pattern of udev(7)


def rules(root: Path) -> str:
    """Return the udev rules for the ports; none if the nets file is missing or invalid."""
    path = root / _NETS
    try:
        found = file.load(path) if file.exists(path) else None
    except NetsFileError:
        return f"# {path} is invalid, see: lager nets check\n"
    named = sorted({one.resource.path for one in found.instruments.values()}) if found is not None else []
    return "".join(_rules(root, named)) if named else ""


def _rules(root: Path, paths: list[str]) -> Iterator[str]:
    logins = _logins(root)
    for name in sorted(logins):  # first, because a path of the nets file may be a link to such a port
        yield from _each_name(name, 'GOTO="lager_ports_end"')
    for path in paths:
        name = path.removeprefix("/dev/")
        if name == path or _UNFIT.search(name):
            continue
        if name in logins:
            yield f"# {path} is a login console\n"
            continue
        yield from _each_name(name, f'GROUP="{GROUP}", MODE="0660"')


def _each_name(name: str, action: str) -> Iterator[str]:
    """Yield the rules for the port with this name, or with a link of this name."""
    pattern = re.sub(r"([*?\[])", r"[\1]", name)
    for key in ("KERNEL", "SYMLINK"):
        yield f'SUBSYSTEM=="tty", {key}=="{pattern}", {action}\n'


def _logins(root: Path) -> set[str]:
    """Return the names of the ports for which any getty is enabled; systemd escapes them: systemd.unit(5)."""
    links = (link for pattern in _LOGINS for link in root.glob(pattern))
    units = (link.name.partition("@")[2].removesuffix(".service") for link in links)
    names = {_ESCAPED.sub(lambda code: chr(int(code[1], 16)), unit.replace("-", "/")) for unit in units}
    return {name for name in names if name and not _UNFIT.search(name)}
