"""Wrong use, by people and programs, is refused in a sentence that says what to do; nothing changes, nothing leaks."""

import asyncio
import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from dbus_next import Message, MessageFlag, MessageType, Variant

from lager import build
from lager.bus.facade import Bus
from lager.bus.transport.wire import Incoming, Kind
from lager.errors import (
    AccessDenied,
    AmbiguousId,
    Failed,
    InvalidArgument,
    LagerError,
    NoSuchBreakpoint,
    NotInteractive,
)
from tests.client import NAME, PATH, Client
from tests.fixtures import Command
from tests.processes import LAGER, PATIENCE, Process, descriptors
from tests.station import Station


class Rude(Client):
    """A client that sends any message to any connection."""

    def send(self, member: str | None, signature: str = "", *body: object, **more: object) -> Incoming | None:
        """The answer, whatever it is, to a call of any shape; None to what has none."""
        header = {"destination": NAME, "path": PATH, "interface": NAME} | more
        message = Message(member=member, signature=signature, body=list(body), **header)
        answer: Incoming | None = self.do(self._exchange(message))
        return answer

    def ask(self, member: str, signature: str = "", *body: object, **more: object) -> Incoming:
        answer = self.send(member, signature, *body, **more)
        assert answer is not None
        return answer

    async def _exchange(self, message: Message) -> Incoming | None:
        connection = self.bus._connection
        message.serial = connection.next_serial()
        is_call = message.message_type is MessageType.METHOD_CALL
        if not is_call or message.flags & MessageFlag.NO_REPLY_EXPECTED:
            connection.send(message._marshall(negotiate_unix_fd=True), message.unix_fds)
            return None
        self.bus._pending[message.serial] = answer = asyncio.Future[Incoming](loop=self._loop)
        connection.send(message._marshall(negotiate_unix_fd=True), message.unix_fds)
        return await answer

    def pause(self, id: str, **details: object) -> Any:
        """A pause made by hand; the future of its reason."""
        call = self.bus.call(NAME, PATH, "Pause", "a{sv}", {"id": id, **details}, timeout=None)
        future = self.start(call)
        self.expect("Paused", lambda signal: signal.args[0] == id)
        return future


@pytest.fixture
def rude(station: Station) -> Iterator[Rude]:
    client = Rude(station.address)
    yield client
    client.close()


@pytest.fixture
def unharmed(station: Station, client: Client) -> Callable[[], None]:
    """Check that lagerd answers, with the same pauses and no more descriptors than before."""
    pid = station.lagerd.pid
    while client.list():
        client.expect("Resumed")  # of a script that was ended with the test before
    before = descriptors(pid)[0], [pause["id"] for pause in client.list()]

    def check() -> None:
        pauses = [pause["id"] for pause in client.list()]
        assert (descriptors(pid)[0], pauses) == before
        assert station.lagerd.popen.poll() is None

    return check


def refused(done: "subprocess.CompletedProcess[str]", code: int, text: str) -> None:
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith(("Usage:", "Try "))]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("lager: ") or "-h" in done.stderr, "no hint"


COMMANDS = [
    (1, "No paused script has the id", "--continue", "ffffffff"),
    (1, "No paused script has the id", "--continue", "fff"),
    (1, "No paused script has the id", "--continue", ""),
    (1, "No paused script has the id", "--continue", "%%%" * 1000),
    (1, "not valid UTF-8", "--continue", "\udcff"),
    (1, "No paused script has the id", "--extend", "ffffffff", "5"),
    (1, "No paused script has the id", "--console", "ffffffff"),
    (1, "No script is paused.", "--continue"),
    (2, "No such file or folder: nowhere.py", "nowhere.py"),
    (2, "neither a main.py nor a __main__.py", "."),
    (2, "is not of the form FOO=BAR", "--env", "FOO", "x.py"),
    (2, "is not of the form FOO=BAR", "--env", "=BAR", "x.py"),
    (2, "is not a valid duration", "--timeout", "-1", "x.py"),
    (2, "is not a valid duration", "--timeout", "nan", "x.py"),
    (2, "is not a valid duration", "--timeout", "soon", "x.py"),
    (2, "is not a valid duration", "--extend", "ffffffff", "-1"),
    (2, "is not a valid duration", "--extend", "ffffffff", "nan"),
    (2, "is not a valid duration", "--extend", "ffffffff", "inf"),
    (2, "is not a valid duration", "--extend", "ffffffff", "long"),
    (2, "requires 2 arguments. Try: lager python --help", "--extend", "ffffffff"),
    (2, "is not a valid duration", "--extend", "ffffffff", ""),
    (2, "not several of them", "--continue", "ffffffff", "x.py"),
    (2, "not several of them", "--continue-all", "--console", "ffffffff"),
    (2, "Name a script to run"),
    (2, "-m needs the name of a module after it", "-m"),
    (2, "-c needs code after it", "--env", "A=1", "-c"),
    (2, "No such option", "--resume"),
]


@pytest.mark.parametrize(("code", "text", "arguments"), [(c, t, a) for c, t, *a in COMMANDS])
def test_commands(
    lager: Command, client: Client, unharmed: Callable[[], None], code: Any, text: Any, arguments: Any
) -> None:
    refused(lager("python", *arguments), code, text)
    unharmed()


def test_an_empty_id_does_not_mean_the_only_pause(lager: Command, rude: Rude) -> None:
    pausing = rude.pause("0aaaaaa1")
    refused(lager("python", "--continue", ""), 1, "No paused script has the id")
    assert not pausing.done()
    assert lager("python", "--continue").stdout == "Resumed 0aaaaaa1.\n"
    assert pausing.result(PATIENCE) == ["continued"]


def test_without_an_id_several_pauses_are_ambiguous(lager: Command, rude: Rude) -> None:
    pausing = [rude.pause("abcd0001", label="one"), rude.pause("abcd0002", label="two")]
    done = lager("python", "--continue")
    assert done.returncode == 1
    assert done.stderr == "lager: 2 scripts are paused. Name one of them by its id, or use --continue-all.\n"
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [["abcd0001", "one"], ["abcd0002", "two"]]
    ambiguous = lager("python", "--continue", "abcd")
    refused(ambiguous, 1, "abcd matches 2 ids: abcd0001, abcd0002. Type more characters.")
    refused(lager("python", "--extend", "abcd", "5"), 1, "matches 2 ids")
    refused(lager("python", "--console", "abcd"), 1, "matches 2 ids")
    refused(lager("python", "--console", "abcd0001"), 1, "has no console")
    assert not any(one.done() for one in pausing)
    assert lager("python", "--continue", "ABCD0002").stdout == "Resumed abcd0002.\n"
    assert json.loads(lager("breakpoints", "--json").stdout)[0]["id"] == "abcd0001"
    assert lager("python", "--continue-all").stdout == "Resumed 1 paused script.\n"
    assert lager("python", "--continue-all").stdout == "Nothing was paused.\n"
    assert lager("breakpoints").stdout == "No script is paused.\n"
    assert lager("breakpoints", "--json").stdout == "[]\n"


def variant(signature: str, value: object) -> dict[str, Variant]:
    return {"key": Variant(signature, value)}


CALLS = [
    ("Continue", "", (), "InvalidArgument"),
    ("Continue", "u", (5,), "InvalidArgument"),
    ("Continue", "ss", ("a", "b"), "InvalidArgument"),
    ("Continue", "s", ("nothing like it",), "NoSuchBreakpoint"),
    ("Continue", "s", ("\x1b[2J",), "NoSuchBreakpoint"),
    ("Continue", "s", ("x" * 1_000_000,), "InvalidArgument"),
    ("ContinueAll", "s", ("all",), "InvalidArgument"),
    ("Extend", "sd", ("ffffffff", 1.0), "NoSuchBreakpoint"),
    ("Extend", "si", ("ffffffff", 1), "InvalidArgument"),
    ("List", "as", (["x"] * 100_000,), "InvalidArgument"),
    ("OpenConsole", "sa{sv}", ("ffffffff", {}), "NoSuchBreakpoint"),
    ("OpenConsole", "s", ("ffffffff",), "InvalidArgument"),
    ("Identify", "s", ("god",), "InvalidArgument"),
    ("Identify", "s", ("\x1b[2J",), "InvalidArgument"),
    ("Interrupt", "u", (1,), "InvalidArgument"),
    ("Touch", "su", ("ffffffff", 1), "InvalidArgument"),
    ("Detach", "s", ("ffffffff",), "InvalidArgument"),
    ("Pause", "", (), "InvalidArgument"),
    ("Pause", "a{ss}", ({"id": "ffffffff"},), "InvalidArgument"),
    ("Pause", "a{sv}", ({},), "InvalidArgument"),
    ("Nothing", "", (), "UnknownMethod"),
]
DETAILS = [
    {"id": Variant("s", "")},
    {"id": Variant("s", "ABCDEF01")},
    {"id": Variant("s", "abcdef01\n")},
    {"id": Variant("s", "\x1b" * 100_000)},
    {"id": Variant("u", 5)},
    {"id": Variant("v", Variant("v", Variant("u", 5)))},
    {"label": Variant("ay", b"bytes")},
    {"label": Variant("as", ["x"] * 100_000)},
    {"line": Variant("s", "7")},
    {"line": Variant("d", 7.0)},
    {"line": Variant("b", True)},
    {"line": Variant("x", -1)},
    {"line": Variant("t", 2**64 - 1)},
    {"timeout": Variant("u", 5)},
    {"timeout": Variant("d", -1.0)},
    {"timeout": Variant("d", float("nan"))},
    {"timeout": Variant("d", float("inf"))},
    {"remaining": Variant("d", float("nan"))},
    {"remaining": Variant("s", "5")},
    {"since": Variant("d", float("inf"))},
    {"since": Variant("x", 5)},
    {"interactive": Variant("u", 1)},
    {"run_id": Variant("a{sv}", {})},
]


def is_refusal(answer: Incoming, name: str) -> None:
    assert answer.kind is Kind.ERROR
    assert answer.error.rpartition(".")[2] == name
    [text] = answer.body()
    assert text[-1] in ".:" or ": " in text
    assert len(text) < 500
    assert all(c.isprintable() for c in text)
    assert "Traceback" not in text
    assert "/lagerd/" not in text


def test_calls_with_wrong_arguments_are_refused(rude: Rude, unharmed: Callable[[], None]) -> None:
    for member, signature, body, name in CALLS:
        is_refusal(rude.ask(member, signature, *body), name)
    for details in DETAILS:
        is_refusal(rude.ask("Pause", "a{sv}", {"id": Variant("s", "abcdef01")} | details), "InvalidArgument")
    unharmed()


def test_unknown_objects_and_interfaces_are_refused(rude: Rude, unharmed: Callable[[], None]) -> None:
    is_refusal(rude.ask("List", path="/com/lager/Nothing"), "UnknownObject")
    is_refusal(rude.ask("List", path="/com/lager"), "UnknownObject")
    is_refusal(rude.ask("List", interface="com.lager.Nothing"), "UnknownMethod")
    assert rude.ask("List", interface=None).kind is Kind.METHOD_RETURN
    assert "Breakpoints" in rude.ask("Introspect", path="/com/lager", interface=None).body()[0]
    unharmed()


def test_properties(rude: Rude, unharmed: Callable[[], None]) -> None:
    kind = "org.freedesktop.DBus.Properties"
    assert rude.ask("Get", "ss", NAME, "Count", interface=kind).body()[0] == 0
    assert set(rude.ask("GetAll", "s", NAME, interface=kind).body()[0]) == {
        "Version",
        "DefaultTimeout",
        "MaxRunTimeout",
        "Count",
    }
    assert rude.ask("Get", "ss", NAME, "Version", interface=kind).body()[0] == build.version()
    is_refusal(rude.ask("Get", "ss", NAME, "Nothing", interface=kind), "InvalidArgument")
    is_refusal(rude.ask("Get", "ss", "com.lager.Nothing", "Count", interface=kind), "InvalidArgument")
    is_refusal(rude.ask("GetAll", "s", "com.lager.Nothing", interface=kind), "InvalidArgument")
    for name in ("Count", "Version", "DefaultTimeout"):
        is_refusal(rude.ask("Set", "ssv", NAME, name, Variant("u", 5), interface=kind), "InvalidArgument")
    is_refusal(rude.ask("Set", "ssv", NAME, "Nothing", Variant("u", 5), interface=kind), "InvalidArgument")
    assert rude.ask("Get", "ss", NAME, "Count", interface=kind).body()[0] == 0
    unharmed()


def test_unknown_and_missing_keys_are_accepted(rude: Rude, unharmed: Callable[[], None]) -> None:
    """New keys may be added: an older lagerd passes over what it does not know."""
    big = {f"key{n}": Variant("as", ["x" * 100] * 5) for n in range(100)}
    rude.start(rude._exchange(_pause({"id": Variant("s", "abcdef02"), "nested": _nested(60)} | big)))
    rude.expect("Paused", lambda signal: signal.args[0] == "abcdef02")
    [pause] = rude.list()
    assert (pause["label"], pause["file"], pause["line"], pause["interactive"]) == ("", "", 0, False)
    assert "key1" not in pause
    rude.call("Continue", "s", "abcdef02")
    unharmed()


def _pause(details: dict[str, Variant]) -> Message:
    return Message(
        destination=NAME, path=PATH, interface=NAME, member="Pause", signature="a{sv}", body=[details]
    )  # fmt: skip


def _nested(depth: int) -> Variant:
    value = Variant("u", 1)
    for _ in range(depth):
        value = Variant("v", value)
    return value


def test_unexpected_descriptors_are_closed(rude: Rude, unharmed: Callable[[], None]) -> None:
    bodies: list[tuple[str, list[Any]]] = [("sh", ["ffffffff", 0]), ("h", [0]), ("ah", [list(range(10))])]
    with open(os.devnull) as null, suppress(LagerError):
        for n in range(50):
            fds = [os.dup(null.fileno()) for _ in range(10)]
            signature, body = bodies[n % 3]
            rude.send(["Continue", "Nothing", "Pause"][n % 3], signature, *body, unix_fds=fds)
            more = [os.dup(null.fileno()) for _ in range(10)]
            rude.send("Continue", "h", 0, unix_fds=more, flags=MessageFlag.NO_REPLY_EXPECTED)
            signal = [os.dup(null.fileno())]
            rude.send("Paused", "h", 0, unix_fds=signal, message_type=MessageType.SIGNAL)
            answer = [os.dup(null.fileno())]
            rude.send(
                None, "h", 0, unix_fds=answer, message_type=MessageType.METHOD_RETURN, reply_serial=n + 1, path=None,
                interface=None,
            )  # fmt: skip
    unharmed()


@pytest.mark.variant
def test_a_call_without_a_reply_is_carried_out(rude: Rude, unharmed: Callable[[], None]) -> None:
    quiet = MessageFlag.NO_REPLY_EXPECTED
    for member, signature, body, _ in CALLS:
        rude.send(member, signature, *body, flags=quiet)
    rude.send("Pause", "a{sv}", {"id": Variant("s", "abcdef03")}, flags=quiet)
    rude.expect("Paused", lambda signal: signal.args[0] == "abcdef03")
    rude.send("Continue", "s", "abcdef03", flags=quiet)
    assert rude.resumed("abcdef03")[0] == "continued"
    unharmed()


def test_an_id_in_use_is_refused(rude: Rude, client: Client) -> None:
    pausing = rude.pause("abcdef04", label="the first")
    with pytest.raises(InvalidArgument, match="in use"):
        client.call("Pause", "a{sv}", {"id": "abcdef04", "label": "the second"})
    assert [pause["label"] for pause in client.list()] == ["the first"]
    assert not pausing.done()
    client.call("Continue", "s", "abcdef04")
    assert pausing.result(PATIENCE) == ["continued"]


def test_the_pause_of_another_process_is_refused(rude: Rude, client: Client) -> None:
    known: list[tuple[str, str, list[Any]]] = [
        ("Interrupt", "s", []),
        ("Touch", "sua{sv}", [1, {}]),
        ("Detach", "su", [1]),
    ]
    unknown: list[tuple[str, str, list[Any]]] = [("Touch", "sua{sv}", [99, {"input": 5}]), ("Detach", "su", [99])]
    pausing = rude.pause("abcdef05", timeout=50.0)
    for member, signature, more in known:
        with pytest.raises(AccessDenied):
            client.call(member, signature, "abcdef05", *more)
    assert not pausing.done()
    for member, signature, more in unknown:
        rude.call(member, signature, "abcdef05", *more)
    rude.call("Interrupt", "s", "abcdef05")
    assert pausing.result(PATIENCE) == ["interrupted"]
    for member, signature, more in known:
        rude.call(member, signature, "abcdef05", *more)


def test_a_script_that_takes_no_console_is_reported(rude: Rude, client: Client, unharmed: Callable[[], None]) -> None:
    rude.pause("abcdef06", interactive=True)
    with pytest.raises(Failed, match="There is no object"):
        client.call("OpenConsole", "sa{sv}", "abcdef06", {})
    rude.pause("abcdef07")
    with pytest.raises(NotInteractive):
        client.call("OpenConsole", "sa{sv}", "abcdef07", {})
    assert client.list()[0]["consoles"] == 0
    assert client.call("ContinueAll") == 2
    unharmed()


def test_unexpected_descriptors_of_an_answer_are_closed(
    station: Station, client: Client, unharmed: Callable[[], None]
) -> None:
    """A script of our own make answers Attach with descriptors beside its empty answer."""

    class Leaky:
        def dispatch(self, call: Any) -> None:
            call.close_fds()
            call.reply(fds=[os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_RDONLY)])

    leaky = Rude(station.address)
    leaky.bus.serve(Leaky())
    pausing = leaky.pause("abcdef08", interactive=True)
    for _ in range(5):
        os.close(client.call("OpenConsole", "sa{sv}", "abcdef08", {}))
    client.call("Continue", "s", "abcdef08")
    assert pausing.result(PATIENCE) == ["continued"]
    leaky.close()
    unharmed()


def test_scripts_that_end_while_they_pause_leave_nothing(
    station: Station, client: Client, unharmed: Callable[[], None]
) -> None:
    """However soon its connection ends, no pause without a script remains."""

    async def pause_and_die(n: int) -> None:
        bus = await Bus.connect(station.address)
        for m in range(3):
            bus.post(NAME, PATH, "Pause", "a{sv}", {"id": f"dead{n:03x}{m}", "timeout": 0.0})
        bus.close()

    for n in range(100):
        client.do(pause_and_die(n))
    unharmed()


def test_a_client_that_does_not_speak_dbus_does_no_harm(station: Station, unharmed: Callable[[], None]) -> None:
    path = station.address.removeprefix("unix:path=")
    for words in (b"GET / HTTP/1.0\r\n\r\n", b"\0" * 4096, b"\0AUTH EXTERNAL 30\r\nBEGIN\r\n" + b"l" * 100):
        with socket.socket(socket.AF_UNIX) as rude:
            rude.connect(path)
            with suppress(OSError):
                rude.sendall(words)
    unharmed()


def test_errors_come_back_as_what_they_are(client: Client) -> None:
    with pytest.raises(NoSuchBreakpoint):
        client.call("Continue", "s", "ffffffff")
    with pytest.raises(InvalidArgument):
        client.call("Extend", "s", "ffffffff")
    assert AmbiguousId.exit_code == 1


@pytest.mark.parametrize("words", [[], ["--here"]])
def test_lager_alone_shows_its_help(lager: Command, words: Any) -> None:
    done = lager(*words)
    assert done.returncode == 2
    assert ("\nCommands:\n" in done.stdout, done.stderr == "") == ((True, True) if not words else (False, False))
    assert "Usage: lager" in done.stdout + done.stderr
    assert "Error: Usage" not in done.stdout + done.stderr


@pytest.mark.parametrize("words", ["--help", "breakpoints --json", "nets", "history --json"])
def test_a_reader_that_has_had_enough_ends_a_command_as_sigpipe_does(
    station: Station, bench: Process, words: str
) -> None:
    reading, writing = os.pipe()
    os.close(reading)  # as head(1) does, once it has its lines
    try:
        done = subprocess.run(
            [LAGER, *words.split()],
            env=station.env,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
