"""The interface files name every key that the code sends or reads."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lager.daemon import lease_calls
from lager.instruments import lease
from lager.instruments.claims import Guard
from lager.nets import file
from lager_cli.runs.reservation import Reservation
from lagerd.instruments.leases.claim_details import claimant, from_details

UNITS = Path(__file__).parents[3] / "units"


NETS = '[instruments.daq]\nmodel = "T7"\naddress = "h"\n[nets.adc1]\ntype = "adc"\ninstrument = "daq"\nchannel = "AIN0"'


class Asked(dict[str, Any]):
    """Remembers which keys were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.keys_asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.keys_asked.add(key)
        return default

    def __contains__(self, key: object) -> bool:
        self.keys_asked.add(str(key))
        return False


class Calls:
    """Takes the place of lagerd."""

    details: dict[str, Any]

    def leases(self) -> list[dict[str, Any]]:
        return []

    def claim(self, _: str, details: dict[str, Any], __: float) -> int:
        self.details = details
        return -1


def comment_before(interface: str, method: str) -> set[str]:
    """The words of the comment above a method."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    parts = list(ElementTree.parse(UNITS / f"{interface}.xml", parser).getroot().find("interface") or ())
    above = next(parts[at - 1] for at, part in enumerate(parts) if part.get("name") == method)
    return set(re.findall(r"\w+", above.text or ""))


@pytest.fixture
def claimed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    calls = Calls()
    monkeypatch.setattr(lease_calls, "of_this_process", lambda: calls)
    lease.claim(
        "key", net="uart1", path="/dev/ttyS0", guard=Guard(("uart1",), "nets.toml", {"uart1": "a net of type uart"})
    )
    claimed = calls.details
    bench = tmp_path / "nets.toml"
    bench.write_text(NETS)
    Reservation(["adc1"], "run", "test.py", file.load(bench)).claim(0.0)
    return calls.details | claimed


def test_each_key_of_a_claim_is_documented(claimed: dict[str, Any]) -> None:
    asked = Asked()
    from_details("key", asked, owner=":1.1", uid=0, user="root", pid=1)
    claimant(asked)
    assert set(claimed) | {"wait"} == asked.keys_asked
    assert asked.keys_asked <= comment_before("com.lager.Instruments", "Claim")


def test_each_key_of_a_listed_instrument_is_documented() -> None:
    one, _ = from_details("key", {}, owner=":1.1", uid=0, user="root", pid=1)
    own = {"owner", "nets_file", "making_safe", "via", "places"}
    told = set(one.record()) - own | {"waiting", "pauses", "quarantined", "reason"}
    assert told <= comment_before("com.lager.Instruments", "List")
