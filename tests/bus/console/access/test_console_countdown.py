"""A console in use restarts the countdown of its pause."""

from collections.abc import Callable

import pytest

from tests.bus.console.raw import Raw, left
from tests.client import Client
from tests.fixtures import Starter


def remaining(client: Client, id: str) -> float:
    seconds: float = next(pause["remaining"] for pause in client.list() if pause["id"] == id)
    return seconds


def test_a_line_restarts_the_countdown(run: Starter, client: Client, raw: Callable[..., Raw]) -> None:
    run("import lager\nlager.pause(timeout=3, interactive=True)\n")
    id = client.paused()["id"]
    console = raw(id)
    for _ in range(3):
        # Nothing but time makes the countdown smaller; the line is evaluated by lagerd's clock then.
        console.evaluate("import time; time.sleep(0.3)\n")
        signal = client.expect("Extended", lambda s: s.args[0] == id and s.args[2]["why"] == "console")
        assert signal.args[1] > 2.9
    assert client.resumed(id) == ("timeout", {})
    assert console.frame() is None


@pytest.mark.variant
def test_a_line_never_shortens_what_is_left(run: Starter, client: Client, raw: Callable[..., Raw]) -> None:
    run("import lager\nlager.pause(timeout=30, interactive=True)\n")
    id = client.paused()["id"]
    client.call("Extend", "sd", id, 100.0)
    console = raw(id)
    console.evaluate("1\n")
    console.send(eval="exit()\n")
    left(client, id)
    assert remaining(client, id) > 120
    client.call("Extend", "sd", id, 0.0)
    console = raw(id)
    console.evaluate("1\n")
    console.send(eval="exit()\n")
    left(client, id)
    assert remaining(client, id) == 0
    client.call("Continue", "s", id)


def test_a_forgotten_console_holds_nothing(run: Starter, client: Client, raw: Callable[..., Raw]) -> None:
    run("import lager\nlager.pause(timeout=0, interactive=True)\n")
    id = client.paused()["id"]
    raw(id)
    client.call("Extend", "sd", id, 0.5)
    assert client.resumed(id) == ("timeout", {})
