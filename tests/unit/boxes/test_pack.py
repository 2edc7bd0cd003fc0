"""The upload of a run's files: which files, under which names, unchanged; and the errors for files that cannot be
sent."""

import io
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lager.errors import TransferError
from lager_cli.transfer.pack import FileSelection
from lager_cli.transfer.unpack import unpack

ODD = [
    "a b", " ", "'", '"', "a\nb", "\n", "-rf", "--", "ü€😀", "\udcff\udc80", "\\", "$HOME", "*", "~", "...", "\x1b[2J",
    "x" * 255, ".hidden", "%s", "#", "!x", "a:b", "\x7f",
]  # fmt: skip
SEGMENT = st.binary(min_size=1, max_size=12).map(lambda name: os.fsdecode(name.translate(None, b"/\0")))
NAME = st.sampled_from(ODD) | SEGMENT.filter(lambda name: name not in ("", ".", "..", ".git", ".gitignore"))
Content = tuple[bytes | int, int] | dict[str, "Content"]  # content and mode of a file, or the files of a folder
TREE = st.recursive(
    st.tuples(st.binary(max_size=1000) | st.integers(0, 1 << 19), st.integers(0, 0o777).map(lambda mode: mode | 0o400)),
    lambda inner: st.dictionaries(NAME, inner, max_size=5),
    max_leaves=12,
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the user who types the command."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The run's folder."""
    folder = tmp_path / "there"
    folder.mkdir(mode=0o700)
    return folder


def sent(*typed: str) -> bytes:
    selection = FileSelection()
    for name in typed:
        selection.add(name)
    return written(selection)


def written(selection: FileSelection) -> bytes:
    stream = io.BytesIO()
    selection.write(stream.write)
    return stream.getvalue()


def tree(folder: Path) -> dict[str, tuple[int, object]]:
    """Everything below: mode and content, or where a link points."""
    found: dict[str, tuple[int, object]] = {}
    for path in folder.rglob("*"):
        about = path.lstat()
        content = path.readlink() if path.is_symlink() else None if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(folder))] = (about.st_mode, content)
    return found


def grow(folder: Path, content: Content) -> None:
    if isinstance(content, dict):
        folder.mkdir()
        for name, below in content.items():
            grow(folder / name, below)
    else:
        data, mode = content
        folder.write_bytes(bytes(data))
        folder.chmod(mode)


@settings(max_examples=30, deadline=None)
@given(content=st.dictionaries(NAME, TREE, max_size=6))
def test_what_arrives_is_what_was_sent(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    folder = tmp_path_factory.mktemp("trees")
    grow(folder / "sent", content)
    (folder / "came").mkdir()
    selection = FileSelection()
    selection.add(str(folder / "sent"))
    unpack(io.BytesIO(written(selection)), str(folder / "came"))
    assert tree(folder / "came" / "sent") == tree(folder / "sent")


def test_modes_times_and_links(here: Path, there: Path) -> None:
    folder = here / "project"
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "data" / "cal.csv").write_text("1,2\n")
    for number, mode in enumerate((0o400, 0o600, 0o644, 0o755, 0o777, 0o711)):
        file = folder / f"file{number}"
        file.write_text(str(number))
        file.chmod(mode)
        os.utime(file, (1e9, 1e9 + number))
    (folder / "data").chmod(0o555)
    (folder / "latest").symlink_to("data/cal.csv")
    (folder / "gone").symlink_to("data/nothing")
    (folder / "all").symlink_to("data")
    unpack(io.BytesIO(sent("project")), str(there))
    assert tree(there / "project") == tree(folder)
    assert [(there / f"project/file{n}").stat().st_mtime for n in range(6)] == [1e9 + n for n in range(6)]
    for path in (folder, there / "project"):
        (path / "data").chmod(0o755)


def test_links_that_only_hold_here_are_made_to_hold_there(here: Path, there: Path) -> None:
    (here / "project" / "data").mkdir(parents=True)
    (here / "project" / "data" / "cal.csv").write_text("1,2\n")
    (here / "project" / "data" / "absolute").symlink_to(here / "project" / "data" / "cal.csv")
    (here / "project" / "around").symlink_to("../project/data/cal.csv")
    os.chdir(here / "project")
    unpack(io.BytesIO(sent(".")), str(there))
    assert (there / "data" / "absolute").readlink() == Path("cal.csv")
    assert (there / "around").readlink() == Path("data/cal.csv")


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "data/../../secret", "loop/../../../etc", "here/../.."])
def test_a_link_that_leads_out_is_refused(here: Path, target: str) -> None:
    (here / "project" / "data").mkdir(parents=True)
    (here / "project" / "here").symlink_to(".")
    (here / "project" / "link").symlink_to(target)
    with pytest.raises(TransferError, match=r"project/link is a link that leads out of the folder, to .*\.gitignore"):
        sent("project")
    (here / "project" / ".gitignore").write_text("link\n")
    sent("project")


def test_no_mode_beyond_the_permissions(here: Path, there: Path) -> None:
    (here / "tool").touch()
    (here / "tool").chmod(0o6755)
    unpack(io.BytesIO(sent("tool")), str(there))
    assert stat.S_IMODE((there / "tool").stat().st_mode) == 0o755


def test_a_file_goes_alone_with_what_is_added(here: Path, there: Path) -> None:
    (here / "tests").mkdir()
    for name in ("tests/test_a.py", "tests/helper.py", "data.csv"):
        (here / name).write_text(name)
    unpack(io.BytesIO(sent("tests/test_a.py", "data.csv")), str(there))
    assert sorted(tree(there)) == ["data.csv", "tests", "tests/test_a.py"]


@pytest.mark.parametrize(
    ("typed", "name", "called"),
    [
        ("test.py", "test.py", None), ("./test.py", "test.py", None), ("sub/../test.py", "test.py", None),
        ("sub/test.py", "sub/test.py", None), ("{here}/sub/test.py", "sub/test.py", "{here}/sub/test.py"),
        ("../other/test.py", "test.py", "../other/test.py"),
        ("{outside}/other/test.py", "test.py", "{outside}/other/test.py"),
        (".", ".", None), ("./", ".", None), ("sub", "sub", None), ("..", "{top}", ".."), ("link.py", "link.py", None),
    ],
)  # fmt: skip
def test_names_on_the_box_and_as_typed(here: Path, typed: str, name: str, called: str | None) -> None:
    (here / "sub").mkdir()
    (here.parent / "other").mkdir()
    for file in (here / "test.py", here / "sub" / "test.py", here.parent / "other" / "test.py"):
        file.touch()
    if typed == "link.py":  # what is named is meant, wherever it is
        (here / "link.py").symlink_to("../other/test.py")
    places = {"here": here, "outside": here.parent, "top": here.parent.name}
    typed, name = typed.format(**places), name.format(**places)
    selection = FileSelection()
    assert selection.add(typed) == name
    assert selection.typed == ({name: called.format(**places)} if called else {})
    assert stat.S_ISDIR(selection.entries[name].stat.st_mode) == Path(typed).is_dir()


def test_two_files_with_one_name_are_refused(here: Path) -> None:
    for folder in ("a", "b"):
        (here.parent / folder).mkdir()
        (here.parent / folder / "cal.csv").touch()
    sent("../a/cal.csv", "../a/cal.csv")
    with pytest.raises(TransferError, match=r"would both be cal\.csv on the box"):
        sent("../a/cal.csv", "../b/cal.csv")


@pytest.mark.parametrize("kind", ["a FIFO", "a socket", "a device"])
def test_a_path_that_is_not_a_file_is_refused(here: Path, kind: str) -> None:
    (here / "project").mkdir()
    path = here / "project" / "odd"
    if kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("project/odd")
    else:
        path = Path("/dev/null")
    with pytest.raises(TransferError, match=f"{path} is {kind}, which cannot be sent"):
        sent("project" if kind != "a device" else "/dev/null")


def test_a_file_that_is_not_there_or_not_readable(here: Path) -> None:
    with pytest.raises(TransferError, match=r"^no\.csv cannot be sent: No such file or directory\. "):
        sent("no.csv")


def vanish(path: Path) -> None:
    path.unlink()


def grow_on(path: Path) -> None:
    path.write_bytes(bytes(11))


def shrink(path: Path) -> None:
    path.write_bytes(b"")


def become_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def change(path: Path) -> None:
    path.write_bytes(b"1" * 10)


@pytest.mark.parametrize("meanwhile", [vanish, grow_on, shrink, become_a_fifo, become_a_link, change])
def test_what_changes_meanwhile_is_not_sent_in_half(here: Path, there: Path, meanwhile: Callable[[Path], None]) -> None:
    (here / "log").write_bytes(bytes(10))
    os.utime(here / "log", (1e9, 1e9))
    selection = FileSelection()
    selection.add("log")
    meanwhile(here / "log")
    stream = io.BytesIO()
    with pytest.raises(
        TransferError, match=f"^{here}/log (changed while it was being sent|cannot be sent: [A-Z].*)\\. "
    ):
        selection.write(stream.write)
    stream.seek(0)
    with pytest.raises(TransferError, match="ended too early"):
        unpack(stream, str(there))


def test_a_file_that_grows_while_it_is_read(here: Path) -> None:
    (here / "log").write_bytes(bytes(1 << 20))
    selection = FileSelection()
    selection.add("log")
    with (here / "log").open("ab", buffering=0) as log, pytest.raises(TransferError, match="changed while it was"):
        selection.write(lambda _: log.write(b"more"))
