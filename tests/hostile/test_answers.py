"""Invalid answers, and calls that come faster than they are served."""

import asyncio
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lager.bus.exports import ObjectTree
from lager.bus.interfaces import Interface, Method, Outcome
from lager.bus.received import Call, Signal
from lager.errors import Failed
from tests.client import NAME, PATH, Client
from tests.hostile.marshal import CALL, REPLY, SIGNAL, message
from tests.hostile.raw import Raw
from tests.processes import PATIENCE
from tests.station import Station

SCRIPT = "com.lager.Script"
ANSWERS = {
    "too much": ("s", "x" * (5 << 20), "The answer is too long: "),
    "of another type": ("aa{sv}", [{}] * 1000, "is of type 'aa{sv}', not 's'"),
    "of more values": ("ss", "x", "is of type 'ss', not 's'"),
}


@pytest.mark.xdist_group("hostile")
@pytest.mark.parametrize("kind", ANSWERS)
def test_an_invalid_answer_of_a_script_is_one_sentence(
    station: Station, client: Client, unharmed: Callable[[], None], kind: str
) -> None:
    signature, value, why = ANSWERS[kind]
    script = Client(station.address)
    try:
        answer = (value,) * (2 if signature == "ss" else 1)
        tree = ObjectTree()
        tree.add("/com/lager/Script", Interface(SCRIPT, {"Inspect": Method("a{sv}", signature, lambda _: answer)}))
        script.bus.serve(tree)
        pausing = script.start(script.bus.call(NAME, PATH, "Pause", "a{sv}", {"id": "feed0002"}))
        client.paused()
        with pytest.raises(Failed, match=why):
            client.call("Inspect", "sa{sv}", "feed0002", {})
        client.call("Continue", "s", "feed0002")
        assert pausing.result(PATIENCE) == ["continued"]
    finally:
        script.close()
    unharmed()


@pytest.mark.xdist_group("hostile")
def test_only_a_few_calls_of_one_caller_run_at_a_time(station: Station, client: Client, raw: Raw) -> None:
    """Of those that take a while; another's is done beside them, and all are in the end."""
    begun, most, going_on = [], threading.Semaphore(0), asyncio.Event()

    async def slow(call: Call) -> Outcome:
        begun.append(call.sender)
        most.release()
        await going_on.wait()
        return ()

    async def serve() -> None:
        tree = ObjectTree()
        tree.add(PATH, Interface(NAME, {"Slow": Method("", "", slow)}))
        client.bus.serve(tree)

    client.do(serve())
    fields: dict[str, Any] = {"destination": client.bus.name, "path": PATH, "interface": NAME, "member": "Slow"}
    raw.send(b"".join(message(CALL, raw.serial(), **fields) for _ in range(100)))
    raw.ask_broker()
    other = Client(station.address)
    try:
        done = other.start(other.bus.call(client.bus.name, PATH, "Slow", interface=NAME))
        while other.bus.name not in begun:
            assert most.acquire(timeout=PATIENCE)
        assert begun.count(raw.name) < 20
        client._loop.call_soon_threadsafe(going_on.set)
        assert done.result(PATIENCE) == []
        answers = (one for one in raw.received() if one[1] == REPLY)
        assert len([next(answers) for _ in range(100)]) == 100
    finally:
        other.close()


@pytest.mark.xdist_group("hostile")
def test_an_answer_arrives_beside_a_flood_of_signals(client: Client, raw: Raw) -> None:
    """A flood of pauses sends as many signals to a listener; the answer is queued behind them."""
    heard: list[Signal] = []

    async def listen() -> str:
        client.bus.listen("Noise", heard.append, of=raw.name)
        await client.bus.add_match(f"type='signal',sender='{raw.name}'")
        return client.bus.name

    name = client.do(listen())
    raw.socket.settimeout(None)
    fields: dict[str, Any] = {"path": PATH, "interface": NAME, "member": "Noise"}
    noise = b"".join(message(SIGNAL, serial + 2, **fields) for serial in range(20_000))
    asked = client.start(client.bus.call(raw.name, PATH, "Answer", interface=NAME, timeout=None))
    serial = struct.unpack_from("<I", next(one for one in raw.received() if one[1] == CALL), 8)[0]
    raw.send(noise + message(REPLY, 30_000, reply_to=serial, destination=name))
    assert asked.result(PATIENCE) == []
    assert len(heard) == 20_000
