"""Adds a net at the end of the nets file, and does not change its other lines and comments."""

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lager.errors import NetsFileError
from lager.nets import file as nets_file
from lager.nets.model import Instrument, Nets
from lager.wording import text_files

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def text_of(path: Path) -> str:
    """Return the text of the nets file; "" if there is none yet. Raises NetsFileError."""
    try:
        return text_files.read(path)
    except FileNotFoundError:
        return ""
    except text_files.Unreadable as error:
        raise NetsFileError(f"The nets file {path} cannot be read: {error.reason}.", "Check it.") from None


def instrument_name(nets: Nets, address: str, wanted: str | None, model: str) -> tuple[str, bool]:
    """Return the name of the instrument at this address, and whether it is new.

    Raises NetsFileError if the wanted name belongs to another instrument.
    """
    key = key_of(address)
    for one in nets.instruments.values():
        if one.key == key:
            return one.name, False
    if wanted is not None:
        if wanted in nets.instruments:
            raise NetsFileError(f"{wanted} is another instrument in {nets.path}.", "Give another --instrument.")
        return wanted, True
    base = re.sub(r"[^a-z0-9]+", "", model.lower()) or "instrument"
    return next(name for name in _numbered(base) if name not in nets.instruments), True


def key_of(address: str) -> str:
    """Return the key of the instrument at an address."""
    return Instrument("", "", address).key


def _numbered(base: str) -> "list[str]":
    return [base, *(f"{base}-{number}" for number in range(2, 1000))]


def table(kind: str, name: str, values: Mapping[str, object]) -> str:
    """Return a table in TOML; strings and numbers have the same syntax in JSON."""
    quoted = name if _BARE.fullmatch(name) else json.dumps(name)
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items() if value is not None]
    return "\n".join([f"[{kind}.{quoted}]", *lines]) + "\n"


def append(path: Path, before: str, tables: list[str]) -> None:
    """Write the file with the tables at its end, as a whole or not at all.

    Raises NetsFileError if the result would be invalid, if the file has changed since `before` was read, or if it
    cannot be written; the file is then as it was.
    """
    end = "\r\n" if "\r\n" in before else "\n"
    gap = "" if not before or before.endswith(("\n\n", "\r\n\r\n")) else "\n" if before.endswith("\n") else "\n\n"
    added = gap + "\n".join(tables)
    text = before + added.replace("\n", end)
    try:
        nets_file.parse(text, str(path))
    except NetsFileError as error:
        reasons = [line.strip() for line in error.what.split("\n")[1:] if line.strip()] or [error.what]
        raise NetsFileError(
            f"The net was not added. {'; '.join(reasons).rstrip('.')}.", "Nothing was written."
        ) from None
    if text_of(path) != before:
        raise NetsFileError(f"{path} changed while it was being written.", "Try again.")
    target = Path(os.path.realpath(path))
    try:
        _replace(target, text)
    except OSError as error:
        raise NetsFileError(
            f"{path} cannot be written: {error.strerror}.", "Use sudo, or get write permission."
        ) from None


def _replace(target: Path, text: str) -> None:
    fd, draft = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(fd, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            known = target.stat()
            os.chmod(draft, known.st_mode & 0o7777)
            with contextlib.suppress(PermissionError):
                os.chown(draft, known.st_uid, known.st_gid)
        else:
            os.chmod(draft, 0o644)
        os.replace(draft, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
