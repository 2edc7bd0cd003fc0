"""The benches of this box that belong to a group of users: only its members may claim and set their instruments.

The nets files are read again when one of them has changed. They belong to root, so they apply to all users. The
readable part of a file with a mistake still applies, so that a mistake does not open a bench.
"""

import grp
import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

from lager.errors import AccessDenied
from lager.nets import benches, resource
from lager.nets.benches import NamedBench
from lager.wording import text_files
from lager.wording.text import printable
from lagerd.callers.clients import Client

_log = logging.getLogger("lagerd")

_Stamp = tuple[str, int, int, int]


class BenchGroups:
    """`path` is the nets file of the box; its drop-ins belong to it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._stamps: list[_Stamp] | None = None
        self._by_file: dict[str, dict[str, NamedBench]] = {}

    def check(self, client: Client, key: str) -> None:
        """Raise AccessDenied unless `client` may claim and set the instrument with this key."""
        self._refresh()
        found = next((its[key] for its in self._by_file.values() if key in its), None)
        if found is None or not found.group or client.uid == 0:
            return
        gid = _gid(found.group)
        if gid is not None and gid in client.gids:
            return
        bench = f"the bench {printable(found.name, 64)}" if found.name else "a bench"
        missing = "" if gid is not None else ", which does not exist"
        what = f"{printable(key, 100)} belongs to {bench} of the group {printable(found.group, 64)}{missing}"
        advice = f"sudo adduser {client.user} {printable(found.group, 64)}"
        raise AccessDenied(
            f"{what}, and {client.user} is not a member.", f"An administrator can type: {advice}; then log in again."
        )

    def _refresh(self) -> None:
        files = [self._path, *text_files.drop_ins(self._path)]
        stamps = list(_stamps(files))
        if stamps == self._stamps:
            return
        self._stamps = stamps
        self._by_file = {file: its for file in files if (its := self._read(file)) is not None}

    def _read(self, file: str) -> dict[str, NamedBench] | None:
        """Return the bench of each instrument in a file; the previous result if the file cannot be read."""
        try:
            document = text_files.toml(text_files.read(file))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (text_files.Unreadable, ValueError) as error:
            _log.error("%s cannot be read, and its group of users remains as it was: %s", file, error)
            return self._by_file.get(file)
        bench = benches.read(document, file)
        return dict.fromkeys(_keys(document), bench)


def _stamps(files: list[str]) -> Iterator[_Stamp]:
    for file in files:
        try:
            found = os.stat(file)
        except OSError:
            yield file, 0, 0, 0
        else:
            yield file, found.st_mtime_ns, found.st_size, found.st_ino


def _keys(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of the instruments with a valid address in a nets file."""
    tables = document.get("instruments", {})
    for table in tables.values() if isinstance(tables, dict) else ():
        address = table.get("address") if isinstance(table, dict) else None
        if isinstance(address, str):
            try:
                yield resource.parse(address.strip()).key
            except ValueError:
                continue


def _gid(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid
    except (KeyError, ValueError):
        return None
