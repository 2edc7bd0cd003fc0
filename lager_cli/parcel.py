"""What travels beside a command: files that are sent before it starts, and files that come back after it has ended."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO


@dataclass(frozen=True)
class Parcel:
    """The user's side. `order` is JSON that the box's side gets; `send` writes the upload into a pipe, and `receive`
    reads what comes back from one, each in a thread of its own until it returns. None: nothing goes that way.
    """

    order: dict[str, Any] = field(default_factory=dict)
    send: Callable[[BinaryIO], None] | None = None
    receive: Callable[[BinaryIO], None] | None = None


def unpack(order: dict[str, Any], upload: BinaryIO, folder: Path) -> None:
    """The box's side, before the command starts in `folder`, which is empty and private. Raises LagerError."""
    (folder / "upload").write_bytes(upload.read())


def pack(order: dict[str, Any], folder: Path, download: BinaryIO) -> None:
    """The box's side, after the command has ended, and before `folder` is removed. Raises LagerError."""
    for name in sorted(os.listdir(folder)):
        download.write((folder / name).read_bytes())
