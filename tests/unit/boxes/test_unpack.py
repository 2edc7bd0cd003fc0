"""Streams that another machine forged: whatever is in them, nothing is touched outside of the folder."""

import contextlib
import io
import os
import resource
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lager.errors import TransferError
from lager_cli.transfer.downloads import Receiver, Wanted
from lager_cli.transfer.unpack import unpack

KINDS = [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]
KINDS += [tarfile.FIFOTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, tarfile.XHDTYPE, tarfile.XGLTYPE, b"?"]
OUTSIDE = ["/etc/lager-test", "../outside", "a/../../outside", "..", ".", "", "a//b", "./a", "a/.", "/", "a/../b"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is written to, which is also the current folder; all around it must stay as it is."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "precious").write_text("mine")
    monkeypatch.chdir(tmp_path / "folder")
    return tmp_path / "folder"


@pytest.fixture(autouse=True)
def nothing_outside(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    yield
    assert sorted(path.name for path in tmp_path.iterdir()) in (["folder", "precious"], [])
    if (tmp_path / "precious").exists():
        assert (tmp_path / "precious").read_text() == "mine"


def member(name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", link: str = "", mode: int = 0o644) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode = kind, len(data), link, mode
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape") + data + bytes(-len(data) % 512)


def stream(*members: bytes) -> io.BytesIO:
    return io.BytesIO(b"".join(members) + bytes(1024))


def bring(*members: bytes, patterns: tuple[str, ...] = ("**",), overwrite: bool = False) -> list[str]:
    receiver = Receiver(Wanted(patterns), overwrite=overwrite)
    receiver.receive(stream(*members))
    return receiver.problems


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_lead_out_of_the_folder_are_refused(folder: Path, name: str) -> None:
    for kind in (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE):
        with pytest.raises(TransferError, match=r"refused|damaged"):
            unpack(stream(member(name, kind, link="x")), str(folder))
    with pytest.raises(TransferError, match=r"refused|not requested"):
        bring(member(name, data=b"evil"))


@pytest.mark.parametrize("target", ["..", "/", "../precious", "x/../../precious", "self/../.."])
def test_a_file_through_a_received_link_is_refused(folder: Path, target: str) -> None:
    linked = (member("self", tarfile.SYMTYPE, link="."), member("link", tarfile.SYMTYPE, link=target))
    with pytest.raises(TransferError, match=r"^link/precious cannot be written on the box: part of its path"):
        unpack(stream(*linked, member("link/precious", data=b"evil")), str(folder))


def test_a_link_and_then_a_file_of_its_name(folder: Path) -> None:
    with pytest.raises(TransferError, match="link cannot be written on the box: File exists"):
        unpack(stream(member("link", tarfile.SYMTYPE, link="../precious"), member("link", data=b"evil")), str(folder))


@pytest.mark.parametrize("target", ["..", "/etc/passwd", "up/../precious", "up"])
def test_no_link_that_leads_out_is_left_to_a_run(folder: Path, target: str) -> None:
    members = [member("up", tarfile.SYMTYPE, link="deep/er"), member("deep/er", tarfile.SYMTYPE, link="../..")]
    with pytest.raises(TransferError, match="is a link that leads out of the folder, and was refused"):
        unpack(stream(*members, member("x", tarfile.SYMTYPE, link=target)), str(folder))


@pytest.mark.parametrize("kind", KINDS[3:])
def test_devices_and_the_like(folder: Path, kind: Any) -> None:
    with pytest.raises(TransferError, match=r"refused|damaged"):
        unpack(stream(member("odd", kind)), str(folder))
    assert not os.path.lexists("odd")


def test_a_download_that_is_not_a_file_is_skipped(folder: Path) -> None:
    assert bring(member("link", tarfile.SYMTYPE, link="/etc/passwd"), member("fifo", tarfile.FIFOTYPE)) == [
        "link is not a readable file in the run's folder and was not downloaded.",
        "fifo is not a readable file in the run's folder and was not downloaded.",
    ]
    assert os.listdir() == []


def test_no_mode_beyond_the_permissions(folder: Path) -> None:
    unpack(stream(member("tool", mode=0o7777)), str(folder))
    bring(member("brought", mode=0o7777), member("closed", mode=0))
    assert [os.stat(name).st_mode & 0o7022 for name in ("tool", "brought", "closed")] == [0o022, 0, 0]


def test_a_file_that_was_not_requested_is_refused(folder: Path) -> None:
    with pytest.raises(
        TransferError, match=r"The box sent '\.bashrc', which was not requested\. Do not trust that box"
    ):
        bring(member("a.csv"), member(".bashrc", data=b"evil"), patterns=("*.csv", "results"))
    assert os.listdir() == ["a.csv"]


def test_links_in_the_current_folder_are_not_followed(folder: Path) -> None:
    (folder / "out").symlink_to("..")
    (folder / "file").symlink_to("../precious")
    said = "out/precious cannot be written: part of its path is a link or a file. Fix this and try again."
    members = [member("out/precious", data=b"evil" * 200_000), member("file", data=b"new")]
    assert bring(*members, overwrite=True) == [said]
    assert not (folder / "file").is_symlink()


def test_a_huge_name_and_a_deep_one(folder: Path) -> None:
    assert "cannot be written: File name too long. " in bring(member("x" * 3000))[0]
    with pytest.raises(TransferError, match="damaged"):
        bring(member("x/" * 5000 + "y"))
    bring(member("d/" * 400 + "y"))
    assert os.path.isfile("d/" * 400 + "y")


def test_a_header_that_lies_costs_no_memory(folder: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.REGTYPE):
        info = tarfile.TarInfo("name")
        info.type, info.size = kind, 1 << 40
        with pytest.raises(TransferError):
            unpack(io.BytesIO(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)), str(folder))
        (folder / "name").unlink(missing_ok=True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000


@pytest.mark.parametrize("cut", [0, 100, 511, 512, 700, 1024, 1536, 2000])
def test_a_stream_that_is_cut_leaves_no_part(folder: Path, cut: int) -> None:
    whole = stream(member("a", data=b"a" * 600), member("b", data=b"b" * 600)).getvalue()
    with pytest.raises(TransferError, match="ended too early"):
        Receiver(Wanted(["**"]), overwrite=False).receive(io.BytesIO(whole[:cut]))
    assert os.listdir() == (["a"] if cut >= 1536 else [])


MEMBER = st.builds(
    member,
    st.sampled_from([*OUTSIDE, "a", "b", "a/b", "a/b/c", "x" * 150, "link/a"]) | st.text(max_size=20),
    st.sampled_from(KINDS),
    st.binary(max_size=600),
    st.sampled_from(["..", "../precious", "/etc", "a", "a/../..", "b/c", "link"]) | st.text(max_size=10),
    st.integers(0, 0o7777),
)


@given(
    st.lists(MEMBER | st.binary(max_size=600), max_size=6).map(b"".join), st.integers(0, 3000), st.binary(max_size=3)
)
def test_any_stream_writes_only_into_the_folder(
    tmp_path_factory: pytest.TempPathFactory, data: Any, at: Any, some: Any
) -> None:
    """Forged members, with some bytes of them changed: a lager error or none, and nothing is written outside."""
    forged = data[:at] + some + data[at + len(some) :] + bytes(1024)
    top = tmp_path_factory.mktemp("any")
    (top / "precious").write_text("mine")
    for into in ("uploaded", "downloaded"):
        (top / into).mkdir()
        with contextlib.suppress(TransferError), contextlib.chdir(top / into):
            if into == "uploaded":
                unpack(io.BytesIO(forged), ".")
            else:
                Receiver(Wanted(["**"]), overwrite=True).receive(io.BytesIO(forged))
    assert sorted(os.listdir(top)) == ["downloaded", "precious", "uploaded"]
    assert (top / "precious").read_text() == "mine"
    assert not [path for path in (top / "downloaded").rglob("*") if path.is_symlink()]
