"""The process that sends messages: the only one that imports apprise.

It reads requests from standard input, a JSON object in a line: `url`, `title` and `body`; without a title it only
checks the URL. It answers each with a line `{"sent": bool, "why": text}`, and ends with its input. Its first line says
that it is ready, since apprise takes a second to import. A server that never answers blocks it alone, and its parent
ends it then.

The URL comes by standard input, so no list of processes shows it. Standard error, where libraries may write URLs, is
discarded.
"""

import json
import logging
import os
import re
import sys
from typing import Any, TextIO
from urllib.parse import unquote

UNKNOWN = "not a URL that apprise knows, or a part of it is missing"
_ERRNO = re.compile(r"\[Errno -?\d+\] ([\w ]+)")
_LONGEST = 200
_HIDDEN = "***"
_SHORTEST = 3  # characters of a part of a URL that is hidden wherever it occurs


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)  # where a plugin may print
    os.dup2(null, 2)
    import apprise

    apprise.Apprise.instantiate("json://localhost")  # which imports every plugin
    _write(answers, {"ready": True})
    for line in sys.stdin:
        _write(answers, _answer(json.loads(line)))
    os._exit(0)  # a thread of a plugin cannot keep the process


def _write(answers: TextIO, value: dict[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _answer(request: dict[str, str]) -> dict[str, Any]:
    said = _Said()
    logger = logging.getLogger("apprise")
    logger.handlers[:] = [said]
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        why = _send(request, said)
    except Exception as error:
        why = type(error).__name__
    return {"sent": not why, "why": why}


def _send(request: dict[str, str], said: "_Said") -> str:
    """Send the message, or check the URL. Return "", or the reason why it failed."""
    import apprise

    service = apprise.Apprise.instantiate(request["url"], suppress_exceptions=True)
    if service is None:
        return UNKNOWN
    if "title" not in request:
        return ""
    one = apprise.Apprise()
    one.add(service)
    sent = one.notify(title=request["title"], body=request["body"], body_format=apprise.NotifyFormat.TEXT)
    return "" if sent else hidden(said.reason(), request["url"])


class _Said(logging.Handler):
    """Keeps the last warning in the log of apprise, and the error of the operating system."""

    def __init__(self) -> None:
        super().__init__()
        self._warning = ""
        self._detail = ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            self._warning = text
        elif text.startswith("Socket Exception: "):
            self._detail = _detail(text.removeprefix("Socket Exception: "))

    def reason(self) -> str:
        return " ".join(f"{self._warning} {self._detail}".split()) or "refused by the service"


def _detail(text: str) -> str:
    """Return the error text of the operating system if it is in the text, because libraries add much text around it."""
    found = _ERRNO.search(text)
    return found[1] if found else text


def hidden(text: str, url: str) -> str:
    """Return at most one line of the text, without any part of the URL."""
    rest = url.partition("://")[2]
    whole = {rest, *re.split(r"[/?#&=@:]", rest)}
    parts = {*whole, *re.split(r"[^A-Za-z0-9]+", rest)}
    parts |= {unquote(part) for part in parts} | {unquote(part.replace("+", " ")) for part in parts}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SHORTEST:
            text = re.sub(re.escape(part), _HIDDEN, text, flags=re.IGNORECASE)
    return text[:_LONGEST]


if __name__ == "__main__":
    main()
