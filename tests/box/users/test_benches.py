"""Several benches on one box: only members of the group of a bench use its instruments."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.box.container import Box
from tests.box.people import held, stands, start

INSTRUMENT = '[instruments.{0}]\nmodel = "DP821"\naddress = "TCPIP::10.255.255.{1}::INSTR"\n'
NET = '[nets.{0}]\ntype = "supply"\ninstrument = "psu-{0}"\nchannel = 1\n'


@pytest.fixture
def benches(box: Box) -> Iterator[Box]:
    """A bench for everybody, and one for the group thermal, which has alice but not bob."""
    box.run("groupadd", "thermal")
    box.run("gpasswd", "-a", "alice", "thermal")
    box.write("/etc/lager/nets.toml", INSTRUMENT.format("psu-rail", 1) + NET.format("rail"))
    text = INSTRUMENT.format("psu-heat", 2) + NET.format("heat")
    box.write("/etc/lager/nets.toml.d/thermal.toml", f'[bench]\ngroup = "thermal"\n{text}')
    yield box
    box.run("rm", "-rf", "/etc/lager/nets.toml", "/etc/lager/nets.toml.d")
    box.run("groupdel", "thermal")


def keys(box: Box) -> list[str]:
    nets = "from lager.nets import file; print(*(net.instrument.key for net in file.load().nets.values()))"
    return box.run("python", "-c", nets).stdout.split()


def called_by_bob(box: Box, member: Any, *words: Any) -> str:
    name, path = "com.lager.Instruments", "/com/lager/Instruments"
    return box.run("busctl", "call", name, path, name, member, *words, user="bob", check=False).stderr


def test_only_members_of_the_group_of_a_bench_claim_its_instruments(benches: Box) -> None:
    rail, heat = keys(benches)
    refusal = f"{heat} belongs to the bench thermal of the group thermal, and bob is not a member."
    holding = start(benches, "bob", holding=heat)
    with holding[0] as process:
        process.until(refusal)
        assert process.ended() != 0
    assert held(benches) == {}
    assert refusal in called_by_bob(benches, "Clear", "s", heat)
    for user, key in (("alice", heat), ("bob", rail)):
        with (script := stands(start(benches, user, holding=key))).process:
            assert held(benches).keys() == {key}
            if key == heat:
                words = "sssa{sv}", heat, "heat", "voltage", "1", "value", "d", "1"
                assert refusal in called_by_bob(benches, "Through", *words)
            benches.run("lager", "python", "--continue", script.id, user=user)
            script.goes_on()
    assert refusal in benches.run("journalctl", "--unit=lagerd", "--output=cat", "LAGER_EVENT=denied").stdout


def test_the_benches_are_shown_and_checked(benches: Box) -> None:
    said = benches.run("lagerd", "check", check=False).stdout
    assert "OK    bench      alice may use the bench thermal." in said
    assert "OK    nets       /etc/lager/nets.toml is correct, and its drop-ins (1)." in said
    said = benches.run("lagerd", "check-config").stdout
    assert "bench thermal: 1 instrument in /etc/lager/nets.toml.d/thermal.toml, only for the group thermal" in said
    rows = benches.run("lager", "nets", "--bench", "thermal", user="bob").stdout.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["heat"]
