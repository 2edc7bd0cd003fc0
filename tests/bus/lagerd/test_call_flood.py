"""A user who calls without end is refused after some time, and can pause and resume as usual soon after."""

import asyncio
from typing import Any

import pytest

from lager.errors import TooMany
from tests.client import NAME, PATH, Client
from tests.fixtures import Starter
from tests.processes import LAGERD
from tests.station import Station


@pytest.mark.parametrize(
    ("member", "signature", "more"), [("Extend", "sd", (1.0,)), ("Continue", "s", ()), ("OpenConsole", "sa{sv}", ({},))]
)
def test_a_flood_of_changing_calls_is_refused_in_the_end(
    run: Starter, client: Client, own_station: Station, member: str, signature: str, more: Any
) -> None:
    own_station.kill_lagerd()
    config = own_station.folder / "lagerd.toml"
    config.write_text("[limits]\ncalls = 5\n")
    own_station._command = (LAGERD, f"--config={config}")
    own_station.start_lagerd()
    process = run("import lager\nlager.pause('real', timeout=0)\n")
    id = client.paused()["id"]
    wanted = "deadbeef" if member == "Continue" else id

    async def flood() -> Any:
        calls = [client.bus.call(NAME, PATH, member, signature, wanted, *more) for _ in range(300)]
        return await asyncio.gather(*calls, return_exceptions=True)

    answers = client.do(flood())
    refused = [answer for answer in answers if isinstance(answer, TooMany)]
    assert 50 < len(refused) <= 210
    assert "makes more than 5 calls a second" in refused[0].what
    assert [pause["id"] for pause in client.list()] == [id]  # what changes nothing is answered
    while True:
        try:
            client.call("Continue", "s", id)
        except TooMany:
            continue
        break
    assert process.wait() == 0
