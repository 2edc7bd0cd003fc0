"""What travels beside a command: files that are sent before it starts, and files that come back after it has ended."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO


@dataclass(frozen=True)
class Parcel:
    """The user's side. `order` is JSON that the box's side gets; `send` writes the upload into a pipe, and `receive`
    reads what comes back from one, each in a thread of its own until it returns. None: nothing goes that way.
    """

    order: dict[str, Any] = field(default_factory=dict)
    send: Callable[[BinaryIO], None] | None = None
    receive: Callable[[BinaryIO], None] | None = None
