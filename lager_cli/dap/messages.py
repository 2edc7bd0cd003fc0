"""Messages of the Debug Adapter Protocol: a header with their length, then one JSON object (its overview, "Base
Protocol")."""

import asyncio
import json
import re
from itertools import count
from typing import Any

from lager.errors import LagerError

_LONGEST = 16 << 20
_HEADERS = 20
_LENGTH = re.compile("[0-9]{1,9}")


class Unreadable(LagerError):
    """The received bytes are not a message of the protocol."""


async def read(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Return the next message, None at the end. After an Unreadable, nothing more can be read."""
    length = None
    for _ in range(_HEADERS):
        try:
            line = await reader.readline()
        except ValueError:  # longer than any header
            break
        if not line:
            return None
        name, _, value = line.decode("ascii", "replace").strip().partition(":")
        if not name:
            break
        if name.strip().lower() == "content-length":
            length = int(value) if _LENGTH.fullmatch(value.strip()) else None
    if length is None or length > _LONGEST:
        raise Unreadable("A message has no valid Content-Length.", "Connect an editor that speaks this protocol.")
    try:
        message = json.loads(await reader.readexactly(length))
    except asyncio.IncompleteReadError:
        return None
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise Unreadable("A message is not a JSON object.", "Connect an editor that speaks this protocol.")
    return message


class Editor:
    """Sends to the editor: answers to its requests, and events."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._numbers = count(1)

    def answer(self, request: dict[str, Any], body: dict[str, Any]) -> None:
        self._send({"type": "response", "success": True, "body": body, **_of(request)})

    def refuse(self, request: dict[str, Any], why: str) -> None:
        error = {"id": 1, "format": "{why}", "variables": {"why": why}, "showUser": True}
        self._send({"type": "response", "success": False, "message": why, "body": {"error": error}, **_of(request)})

    def tell(self, event: str, **body: Any) -> None:
        self._send({"type": "event", "event": event, "body": body})

    async def drain(self) -> None:
        await self._writer.drain()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"seq": next(self._numbers), **message}).encode("ascii")
        self._writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


def _of(request: dict[str, Any]) -> dict[str, Any]:
    return {"request_seq": request.get("seq", 0), "command": request.get("command", "")}
