"""The hooks of pre-commit: their file can be read, and the subject of a commit has its form."""

import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

CONFIG = Path(__file__).parents[3] / ".pre-commit-config.yaml"
HOOKS = {hook["id"]: hook for repo in yaml.safe_load(CONFIG.read_text())["repos"] for hook in repo["hooks"]}


def test_the_hooks_are_those_of_make_check_and_the_subject() -> None:
    assert list(HOOKS) == ["ruff", "ruff-format", "mypy", "commit-subject"]


@pytest.mark.parametrize(
    ("subject", "fits"),
    [
        ("nets: what changed", True),
        ("fixup! nets: what changed", True),
        (f"nets: {'x' * 66}", True),
        (f"nets: {'x' * 67}", False),
        ("Nets: what changed", False),
        ("what changed", False),
        ("nets:", False),
    ],
)
def test_a_subject_is_an_area_and_what_changed_in_72_characters(tmp_path: Path, subject: str, fits: bool) -> None:
    message = tmp_path / "message"
    message.write_text(f"{subject}\n\nWhy: because.\n")
    hook = [*shlex.split(HOOKS["commit-subject"]["entry"]), str(message)]
    assert (subprocess.run(hook, check=False).returncode == 0) is fits
