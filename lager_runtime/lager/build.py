"""The version of lager, which only pyproject.toml sets, and the commit that it was built from."""

import re
from functools import cache
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
_WRITTEN = Path(__file__).with_name("commit.txt")  # hatch_build.py writes it into a wheel


def release() -> str:
    """Return the version alone, as in 0.22.0."""
    if found := _beside() or _in_the_checkout():
        return found
    from importlib.metadata import version as installed  # on demand, because the import is slow

    return installed("lager-box")


def _beside() -> str:
    """Return the version in the name of the metadata beside an installed package; "" in a checkout."""
    import os

    names = os.listdir(Path(__file__).parents[1])
    found = [one[1] for name in names if (one := re.fullmatch(r"lager_box-([0-9][\w.!+]*)\.dist-info", name))]
    return found[0] if len(found) == 1 else ""


def _in_the_checkout() -> str:
    """Return the version that pyproject.toml of a checkout sets; "" in an installed package."""
    try:
        text = (_CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    found = re.search(r'^name = "lager-box"\nversion = "([0-9][\w.!+]*)"$', text, re.MULTILINE)
    return found[1] if found else ""


def version() -> str:
    """Return the version with the commit, as in 0.22.0+g1a2b3c4d5; the version alone if no commit is known.

    Blocks while git runs, if lager runs from a checkout.
    """
    commit = _written() or _checked_out()
    return f"{release()}+g{commit}" if commit else release()


@cache
def running() -> str:
    """Return the version that this process runs: as `version` was when this was first asked."""
    return version()


def is_built() -> bool:
    """Return whether lager is installed from a package, so that an upgrade can change its files meanwhile."""
    return bool(_written())


def _written() -> str:
    try:
        text = _WRITTEN.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return text if re.fullmatch(r"[0-9a-f]{4,40}(\.dirty)?", text) else ""


def _checked_out() -> str:
    if not (_CHECKOUT / ".git").exists() or not (_CHECKOUT / "pyproject.toml").exists():
        return ""
    import os
    import subprocess

    command = ["git", "-c", "safe.directory=*", "rev-parse", "--short=9", "HEAD"]
    # In a hook of git, GIT_DIR names the repository of the hook.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, check=True, timeout=10, env=plain)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def older(one: str, other: str) -> bool:
    """Return whether a version is older than another one; False if one of them is invalid."""
    first, second = _numbers(one), _numbers(other)
    return bool(first) and bool(second) and first < second


def _numbers(text: str) -> list[int]:
    found = re.match(r"\d{1,6}(\.\d{1,6}){0,5}", text)
    return [int(part) for part in found[0].split(".")] if found else []
