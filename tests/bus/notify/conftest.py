"""A notifier beside the station's lagerd, and servers that get its messages."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import Starter
from tests.processes import LAGER, Process

HERE = Path(__file__).parent
SECRET = "hunter2secret"


class Receiver:
    """A server in a process of its own."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.port = int(process.out.expect("\n").removeprefix("port "))
        self.url = f"json://anna:{SECRET}@127.0.0.1:{self.port}/{SECRET}"

    def next(self) -> dict[str, Any]:
        """The next message."""
        return dict(json.loads(self.process.out.expect("\n")))

    def all(self) -> list[dict[str, Any]]:
        """End the server; every message that was not taken with `next`."""
        self.process.kill()
        return [json.loads(line) for line in self.process.out.rest().splitlines()]


@pytest.fixture
def receiver(start: Starter) -> Callable[..., Receiver]:
    """Start a web server: what it does with messages, and the port of an earlier one to take."""
    return lambda mode="take", port=0: Receiver(start(sys.executable, str(HERE / "receiver.py"), str(port), mode))


@pytest.fixture
def mail_server(start: Starter) -> Receiver:
    return Receiver(start(sys.executable, str(HERE / "mail_server.py")))


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., str]:
    """Write notify.toml: its URLs and further lines."""

    def write(*urls: str, more: str = "") -> str:
        path = tmp_path / "notify.toml"
        path.write_text(f"urls = {json.dumps(urls)}\n{more}\n")
        return str(path)

    return write


@pytest.fixture
def notifier(start: Callable[..., Process], configured: Callable[..., str]) -> Callable[..., Process]:
    """Start `lager notify --foreground`, and wait until it listens."""

    def begin(*urls: str, more: str = "", **env: str) -> Process:
        process = start(LAGER, "notify", "--foreground", "--config", configured(*urls, more=more), **env)
        process.err.expect("lager: sending to ")
        return process

    return begin
