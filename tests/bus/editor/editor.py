"""An editor: the client of the Debug Adapter Protocol, over the pipes of `lager dap`."""

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests import warm
from tests.processes import LAGER, PATIENCE

Message = dict[str, Any]


class Editor:
    def __init__(
        self, env: dict[str, str], cwd: Path, words: Sequence[str] = (), *, command: Sequence[str] = (LAGER, "dap")
    ) -> None:
        self.process = warm.Popen(
            [*command, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd=cwd, start_new_session=True
        )
        self.heard: list[Message] = []
        self._data = b""
        self._seq = 0

    def ask(self, command: str, **arguments: Any) -> Message:
        """Send a request, and return its response."""
        number = self.send(command, **arguments)
        return self.until(lambda m: m["type"] == "response" and m["request_seq"] == number)

    def do(self, command: str, **arguments: Any) -> Message:
        """Return the body of the response, which must be a success."""
        answer = self.ask(command, **arguments)
        assert answer["success"], answer
        body: Message = answer.get("body", {})
        return body

    def send(self, command: str, **arguments: Any) -> int:
        self._seq += 1
        self.raw({"seq": self._seq, "type": "request", "command": command, "arguments": arguments})
        return self._seq

    def raw(self, message: object) -> None:
        body = json.dumps(message).encode()
        self.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def event(self, name: str, fits: Callable[[Message], bool] = lambda _: True) -> Message:
        """Return the body of the next such event; those before it stay in `heard`."""
        told = self.until(lambda m: m["type"] == "event" and m["event"] == name and fits(m.get("body", {})))
        body: Message = told.get("body", {})
        return body

    def until(self, fits: Callable[[Message], bool]) -> Message:
        ends = time.monotonic() + PATIENCE
        while True:
            for at, message in enumerate(self.heard):
                if fits(message):
                    return self.heard.pop(at)
            self._receive(ends)

    def printed(self, category: str) -> str:
        """Return what was printed so far."""
        return "".join(
            m["body"]["output"] for m in self.heard if m.get("event") == "output" and m["body"]["category"] == category
        )

    def _receive(self, ends: float) -> None:
        assert self.process.stdout is not None
        fd = self.process.stdout.fileno()
        assert select.select([fd], [], [], max(ends - time.monotonic(), 0))[0], f"waited in vain: {self.heard}"
        data = os.read(fd, 1 << 16)
        assert data, f"closed after {self.heard}"
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, rest = self._data.partition(b"\r\n\r\n")
            length = int(head.split(b":")[1])
            if len(rest) < length:
                break
            self.heard.append(json.loads(rest[:length]))
            self._data = rest[length:]

    def close(self) -> int:
        """End its input, and return the exit code."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.stdout.close()
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
