"""Callers of exported objects get exactly one reply and no traceback, and no descriptor is kept."""

import asyncio
import os
from typing import Any
from xml.etree import ElementTree

import pytest

from lager.bus.exports import ObjectTree
from lager.bus.interfaces import LATER, Interface, Method
from lager.bus.received import Call
from lager.errors import BusError, InvalidArgument, NoSuchBreakpoint
from tests.contract import methods

PATH, NAME = "/com/lager/Test", "com.lager.Test"
PROPERTIES = "org.freedesktop.DBus.Properties"


class FakeCall(Call):
    """A call as the bus would hand it over, keeping its answers."""

    def __init__(self, member: str, signature: str = "", *args: Any, interface: str = NAME, path: str = PATH) -> None:
        self.member, self._given_types, self._given = member, signature, list(args)
        self.interface, self.path, self.sender = interface, path, ":1.7"
        self.fds = [os.open(os.devnull, os.O_RDONLY)]
        self.fd = self.fds[0]
        self.answers: list[tuple[Any, ...]] = []

    @property
    def args(self) -> list[Any]:
        return self._given

    @property
    def signature(self) -> str:
        return self._given_types

    def reply(self, signature: str = "", *values: Any, fds: Any = ()) -> None:
        self.answers.append(("reply", signature, *values))

    def refuse(self, name: str, text: str) -> None:
        self.answers.append(("error", name, text))

    def begin(self) -> None:
        pass

    def end(self) -> None:
        pass

    def close_fds(self) -> None:
        for fd in self.fds:
            os.close(fd)
        self.fds = []


def _raise(error: Exception) -> Any:
    raise error


async def _slow(call: Any) -> Any:
    await asyncio.sleep(0)
    return call.args[0]


async def _for_ever(_: Any) -> Any:
    await asyncio.get_running_loop().create_future()


def tree() -> ObjectTree:
    one = ObjectTree()
    methods = {
        "Echo": Method("s", "s", lambda call: (call.args[0],)),
        "Slow": Method("as", "s", _slow),
        "Later": Method("", "", lambda _: LATER),
        "ForEver": Method("", "", _for_ever),
        "Refuses": Method("", "", lambda _: _raise(NoSuchBreakpoint("It is not there.", "Look again."))),
        "Bus": Method("", "", lambda _: _raise(BusError("The bus is gone."))),
        "Breaks": Method("", "", lambda _: _raise(ZeroDivisionError("secret"))),
    }
    written: list[Any] = []
    properties = {"Level": ("s", lambda: "debug"), "Fixed": ("u", lambda: 5)}
    one.add(PATH, Interface(NAME, methods, properties, setters={"Level": written.append}))
    return one


def answer(call: FakeCall) -> tuple[Any, ...]:
    async def dispatch() -> None:
        one = tree()
        one.dispatch(call)
        await asyncio.gather(*one._tasks)

    asyncio.run(dispatch())
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(call.fd)
    [only] = call.answers
    return only


def test_methods_return_their_answers() -> None:
    assert answer(FakeCall("Echo", "s", "x")) == ("reply", "s", "x")
    assert answer(FakeCall("Echo", "s", "x", interface="")) == ("reply", "s", "x")
    assert answer(FakeCall("Slow", "as", ["x"])) == ("reply", "s", "x")


def test_later_sends_no_reply_yet() -> None:
    call = FakeCall("Later")
    with pytest.raises(ValueError, match="not enough values"):
        answer(call)


def test_refusals_reach_the_caller_by_name() -> None:
    kind, name, text = answer(FakeCall("Refuses"))
    assert (kind, name, text) == ("error", "com.lager.Error.NoSuchBreakpoint", "It is not there. Look again.")
    assert answer(FakeCall("Bus"))[1:] == ("com.lager.Error.Failed", "The bus is gone.")


def test_an_internal_error_goes_to_the_log_and_not_to_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    kind, name, text = answer(FakeCall("Breaks"))
    assert (kind, name) == ("error", "com.lager.Error.Failed")
    assert "secret" not in text
    assert "ZeroDivisionError: secret" in caplog.text


@pytest.mark.parametrize("call", [("Echo", ""), ("Echo", "ss", "a", "b"), ("Later", "s", "a"), ("Slow", "s", "a")])
def test_wrong_argument_types_are_refused(call: tuple[str, ...]) -> None:
    assert answer(FakeCall(*call))[1] == "com.lager.Error.InvalidArgument"


def test_unknown_objects_and_members_are_refused() -> None:
    assert answer(FakeCall("Nothing"))[1].endswith("UnknownMethod")
    assert answer(FakeCall("Echo", "s", "x", interface="com.lager.Other"))[1].endswith("UnknownMethod")
    assert answer(FakeCall("Echo", "s", "x", path="/com/lager"))[1].endswith("UnknownObject")
    assert answer(FakeCall("Echo", "s", "x", path="/"))[1].endswith("UnknownObject")


def test_introspection() -> None:
    introspectable = "org.freedesktop.DBus.Introspectable"
    xml = answer(FakeCall("Introspect", interface=introspectable))[2]
    assert methods(xml)[NAME]["Echo"] == "s"
    assert methods(xml)[PROPERTIES]["Set"] == "ssv"
    assert _children(answer(FakeCall("Introspect", interface=introspectable, path="/"))[2]) == ["com"]
    assert _children(answer(FakeCall("Introspect", interface=introspectable, path="/com/lager"))[2]) == ["Test"]
    assert answer(FakeCall("Ping", interface="org.freedesktop.DBus.Peer")) == ("reply", "")


def _children(xml: str) -> list[str]:
    return [node.attrib["name"] for node in ElementTree.fromstring(xml).iter("node") if "name" in node.attrib]


def test_properties() -> None:
    assert answer(FakeCall("Get", "ss", NAME, "Fixed", interface=PROPERTIES)) == ("reply", "v", 5)
    assert answer(FakeCall("GetAll", "s", NAME, interface=PROPERTIES))[2] == {"Level": "debug", "Fixed": 5}
    assert answer(FakeCall("Set", "ssv", NAME, "Level", "info", interface=PROPERTIES)) == ("reply", "")
    for member, signature, *args in (
        ("Set", "ssv", NAME, "Fixed", 6), ("Set", "ssv", NAME, "Nothing", 6), ("Get", "ss", NAME, "Nothing"),
        ("Get", "ss", "com.lager.Other", "Fixed"), ("GetAll", "s", "com.lager.Other"),
    ):  # fmt: skip
        assert answer(FakeCall(member, signature, *args, interface=PROPERTIES))[1] == "com.lager.Error.InvalidArgument"


def test_pending_calls_are_answered_when_the_tree_closes() -> None:
    call = FakeCall("ForEver")

    async def dispatch() -> None:
        one = tree()
        one.dispatch(call)
        await asyncio.sleep(0)
        await one.close()

    asyncio.run(dispatch())
    [(kind, name, text)] = call.answers
    assert (kind, name) == ("error", "com.lager.Error.Failed")
    assert "stopping" in text


def test_a_refusal_has_two_sentences() -> None:
    assert str(InvalidArgument("No.", "Do that.")) == "No. Do that."
    assert str(InvalidArgument("No.")) == "No."
