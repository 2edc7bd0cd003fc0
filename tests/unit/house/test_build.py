"""The version is in one place, and a build says which commit it was built from."""

import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pytest

from lager import build
from tests.processes import LAGER, LAGERD

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("command", "name"), [(LAGER, "lager"), (LAGERD, "lagerd")])
def test_version_shows_the_commit(command: Any, name: str) -> None:
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = re.fullmatch(rf"{name}, version ([0-9.]+)\+g([0-9a-f]+)\n", said)
    assert found is not None
    assert head.startswith(found[2])
    assert f'version = "{found[1]}"' in (ROOT / "pyproject.toml").read_text()
    assert f"## {found[1]}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_a_checkout_knows_its_version_without_the_metadata_of_packages() -> None:
    source = "import sys; from lager import build; print(build.release(), 'importlib.metadata' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout
    assert said == f"{installed('lager-box')} False\n"


def hatch(folder: Path, *arguments: str) -> Path:
    """What hatchling makes of a checkout, in a folder of its own."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder / "out"), *arguments]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    (made,) = (folder / "out").iterdir()
    return made


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(folder)], check=True)
    return folder


def commit_of(folder: Path) -> str:
    command = ["git", "describe", "--always", "--abbrev=9", "--exclude=*"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_a_wheel_has_the_commit_and_needs_no_git(checkout: Path) -> None:
    with zipfile.ZipFile(hatch(checkout, "-t", "wheel")) as wheel:
        assert wheel.read("lager/commit.txt").decode() == commit_of(checkout)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["README.md", "lager_cli/not_in_git.py"], ids=["changed", "added"])
def test_a_wheel_of_changed_or_added_files_says_so(checkout: Path, name: str) -> None:
    with open(checkout / name, "a") as file:
        file.write("# changed\n")
    with zipfile.ZipFile(hatch(checkout, "-t", "wheel")) as wheel:
        assert wheel.read("lager/commit.txt").decode().endswith(".dirty\n")


@pytest.mark.slow
def test_a_wheel_of_an_sdist_has_the_commit_of_the_sdist(checkout: Path, tmp_path: Path) -> None:
    with tarfile.open(hatch(checkout, "-t", "sdist")) as sdist:
        sdist.extractall(tmp_path / "unpacked", filter="data")
    (folder,) = (tmp_path / "unpacked").iterdir()
    with zipfile.ZipFile(hatch(folder, "-t", "wheel")) as wheel:
        assert wheel.read("lager/commit.txt").decode() == commit_of(checkout)


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a hook of another repository."""
    other = tmp_path / "other"
    for words in (["init", "-q"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x", "--allow-empty"]):
        other.mkdir(exist_ok=True)
        subprocess.run(["git", *words], cwd=other, check=True)
    for name, value in {"GIT_DIR": other / ".git", "GIT_WORK_TREE": other, "GIT_INDEX_FILE": other / "index"}.items():
        monkeypatch.setenv(name, str(value))


def test_in_a_hook_of_another_repository_the_commit_is_still_lagers(hook: None) -> None:
    before = build.version()
    assert before == build.release() + "+g" + build._checked_out()
    head = subprocess.run(
        ["git", f"--git-dir={ROOT}/.git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    assert head.stdout.startswith(before.partition("+g")[2])


@pytest.mark.slow
def test_a_wheel_that_a_hook_of_another_repository_builds_has_its_own_commit(
    checkout: Path, hook: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(hatch(checkout, "-t", "wheel")) as wheel:
        written = wheel.read("lager/commit.txt").decode()
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name)
    assert written == commit_of(checkout)


@pytest.mark.parametrize(
    ("one", "other", "is_older"),
    [("0.9.0", "0.10.0", True), ("0.22.0+gffff", "0.22.0", False), ("1", "0.22.0", False), ("", "1", False)],
)
def test_which_is_older(one: str, other: str, is_older: bool) -> None:
    assert build.older(one, other) == is_older
