"""Ten thousand valid and invalid messages of every kind leave lagerd unchanged."""

import itertools
import os
import random
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lager.bus.exports import ObjectTree
from lager.bus.transport import fair_queue
from lager.contract import path_of
from lager.errors import LagerError
from tests.client import NAME, Client
from tests.contract import SCRIPTS, SERVED
from tests.hostile import marshal
from tests.hostile.flood import KINDS
from tests.hostile.marshal import CALL, ERROR, NO_REPLY, REPLY, SIGNAL, message
from tests.hostile.raw import Raw
from tests.patterns import search
from tests.processes import LAGER, PATIENCE, Process
from tests.station import Station

INSTRUMENTS = "com.lager.Instruments"
_METHODS = {
    **SERVED,
    **SCRIPTS,
    "org.freedesktop.LogControl1": {"Nothing": ""},
    "org.freedesktop.DBus.Properties": {"Get": "ss", "GetAll": "s", "Set": "ssv"},
    "org.freedesktop.DBus.Introspectable": {"Introspect": ""},
    "org.freedesktop.DBus.Peer": {"Ping": "", "GetMachineId": ""},
}
_PATHS = ("/com/lager/Breakpoints", "/com/lager/Instruments", "/org/freedesktop/LogControl1", "/", "/com", "/x/y")
_SIGNATURES = ("", "s", "sd", "sa{sv}", "a{sv}", "su", "sua{sv}", "ss", "ssv", "h", "v", "as", "ai", "(sv)", "a(ss)",
               "aa{sv}", "ay", "g", "o", "t", "aaaas", "a{s(iv)}")  # fmt: skip
_KEYS = ("id", "label", "file", "line", "timeout", "remaining", "interactive", "net", "name", "wait", "since",
         "on_timeout", "run_id", "input", "question", "kind", "choices", "low", "default", "to", "seconds", "safe",
         "what", "old", "new", "how", "look", "share", "pid", "", "x" * 300)  # fmt: skip
_TEXTS = ("", "0123abcd", "0123", "LogLevel", NAME, "\x1b[2J", "é\n\u202e", "x" * 5000, "../../etc", "psu1")


class Chance:
    """Random values of any type."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, kind: str, depth: int = 0) -> Any:
        rng, first = self.random, kind[0]
        match first:
            case "s":
                return rng.choice(_TEXTS)
            case "o":
                return rng.choice(_PATHS)
            case "g":
                return rng.choice(("", "s", "a{sv}", "h"))
            case "v":
                inner = rng.choice(
                    ("s", "d", "u", "b", "x", "h") if depth > 6 else ("v", "s", "d", "as", "a{sv}", "(sv)")
                )
                return inner, self.value(inner, depth + 1)
            case "d":
                return rng.choice((0.0, -1.0, 0.01, 1e300, float("nan"), float("inf")))
            case "h" | "b":
                return rng.randrange(2)
            case "a" if kind[1] == "{":
                _, value = marshal.types(kind[2:-1])
                return {rng.choice(_KEYS): self.value(value, depth + 1) for _ in range(rng.choice((0, 1, 3, 30)))}
            case "a":
                return [self.value(kind[1:], depth + 1) for _ in range(rng.choice((0, 1, 2) if depth else (0, 2, 500)))]
            case "(":
                return [self.value(one, depth + 1) for one in marshal.types(kind[1:-1])]
        return rng.randrange(100)

    def message(self, serial: int, destination: str) -> tuple[bytes, int]:
        """Some message, and how many descriptors go with it."""
        rng = self.random
        interface, members = rng.choice(list(_METHODS.items()))
        member, own = rng.choice([*members.items(), ("Nothing", "")])
        served = rng.random() < 0.5
        path = path_of(interface) if served else rng.choice(_PATHS)
        signature = own if served else rng.choice(_SIGNATURES)
        fds = 1 if "h" in signature or rng.random() < 0.05 else 0
        body = [self.value(one) for one in marshal.types(signature)]
        return message(
            rng.choices((CALL, SIGNAL, REPLY, ERROR), (20, 2, 1, 1))[0], serial, signature, body,
            order=rng.choice("<<>"), flags=rng.choice((0, 0, NO_REPLY)), destination=destination,
            path=path, interface=interface, member=member, error="com.lager.X",
            reply_to=rng.randrange(1, 50), fds=fds or None,
        ), fds  # fmt: skip


def memory(pid: int) -> int:
    """Bytes that are its own."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty"):
            return int(line.split()[1]) * 1024
    raise AssertionError


def say(station: Station, words: list[tuple[bytes, int]], times: int) -> None:
    """Send everything a number of times, from a new connection each time and whenever the broker hangs up."""
    with open(os.devnull, "rb") as null:
        for _ in range(times):
            raw = Raw(station.address)
            for data, fds in words:
                try:
                    raw.send(data, [null.fileno()] * fds)
                except ConnectionError:
                    raw.close()
                    raw = Raw(station.address)
            raw.close()


@pytest.mark.slow
@pytest.mark.xdist_group("hostile")
def test_ten_thousand_messages_of_any_kind(station: Station, client: Client, unharmed: Callable[[], None]) -> None:
    chance = Chance(1)
    words = [chance.message(n + 2, chance.random.choice((NAME, INSTRUMENTS))) for n in range(1000)]
    say(station, words, 2)
    client.call("ContinueAll")
    before = memory(station.lagerd.pid)
    say(station, words, 8)
    client.call("ContinueAll")
    unharmed()
    assert memory(station.lagerd.pid) - before < 3_000_000


TO: dict[str, Any] = {"destination": NAME, "path": "/com/lager/Breakpoints", "interface": NAME, "member": "Continue"}
BAD: dict[str, Callable[[int], bytes]] = {
    "a length that is too short": lambda s: message(CALL, s, "s", ["0123abcd"], length=3, **TO),
    "a length that is too long": lambda s: message(CALL, s, "s", ["0123abcd"], length=1 << 27, **TO),
    "another signature than the body": lambda s: message(CALL, s, "a{sv}", b"\xff" * 32, **TO),
    "no body for a signature": lambda s: message(CALL, s, "s", b"", **TO),
    "bytes that are no text": lambda s: message(CALL, s, "s", [b"\xff\xfe"], **TO),
    "a text with NUL": lambda s: message(CALL, s, "s", [b"a\0b"], **TO),
    "a deep variant": lambda s: message(CALL, s, "v", [deep(80)], **TO),
    "a signature that is none": lambda s: message(CALL, s, "a", b"\0\0\0\0", **TO),
    "descriptors that are not there": lambda s: message(CALL, s, "h", [5], fds=3, **TO),
    "no member": lambda s: message(CALL, s, **{**TO, "member": None}),
    "a path that is none": lambda s: message(CALL, s, **{**TO, "path": "no/path"}),
    "nothing of the protocol": lambda s: b"GET / HTTP/1.1\r\n\r\n",
    "a kind that is none": lambda s: message(9, s, **TO),
    "a sender of its own": lambda s: message(CALL, s, sender="org.freedesktop.DBus", **TO),
}  # fmt: skip


def deep(levels: int) -> tuple[str, Any]:
    value: tuple[str, Any] = ("s", "deep")
    for _ in range(levels):
        value = ("v", value)
    return value


@pytest.mark.xdist_group("hostile")
@pytest.mark.parametrize("bad", BAD)
def test_bytes_that_are_not_a_message_do_no_harm(raw: Raw, unharmed: Callable[[], None], bad: Any) -> None:
    """The broker answers, hangs up or waits for more; lagerd does not mind."""
    raw.send(BAD[bad](raw.serial()))
    raw.close()
    unharmed()


@pytest.mark.xdist_group("hostile")
def test_a_big_endian_call_is_answered(raw: Raw, client: Client, unharmed: Callable[[], None]) -> None:
    raw.send(message(CALL, raw.serial(), "s", ["0123abcd"], order=">", **TO))
    assert b"com.lager.Error.NoSuchBreakpoint" in next(one for one in raw.received() if one[1] == ERROR)
    unharmed()


@pytest.mark.xdist_group("hostile")
def test_a_variant_of_sixty_levels_is_refused_like_any_other(raw: Raw, unharmed: Callable[[], None]) -> None:
    raw.send(message(CALL, raw.serial(), "a{sv}", [{"id": deep(55)}], **{**TO, "member": "Pause"}))
    assert b"com.lager.Error.InvalidArgument" in next(one for one in raw.received() if one[1] == ERROR)
    unharmed()


@pytest.mark.xdist_group("hostile")
def test_a_script_accepts_a_console_only_from_lagerd(
    station: Station, client: Client, raw: Raw, tmp_path: Path
) -> None:
    """com.lager.Script of a paused script, called by a client that is not lagerd."""
    (tmp_path / "script.py").write_text("import lager\nlager.pause(interactive=True)\n")
    process = Process([LAGER, "python", "script.py"], station.env, tmp_path)
    try:
        pause = client.paused()
        owner = client.call("List")[0]["pid"]
        assert owner == pause["pid"]
        chance, names = Chance(3), client.do(client.bus.names())
        ours, theirs = socket.socketpair()
        for name in [one for one in names if one.startswith(":") and one != raw.name]:
            for _ in range(20):
                data, fds = chance.message(raw.serial(), name)
                raw.send(data, [theirs.fileno()] * fds)
            with pytest.raises(LagerError):
                client.do(client.bus.call(name, "/com/lager/Script", "Attach", "ha{sv}", 0, {"id": pause["id"]},
                                          interface="com.lager.Script", fds=[os.dup(theirs.fileno())]))  # fmt: skip
        ours.close()
        theirs.close()
        client.call("Continue", "s", pause["id"])
        assert process.wait() == 0
    finally:
        process.close()


QUEUED = 200  # all in the socket of lagerd, which takes some 270, with the call of the other behind them


@pytest.mark.xdist_group("hostile")
@pytest.mark.parametrize("kind", ["cheap", "pause", "consoles", "claims"])
def test_a_flood_is_served_after_other_callers(station: Station, client: Client, kind: str) -> None:
    """Many calls arrived before another caller's Continue, and only a few of them are answered before it."""
    answer = client.start(client.bus.call(NAME, TO["path"], "Pause", "a{sv}", {"id": "feed0001"}))
    client.paused()
    client.call("Extend", "sd", "feed0001", 0.0)
    flood = Raw(station.address)
    flood.send(marshal.call(flood.serial(), "org.freedesktop.DBus", "AddMatch", "s", "type='signal',member='Resumed'"))
    try:
        station.lagerd.kill(signal.SIGSTOP)
        flood.send(b"".join(itertools.islice(map(KINDS[kind], itertools.count(3)), QUEUED)))
        flood.ask_broker()
        going_on = client.start(client.bus.call(NAME, TO["path"], "Continue", "s", "feed0001"))
        client.do(client.bus.names())  # the broker has answered, and so has taken the call before
        station.lagerd.kill(signal.SIGCONT)
        assert going_on.result(PATIENCE) == ["feed0001"]
        answered = itertools.takewhile(lambda one: not (one[1] == SIGNAL and b"feed0001" in one), flood.received())
        assert len(list(answered)) < QUEUED / 3
        assert answer.result(PATIENCE) == ["continued"]
    finally:
        station.lagerd.kill(signal.SIGCONT)
        flood.close()
        client.call("ContinueAll")


@pytest.mark.xdist_group("hostile")
def test_a_caller_with_many_pending_calls_gets_no_long_lists(client: Client, raw: Raw) -> None:
    standing = [f"feed{n:04x}" for n in range(101)]
    answers = [client.start(client.bus.call(NAME, TO["path"], "Pause", "a{sv}", {"id": id})) for id in standing]
    for _ in standing:
        client.paused()
    kinds: set[int] = set()
    while kinds != {REPLY, ERROR}:
        raw.socket.sendall(b"".join(KINDS["list"](raw.serial()) for _ in range(200)))
        kinds = {one[1] for one in itertools.islice(raw.received(), 200)}
    assert len(client.list()) == len(standing)
    client.call("ContinueAll")
    assert {answer.result(PATIENCE)[0] for answer in answers} == {"continued"}


@pytest.mark.xdist_group("hostile")
def test_a_caller_with_too_many_pending_calls_is_refused(
    client: Client, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By any of us that answers on the bus: here a client of our own, which is kept busy until all calls are there."""
    monkeypatch.setattr(fair_queue, "_MOST_WAITING", 5)
    client.bus.serve(ObjectTree())
    there = threading.Event()
    client._loop.call_soon_threadsafe(there.wait, PATIENCE)
    fields = {**TO, "destination": client.bus.name}
    raw.send(b"".join(message(CALL, raw.serial(), **fields) for _ in range(50)))
    raw.ask_broker()
    there.set()
    answers = list(itertools.islice((one for one in raw.received() if one[1] == ERROR), 50))
    refused = sum(b"com.lager.Error.TooMany" in one for one in answers)
    assert 0 < refused < 50


@pytest.mark.xdist_group("hostile")
def test_a_call_that_is_too_long_is_refused(raw: Raw, unharmed: Callable[[], None]) -> None:
    raw.send(KINDS["long"](raw.serial()))
    refused = next(one for one in raw.received() if one[1] == ERROR)
    assert b"com.lager.Error.InvalidArgument" in refused
    unharmed()


@pytest.mark.xdist_group("hostile")
def test_a_message_of_32_mb_is_refused_without_being_parsed(
    station: Station, raw: Raw, client: Client, unharmed: Callable[[], None]
) -> None:
    """lagerd refuses it by its header, and uses neither memory nor time for its text."""
    status = Path(f"/proc/{station.lagerd.pid}/status")

    def peak() -> int:
        return int(search(r"VmHWM:\s+(\d+) kB", status.read_text())[1])

    before = peak()
    raw.send(message(CALL, raw.serial(), "s", ["x" * ((1 << 25) - 4096)], **{**TO, "member": "Continue"}))
    assert b"com.lager.Error.InvalidArgument" in next(one for one in raw.received() if one[1] == ERROR)
    assert peak() - before < 8 << 10
    assert client.list() == []
    unharmed()
