"""What all listeners hear of the pauses of one script, in order."""

from tests.client import Client
from tests.fixtures import Starter

MANY = """
import lager
for n in range(20):
    lager.pause(str(n))
"""


def test_the_end_of_a_pause_is_announced_before_the_next_pause_of_its_script(run: Starter, client: Client) -> None:
    process = run(MANY)
    ids: list[str] = []
    for _ in range(20):
        ids.append(client.paused()["id"])
        assert _ended(client) == ids[:-1]
        client.call("Continue", "s", ids[-1])
    assert client.resumed(ids[-1])[0] == "continued"
    assert _ended(client) == ids[:-1]
    assert process.wait() == 0


def _ended(client: Client) -> list[str]:
    return [signal.args[0] for signal in client.passed if signal.member == "Resumed"]
