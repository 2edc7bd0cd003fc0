"""Writes the commit that a wheel or an sdist is built from into it, as lager/commit.txt; without git it has none."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PLACE = {"wheel": "lager/commit.txt", "sdist": "lager_runtime/lager/commit.txt"}
_GIT = ["git", "-c", "safe.directory=*"]  # the checkout may belong to another user
_BUILT = [
    "lagerd",
    "lager_cli",
    "lager_runtime",
    "units",
    "page",
]  # what a wheel takes from, also where git knows it not


class CommitHook(BuildHookInterface):  # type: ignore[type-arg, misc, unused-ignore]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """An editable installation has none: it asks git when it is asked."""
        commit = "" if version == "editable" else _commit(self.root)
        if commit:
            self._folder = tempfile.TemporaryDirectory()
            file = Path(self._folder.name, "commit.txt")
            file.write_text(commit + "\n", encoding="ascii")
            build_data["force_include"][str(file)] = _PLACE[self.target_name]


def _commit(root: str) -> str:
    """Nothing where `root` is no checkout of its own: what an sdist was built from is in it already."""
    if not Path(root, ".git").exists():
        return ""
    try:
        commit = _git(root, "describe", "--always", "--abbrev=9", "--exclude=*", "--dirty=.dirty")
        added = _git(root, "ls-files", "--others", "--exclude-standard", "--", *_BUILT)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{commit}.dirty" if added and not commit.endswith(".dirty") else commit


def _git(root: str, *words: str) -> str:
    # In a hook of git, GIT_DIR names the repository of the hook.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run([*_GIT, *words], cwd=root, capture_output=True, text=True, check=True, env=plain)
    return done.stdout.strip()
