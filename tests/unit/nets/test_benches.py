"""Drop-ins of the nets file: several benches on one box, each with a name and, if wanted, a group of its own."""

import grp
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lager.errors import AccessDenied, NetsFileError, NoSuchNet
from lager.nets import file
from lager.wording import text_files
from lager_cli.main import cli
from lagerd.callers.bench_groups import BenchGroups
from lagerd.callers.clients import Client
from tests import documents


def nets(name: Any, host: Any = "10.0.0.1", bench: Any = "") -> str:
    return (
        f'{bench}\n[instruments.psu-{name}]\nmodel = "DP821"\naddress = "TCPIP::{host}::INSTR"\n'
        f'[nets.{name}]\ntype = "supply"\ninstrument = "psu-{name}"\nchannel = 1\n'
    )


@pytest.fixture
def box(tmp_path: Path) -> Callable[..., Any]:
    """Write nets.toml and its drop-ins, in any order; return the path of nets.toml."""

    def write(main: Any = "", **drop_ins: Any) -> Path:
        path = tmp_path / "nets.toml"
        if main:
            path.write_text(main)
        for name, text in drop_ins.items():
            (tmp_path / "nets.toml.d").mkdir(exist_ok=True)
            (tmp_path / "nets.toml.d" / f"{name.replace('_', '-')}.toml").write_text(text)
        return path

    return write


def test_each_drop_in_is_a_bench_with_the_name_of_its_file_or_its_own(box: Callable[..., Any]) -> None:
    path = box(
        nets("rail"),
        **{"20_thermal": nets("heat", "10.0.0.2"), "10_audio": nets("amp", "10.0.0.3", '[bench]\nname = "sound"')},
    )
    found = file.load(path)
    assert list(found.nets) == ["rail", "amp", "heat"]
    assert [net.instrument.bench for net in found.nets.values()] == ["", "sound", "thermal"]
    assert [bench.name for bench in found.benches] == ["", "sound", "thermal"]
    assert found.nets["amp"].as_dict()["bench"] == "sound"
    assert found.nets["rail"].as_dict()["bench"] is None
    assert list(found.of_bench("thermal").nets) == ["heat"]
    assert list(found.of_bench("thermal").instruments) == ["psu-heat"]
    with pytest.raises(NetsFileError, match=r"There is no bench 'thermo' .* Did you mean thermal\?"):
        found.of_bench("thermo")


def test_drop_ins_need_no_nets_file(box: Callable[..., Any]) -> None:
    path = box(thermal=nets("heat"))
    assert file.exists(path)
    assert list(file.load(path).nets) == ["heat"]


def test_hidden_files_and_copies_of_an_editor_are_no_drop_ins(box: Callable[..., Any], tmp_path: Path) -> None:
    path = box(nets("rail"), thermal=nets("heat", "10.0.0.2"))
    for name in (".thermal.toml", "thermal.toml~", "thermal.toml.dpkg-old", "README"):
        (tmp_path / "nets.toml.d" / name).write_text("not TOML")
    assert text_files.drop_ins(path) == [str(tmp_path / "nets.toml.d" / "thermal.toml")]
    assert file.load(path).rejected == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[nets.heat", "is not TOML"),
        (nets("heat", "10.0.0.2").replace("DP821", "DP999"), "there is no driver for 'DP999'"),
        (nets("heat", "10.0.0.2", '[bench]\nnam = "x"'), "bench.nam: unknown key (did you mean 'name'?)"),
        (nets("heat", "10.0.0.2", "[bench]\ngroup = 7"), "bench.group: should be one word"),
        (nets("heat", "10.0.0.2", "bench = 3"), "bench: should be a table [bench]"),
        (nets("heat", "10.0.0.2", '[bench]\nname = "a\\nb"'), "bench.name: should be one word"),
    ],
)
def test_an_invalid_drop_in_is_reported_and_does_not_affect_the_others(
    box: Callable[..., Any], text: Any, said: str
) -> None:
    path = box(nets("rail"), **{"10_broken": text, "20_audio": nets("amp", "10.0.0.3")})
    found = file.load(path)
    assert list(found.nets) == ["rail", "amp"]
    (error,) = found.rejected
    assert "10-broken.toml" in str(error)
    assert said in str(error)
    with pytest.raises(NoSuchNet, match=r"10-broken\.toml"):
        found.net("heat")


def test_a_folder_that_cannot_be_listed_is_reported(box: Callable[..., Any], tmp_path: Path) -> None:
    path = box(nets("rail"))
    (tmp_path / "nets.toml.d").symlink_to("nets.toml.d")
    (error,) = file.load(path).rejected
    assert "nets.toml.d" in str(error)
    assert list(file.load(path).nets) == ["rail"]


@pytest.mark.parametrize(
    ("second", "twice"),
    [
        (nets("rail", "10.0.0.9").replace("psu-rail", "psu9"), "the net rail"),
        (nets("heat", "10.0.0.9").replace("psu-heat", "psu-rail"), "the instrument psu-rail"),
        (nets("heat").replace("10.0.0.1::INSTR", "10.0.0.1"), "the instrument at TCPIP::10.0.0.1"),
        (nets("heat", "10.0.0.9", '[bench]\nname = "main"'), "the bench main"),
    ],
)
def test_what_two_files_have_is_one_error_that_names_both(box: Callable[..., Any], second: Any, twice: str) -> None:
    path = box(nets("rail", bench='[bench]\nname = "main"'), second=second)
    found = file.load(path)
    assert list(found.nets) == ["rail"]
    (error,) = found.rejected
    assert error.what == f"The nets file {path}.d/second.toml is not used, because {path} has {twice}, too."


def test_with_nothing_to_use_the_first_mistake_is_raised(box: Callable[..., Any]) -> None:
    with pytest.raises(NetsFileError, match=r"nets\.toml is not TOML"):
        file.load(box("[", second="["))


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of the system, which has no members."""

    def getgrnam(name: Any) -> Any:
        if name != "thermal":
            raise KeyError(name)
        return grp.struct_group(("thermal", "x", 4711, []))

    monkeypatch.setattr(grp, "getgrnam", getgrnam)


ANNA, BEN, ROOT = Client("", 1, "anna", 1, (5, 4711)), Client("", 2, "ben", 1, (5,)), Client("", 0, "root", 1, (0,))


def key_of(path: Any, net: Any) -> str:
    return file.load(path).nets[net].instrument.key


def test_only_members_of_its_group_use_a_bench(box: Callable[..., Any], group: None) -> None:
    path = box(nets("rail"), thermal=nets("heat", "10.0.0.2", '[bench]\ngroup = "thermal"'))
    groups = BenchGroups(str(path))
    heat, rail = key_of(path, "heat"), key_of(path, "rail")
    for client, key in ((ANNA, heat), (ROOT, heat), (ANNA, rail), (BEN, rail), (BEN, "tcpip--unknown")):
        groups.check(client, key)
    with pytest.raises(AccessDenied) as refused:
        groups.check(BEN, heat)
    assert str(refused.value) == (
        f"{heat} belongs to the bench thermal of the group thermal, and ben is not a member. "
        "An administrator can type: sudo adduser ben thermal; then log in again."
    )


def test_a_group_that_does_not_exist_has_no_members(box: Callable[..., Any], group: None) -> None:
    path = box(nets("heat", bench='[bench]\ngroup = "thermla"'))
    with pytest.raises(AccessDenied, match="of the group thermla, which does not exist, and anna is not a member"):
        BenchGroups(str(path)).check(ANNA, key_of(path, "heat"))


def test_a_change_of_the_files_counts_at_once_and_a_mistake_opens_no_bench(
    box: Callable[..., Any], group: None
) -> None:
    path = box(thermal=nets("heat", bench='[bench]\ngroup = "thermal"'))
    groups, heat = BenchGroups(str(path)), key_of(path, "heat")
    for broken in (
        nets("heat", bench='[bench]\ngroup = "thermal"').replace("DP821", "DP999"),  # the group can still be read
        "[bench",  # nothing can be read: as before
        nets("heat", bench="[bench]\ngroup = 7"),
    ):
        box(thermal=broken)
        with pytest.raises(AccessDenied):
            groups.check(BEN, heat)
    box(thermal=nets("heat"))
    groups.check(BEN, heat)
    box(thermal=nets("heat", bench='[bench]\ngroup = "thermal"'))
    with pytest.raises(AccessDenied):
        groups.check(BEN, heat)
    (path.parent / "nets.toml.d" / "thermal.toml").unlink()
    groups.check(BEN, heat)


@pytest.fixture
def lager(box: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    path = box(nets("rail"), thermal=nets("heat", "10.0.0.2"), broken="[")
    monkeypatch.setenv("LAGER_NETS", str(path))
    return lambda *words: CliRunner().invoke(cli, words)


def test_lager_nets_shows_the_benches_and_what_is_not_used(lager: Any) -> None:
    done = lager("nets")
    assert done.exit_code == 0
    head, *rows = [line.split() for line in done.stdout.splitlines()]
    assert head[-1] == "BENCH"
    assert {row[0]: row[-1] for row in rows} == {"rail": "-", "heat": "thermal"}
    assert "broken.toml is not TOML" in done.stderr
    assert [net["bench"] for net in json.loads(lager("nets", "--json").stdout)] == [None, "thermal"]


def test_lager_nets_of_one_bench(lager: Any) -> None:
    done = lager("nets", "--bench", "thermal", "--json")
    assert [net["name"] for net in json.loads(done.stdout)] == ["heat"]
    error = str(lager("nets", "--bench", "audio").exception)
    assert "There is no bench 'audio'" in error
    assert "Its benches: thermal." in error


def test_the_documented_output_is_correct(lager: Any, box: Callable[..., Any]) -> None:
    box(thermal=nets("heater", "10.0.0.2"))
    (step,) = documents.steps("nets.md", "benches")
    done = lager(*step.command.split()[1:])
    step.check(done.exit_code, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("heat", "--address", "TCPIP::10.0.0.7::INSTR"), "The bench thermal has a net heat already."),
        (("new", "--address", "TCPIP::10.0.0.2"), "The instrument at TCPIP::10.0.0.2 belongs to the bench thermal."),
    ],
)
def test_lager_nets_add_knows_the_drop_ins(lager: Any, words: tuple[str, ...], said: str) -> None:
    done = lager("nets", "add", *words, "--type", "supply", "--model", "DP821", "--channel", "1")
    assert said in str(done.exception)
