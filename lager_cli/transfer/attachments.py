"""Files that travel with a command: sent before it starts, downloaded after it has ended."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO


@dataclass(frozen=True)
class Attachments:
    """The files on the user's side.

    `order` is JSON for the box. `send` writes the upload into a pipe; `receive` reads the download from one. Each runs
    in a thread of its own. None: no files in that direction.
    """

    order: dict[str, Any] = field(default_factory=dict)
    send: Callable[[BinaryIO], None] | None = None
    receive: Callable[[BinaryIO], None] | None = None
