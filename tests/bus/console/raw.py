"""A raw console: frames on the socket that OpenConsole returns, and a script to open it in."""

import socket
from typing import Any

from lager.console.protocol import MessageDecoder, encode
from tests.client import Client
from tests.processes import PATIENCE

SCRIPT = """
import lager, sys
limit = 3
readings = {"adc1": 1.25}
def work():
    local = 10
    lager.pause(interactive=True, timeout=60)
    print("limit", limit, "local", local)
work()
print(input() if len(sys.argv) > 1 else "went on")
"""


class Raw:
    """A console's socket, with nothing in between."""

    def __init__(self, client: Client, id: str) -> None:
        fd = client.do(
            client.bus.call("com.lager.Breakpoints", "/com/lager/Breakpoints", "OpenConsole", "sa{sv}", id, {})
        )[0]
        self.socket = socket.socket(fileno=fd)
        self.socket.settimeout(PATIENCE)
        self._decoder = MessageDecoder()
        self._frames: list[dict[str, Any]] = []

    def send(self, **message: Any) -> None:
        self.socket.sendall(encode(message))

    def frame(self) -> dict[str, Any] | None:
        while not self._frames:
            data = self.socket.recv(1 << 16)
            if not data:
                return None
            self._frames = self._decoder.feed(data)
        return self._frames.pop(0)

    def until(self, key: str) -> tuple[str, Any]:
        """All that was printed, and the value of the first frame with `key`."""
        printed = ""
        while (frame := self.frame()) is not None:
            if key in frame:
                return printed, frame[key]
            printed += frame.get("out", "") + frame.get("err", "")
        raise AssertionError(f"closed after {printed!r}")

    def evaluate(self, source: str) -> str:
        self.send(eval=source)
        return self.until("done")[0]

    def close(self) -> None:
        self.socket.close()


def consoles(client: Client, id: str) -> int:
    count: int = next(pause["consoles"] for pause in client.list() if pause["id"] == id)
    return count


def left(client: Client, id: str) -> None:
    """Wait until a console of `id` has left."""
    client.expect("Extended", lambda s: s.args[0] == id and s.args[2]["why"] == "detached")
