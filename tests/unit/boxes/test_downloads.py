"""The download of a run's files: which files, under which names, and never outside the folder."""

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lager.errors import TransferError
from lager_cli.transfer.downloads import Receiver, Snapshot, Wanted, refuse_existing


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The run's folder, with what was sent."""
    folder = tmp_path / "there"
    (folder / "data").mkdir(parents=True)
    for name in ("test.py", "data/cal.csv", "data/raw.csv"):
        (folder / name).write_text("sent")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def bring(here: Path, there: Path) -> Callable[..., list[str]]:
    """Let a run do something in its folder, and bring what fits; the sentences about it."""
    snapshot = Snapshot(str(there))

    def run(script: Callable[[Path], object], *patterns: str, overwrite: bool = False) -> list[str]:
        script(there)
        stream = io.BytesIO()
        snapshot.send_changed(Wanted(patterns), stream.write)
        receiver = Receiver(Wanted(patterns), overwrite=overwrite)
        receiver.receive(io.BytesIO(stream.getvalue()))
        return [*receiver.missed, *receiver.problems]

    return run


def write(*names: str) -> Callable[[Path], None]:
    def script(folder: Path) -> None:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"new {name}")

    return script


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


WRITTEN = [
    "a.csv",
    ".hidden.csv",
    "results/b.csv",
    "results/deep/c.csv",
    "results/d.log",
    "x.csv.d/e",
    "a b*.csv",
    "a\nb.csv",
]
SEEN = [name for name in WRITTEN if not name.startswith(".")]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.csv", ["a.csv", "a b*.csv", "a\nb.csv"]),
        ("**/*.csv", ["a.csv", "results/b.csv", "results/deep/c.csv", "a b*.csv", "a\nb.csv"]),
        ("results", ["results/b.csv", "results/deep/c.csv", "results/d.log"]),
        ("results/", ["results/b.csv", "results/deep/c.csv", "results/d.log"]),
        ("./results/*", ["results/b.csv", "results/deep/c.csv", "results/d.log"]),
        ("results/*.csv", ["results/b.csv"]),
        ("results/**", ["results/b.csv", "results/deep/c.csv", "results/d.log"]),
        ("*/*.csv", ["results/b.csv"]),
        ("a b*.csv", ["a b*.csv"]),
        ("a\nb.csv", ["a\nb.csv"]),
        ("[ab].csv", ["a.csv"]),
        (".", SEEN),
        ("**", SEEN),
    ],
)
def test_a_pattern_selects_the_files_to_download(
    here: Path, bring: Callable[..., list[str]], pattern: str, names: Any
) -> None:
    assert bring(write(*WRITTEN, "results/__pycache__/x.pyc"), pattern) == []
    assert below(here) == sorted(filter(None, names))
    for name in filter(None, names):
        assert (here / name).read_text() == f"new {name}"


def rewrite_in_place(folder: Path) -> None:
    """As long as before, and with the time set back: a new file all the same, as an editor writes one."""
    about = (folder / "data/raw.csv").stat()
    (folder / "data/new").write_text("tnes")
    (folder / "data/new").rename(folder / "data/raw.csv")
    os.utime(folder / "data/raw.csv", ns=(about.st_mtime_ns, about.st_mtime_ns))


@pytest.mark.parametrize("script", [write("data/raw.csv"), rewrite_in_place])
def test_what_was_changed_comes_and_what_was_sent_does_not(
    here: Path, bring: Callable[..., list[str]], script: Any
) -> None:
    assert bring(script, "**") == []
    assert below(here) == ["data/raw.csv"]


def test_a_pattern_that_fits_nothing_is_known_and_the_others_come(here: Path, bring: Callable[..., list[str]]) -> None:
    assert bring(write("a.csv"), "*.log", "a.csv", "data/*.csv") == ["*.log", "data/*.csv"]
    assert below(here) == ["a.csv"]


def test_a_file_becomes_executable_only_for_the_user(here: Path, bring: Callable[..., list[str]]) -> None:
    def script(folder: Path) -> None:
        write("tool", "plain")(folder)
        (folder / "tool").chmod(0o777)
        (folder / "plain").chmod(0o444)

    mask = os.umask(0o027)
    bring(script, "*")
    os.umask(mask)
    assert [os.stat(name).st_mode & 0o777 for name in ("tool", "plain")] == [0o640, 0o440]


def test_a_file_that_is_replaced_stays_as_executable_as_it_was(here: Path, bring: Callable[..., list[str]]) -> None:
    (here / "tool").touch(0o755)
    bring(write("tool"), "tool", overwrite=True)
    assert (here / "tool").stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize("pattern", ["*", "**", ".", "sub", "sub/*", "?bash_profile", "[.]bash_profile"])
def test_hidden_files_stay_where_they_are_unless_they_are_named(
    here: Path, bring: Callable[..., list[str]], pattern: str
) -> None:
    bring(write(".bash_profile", "sub/.hidden", ".ssh/rc", "sub/seen", "seen"), pattern)
    assert [name for name in below(here) if "/." in f"/{name}"] == []


@pytest.mark.parametrize("pattern", [".bash_profile", ".bash*", ".*"])
def test_a_hidden_file_that_is_named_comes(here: Path, bring: Callable[..., list[str]], pattern: str) -> None:
    assert bring(write(".bash_profile"), pattern) == []
    assert below(here) == [".bash_profile"]


def test_links_come_as_what_they_point_to_or_not_at_all(here: Path, bring: Callable[..., list[str]]) -> None:
    def script(folder: Path) -> None:
        write("results/run1.csv")(folder)
        (folder / "latest.csv").symlink_to("results/run1.csv")
        (folder / "out.csv").symlink_to("/etc/passwd")
        (folder / "gone.csv").symlink_to("nothing")
        (folder / "folder.csv").symlink_to("results")
        os.mkfifo(folder / "fifo.csv")

    said = bring(script, "*.csv")
    assert below(here) == ["latest.csv"]
    assert (here / "latest.csv").read_text() == "new results/run1.csv"
    assert not (here / "latest.csv").is_symlink()
    assert [line.partition(" ")[0] for line in said] == ["fifo.csv", "folder.csv", "gone.csv", "out.csv"]


def test_an_existing_file_stays_and_the_download_gets_another_name(here: Path, bring: Callable[..., list[str]]) -> None:
    (here / "results").mkdir()
    for name in ("results/a.csv", "results/a.csv.1"):
        (here / name).write_text("mine")
    (here / "b.csv").symlink_to("nowhere")
    said = bring(write("results/a.csv", "b.csv", "c.csv"), "**")
    assert said == [
        "b.csv already exists, so the run's file is b.csv.1. Use --allow-overwrite to replace it.",
        "results/a.csv already exists, so the run's file is results/a.csv.2. Use --allow-overwrite to replace it.",
    ]
    assert below(here) == ["b.csv", "b.csv.1", "c.csv", "results/a.csv", "results/a.csv.1", "results/a.csv.2"]
    assert (here / "results/a.csv").read_text() == (here / "results/a.csv.1").read_text() == "mine"
    assert (here / "results/a.csv.2").read_text() == "new results/a.csv"
    assert os.readlink("b.csv") == "nowhere"


def test_overwriting_when_it_is_allowed(here: Path, bring: Callable[..., list[str]]) -> None:
    (here / "a.csv").write_text("mine")
    (here / "b.csv").symlink_to("a.csv")
    assert bring(write("a.csv", "b.csv"), "*.csv", overwrite=True) == []
    assert [(here / name).read_text() for name in ("a.csv", "b.csv")] == ["new a.csv", "new b.csv"]
    assert not (here / "b.csv").is_symlink()


def test_a_download_never_replaces_a_folder(here: Path, bring: Callable[..., list[str]]) -> None:
    (here / "a.csv").mkdir()
    assert bring(write("a.csv", "b.csv"), "*.csv", overwrite=True) == [
        "a.csv already exists, so the run's file is a.csv.1."
    ]
    assert below(here) == ["a.csv.1", "b.csv"]


def test_what_still_grows_comes_as_it_is(here: Path, there: Path) -> None:
    snapshot = Snapshot(str(there))
    write("log")(there)
    stream = io.BytesIO()

    def pass_on(data: bytes) -> None:
        stream.write(data)
        with (there / "log").open("a") as log:
            log.write("more")

    snapshot.send_changed(Wanted(["log"]), pass_on)
    stream.seek(0)
    Receiver(Wanted(["log"]), overwrite=False).receive(stream)
    assert (here / "log").read_text() == "new log"


def test_a_file_system_without_hard_links(
    here: Path, bring: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    (here / "a.csv").write_text("mine")
    assert len(bring(write("a.csv", "b.csv"), "*.csv")) == 1
    assert [(here / name).read_text() for name in below(here)] == ["mine", "new a.csv", "new b.csv"]


def test_what_is_known_to_be_here_is_refused_before_the_run(here: Path) -> None:
    (here / "a.csv").touch()
    (here / "results").mkdir()
    refuse_existing(Wanted(["*.csv", "results", "b.csv", "a?csv"]))
    with pytest.raises(
        TransferError, match=r"^a\.csv already exists, and --download would replace it\. Move it away, or"
    ):
        refuse_existing(Wanted(["b.csv", "a.csv"]))


@pytest.mark.parametrize("pattern", ["", "/etc/*", "../x", "a/../../b", "..", "results/.."])
def test_a_pattern_that_leads_out_is_refused(pattern: str) -> None:
    with pytest.raises(TransferError, match=r"is outside the run's folder\. Name files relative to the folder"):
        Wanted([pattern])


@given(st.lists(st.text(), max_size=3), st.text())
@example(["."], "")
def test_any_pattern_is_accepted_or_refused(patterns: Sequence[str], name: str) -> None:
    """Either lager refuses it, or it matches at least the pattern."""
    try:
        wanted = Wanted(patterns)
    except TransferError:
        return
    assert wanted.fitting(name) <= {*patterns}
    assert all(pattern in wanted.fitting(pattern) for pattern in patterns)


def test_what_was_sent_and_removed_does_not_stop_the_rest(here: Path, bring: Callable[..., list[str]]) -> None:
    def script(folder: Path) -> None:
        (folder / "test.py").unlink()
        write("a.csv")(folder)

    assert bring(script, "**") == []
    assert below(here) == ["a.csv"]
