"""The rules of .gitignore, as git itself has them."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lager_cli.transfer.pack import FileSelection

TREE = [
    "a/a/x.py", "a/b/y.log", "a/ab", "a/.h", "b/a/b/a", "b/x.py", "b/ab/y.log", "ab/a_b", "ab/ab", "x.py", "y.log",
    "-d",
]  # fmt: skip
PATTERNS = [
    "a", "b", "a/", "/a", "a/b", "!a/b", "**/b", "a/**", "a/**/b", "!a", "!a/", "*.py", "!*.py", "*.log", "!*/",
    "*/", "*", "[ab]", "[!a]", "?", "/*", "!/a", ".h", "a*", "**/", "!**/", "a/*", "!a/*", "#", "#a", "\\#a",
    "\\!a", "!b/", "b/", "ab/*", "!ab/a*", "**a", "a**", "/**/b", "[a-b]*", "a[", "ab\\", "a\\", "!", "/", "//",
    "a\\b", "**/a/b", "a/b/", "!a/b/", "!.gitignore", "-d",
]  # fmt: skip
RULES = st.lists(st.sampled_from(PATTERNS), max_size=5).map("\n".join)


def sent(folder: Path) -> list[str]:
    selection = FileSelection()
    selection.add(str(folder))
    below = [os.path.relpath(entry.local, folder.resolve()) for entry in selection.entries.values()]
    return sorted(name for name in below if not (folder / name).is_dir())


def kept_by_git(folder: Path, *below: str) -> list[str]:
    command = ["git", "ls-files", "-co", "-z", "--exclude-per-directory=.gitignore", "--", *below]
    out = subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout
    return sorted(map(os.fsdecode, filter(None, out.split(b"\0"))))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    for name in TREE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


@given(st.tuples(RULES, RULES, RULES))
def test_what_git_keeps_is_what_is_sent(repository: Any, rules: Any) -> None:
    for where, text in zip((".", "a", "b/a"), rules, strict=True):
        (repository / where / ".gitignore").write_bytes(text.encode())
    assert sent(repository) == kept_by_git(repository)


def test_the_rules_above_a_folder_hold_up_to_the_top_of_its_repository(repository: Path) -> None:
    for where, text in ((".", "*.py\n/a/ab\n"), ("a", ".h"), ("b/a", "")):
        (repository / where / ".gitignore").write_text(text)
    (repository.parent / ".gitignore").write_text("*\n")  # of another
    assert [f"a/{name}" for name in sent(repository / "a")] == kept_by_git(repository, "a")
    assert sent(repository / "a") == [".gitignore", "b/y.log"]


def test_an_ignored_folder_goes_when_it_is_named(repository: Path) -> None:
    (repository / ".gitignore").write_text("b/\n")
    (repository / "b/a/.gitignore").write_text("")
    assert sent(repository / "b" / "a") == [".gitignore", "b/a"]


def test_git_itself_is_never_sent(repository: Path) -> None:
    (repository / ".gitignore").write_text("!.git\n")
    assert not [name for name in sent(repository) if name.startswith(".git/")]


def test_a_folder_without_a_repository_is_sent_completely(tmp_path: Path) -> None:
    (tmp_path / "x.py").touch()
    assert sent(tmp_path) == ["x.py"]


def test_a_file_of_a_windows_editor(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbf*.log\r\n\xff\r\n")
    (tmp_path / "y.log").touch()
    (tmp_path / os.fsdecode(b"\xff")).touch()
    assert sent(tmp_path) == [".gitignore"]
