"""The calls that open and report a console: who may make them, and with which arguments."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from lager.errors import AccessDenied, InvalidArgument, LagerError, NoSuchBreakpoint, NotInteractive
from tests.bus.console.raw import Raw, left
from tests.client import Client
from tests.fixtures import Command, Starter
from tests.station import Station


def test_which_pause_is_meant(run: Starter, client: Client, lager: Command, paused: dict[str, Any]) -> None:
    assert lager("python", "--console", paused["id"][:5], stdin="local").stdout == "10\n"
    assert lager("python", "--console", paused["run_id"], stdin="local").stdout == "10\n"
    for wrong in ("ffff", "nonsense", "", "../..", "\udcff"):
        done = lager("python", "--console", wrong.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        assert "lager breakpoints" in done.stderr
    with pytest.raises(NoSuchBreakpoint):
        Raw(client, "ffff")


def test_a_pause_without_a_console_says_so(run: Starter, client: Client, lager: Command) -> None:
    run("import lager\nlager.pause()\n")
    id = client.paused()["id"]
    done = lager("python", "--console", id, stdin="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no console. It gets one with pause(interactive=True)" in done.stderr
    with pytest.raises(NotInteractive):
        Raw(client, id)
    client.call("Continue", "s", id)


def test_only_lagerd_attaches(paused: dict[str, Any], client: Client, station: Station) -> None:
    """Another client finds the script's connection by its pid and calls what lagerd would call."""

    async def attach_everywhere() -> list[type[LagerError]]:
        refusals = []
        for name in await client.bus.names():
            if name.startswith(":") and (await client.bus.credentials(name)).get("ProcessID") == paused["pid"]:
                ours, theirs = socket.socketpair()
                try:
                    details = {"id": paused["id"], "console": 1}
                    await client.bus.call(
                        name, "/com/lager/Script", "Attach", "ha{sv}", 0, details,
                        interface="com.lager.Script", fds=[theirs.detach()],
                    )  # fmt: skip
                except LagerError as refused:
                    refusals.append(type(refused))
                with ours:
                    assert ours.recv(1) == b""  # closed, and nothing was said
        return refusals

    assert client.do(attach_everywhere()) == [AccessDenied]


def test_no_other_process_reports_for_the_script(paused: dict[str, Any], client: Client) -> None:
    for member, signature, more in (("Touch", "sua{sv}", ({},)), ("Detach", "su", ())):
        with pytest.raises(AccessDenied):
            client.call(member, signature, paused["id"], 1, *more)


def test_wrong_frames_end_the_console_and_nothing_else(
    paused: dict[str, Any], client: Client, raw: Callable[..., Raw]
) -> None:
    for wrong in (b"\xff\xff\xff\xff", b"\0\0\0\x02[]", b"\0\0\0\x01x", b"GET / HTTP/1.1\r\n\r\n"):
        console = raw(paused["id"])
        console.socket.sendall(wrong)
        assert console.frame() is None
        left(client, paused["id"])
    console = raw(paused["id"])
    console.send(nonsense=1)
    console.send(eval=5)
    assert console.evaluate("local\n") == "10\n"


@pytest.mark.variant
def test_details_of_wrong_types_are_refused(paused: dict[str, Any], client: Client) -> None:
    with pytest.raises(InvalidArgument):
        client.call("OpenConsole", "s", paused["id"])
