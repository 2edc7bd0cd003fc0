"""A client that sets breakpoints on lines. It stays connected while the script runs; its breakpoints end with it."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from lager.console.clients.queued_client import QueuedClient
from lager.errors import Failed
from lager.inspection.side_thread import run_aside
from lager.stepping import engine  # noqa: F401  (watches the lines)
from lager.stepping.line_breaks import table

_SECONDS = 5.0


class LineClient(QueuedClient):
    """`heard` is called with each file and its breakpoints, in words."""

    def __init__(
        self,
        connection: socket.socket,
        hello: dict[str, Any],
        heard: Callable[[str], None],
        left: Callable[[], None],
    ) -> None:
        super().__init__(connection, hello, left)
        self._heard = heard
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, frame: dict[str, Any]) -> None:
        asked = frame.get("breakpoints")
        if type(frame.get("ask")) is int and isinstance(asked, dict):
            task = self._loop.create_task(self._answer(frame["ask"], asked))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def end(self, last: dict[str, Any] | None = None) -> None:
        table.drop(self)
        super().end(last)

    async def _answer(self, number: int, asked: dict[str, Any]) -> None:
        async with self._turn:
            try:
                paths = [str(path) for path in asked["paths"]]
                lines = [one for one in asked["lines"] if isinstance(one, dict)]
                answers = await run_aside(lambda: table.replace(self, paths, lines, self._log), _SECONDS)
            except Failed as problem:  # there can be no thread for it
                told = [{"verified": False, "message": str(problem)} for _ in lines]
                self.tell({"answer": number, "breakpoints": told})
                return
            except Exception:  # the request is not valid, or the file too large
                answers = None
            if self._connection.fileno() < 0:  # it has left meanwhile
                table.drop(self)
                return
            self.tell({"answer": number, "breakpoints": answers})
            if answers and lines:
                self._heard(f"breakpoints in {paths[0]}: {', '.join(map(_in_words, lines))}")

    def _log(self, text: str) -> None:
        self.tell({"log": text})


def _in_words(one: dict[str, Any]) -> str:
    more = [("if", "condition"), ("hits", "hit"), ("print", "log")]
    return " ".join([str(one.get("line")), *(f"{word} {one[key]}" for word, key in more if one.get(key))])
