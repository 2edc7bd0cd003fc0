"""Which lager this is: the version, which stands in pyproject.toml alone, and the commit that it was built from."""

import re
from importlib.metadata import version as installed
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
_WRITTEN = Path(__file__).with_name("commit.txt")  # by hatch_build.py, in what is installed from a wheel


def release() -> str:
    """The version alone, as in 0.22.0."""
    return installed("lager-box")


def version() -> str:
    """The version with the commit, as in 0.22.0+g1a2b3c4d5; the version alone where no commit is known.

    Where lager runs from a checkout, it blocks for as long as git takes.
    """
    commit = _written() or _checked_out()
    return f"{release()}+g{commit}" if commit else release()


def _written() -> str:
    try:
        text = _WRITTEN.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return text if re.fullmatch(r"[0-9a-f]{4,40}(\.dirty)?", text) else ""


def _checked_out() -> str:
    if not (_CHECKOUT / ".git").exists() or not (_CHECKOUT / "pyproject.toml").exists():
        return ""
    import subprocess

    command = ["git", "-c", "safe.directory=*", "rev-parse", "--short=9", "HEAD"]
    try:
        done = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def older(one: str, other: str) -> bool:
    """Whether the release of a version is before that of another one; False where one cannot be read."""
    first, second = _numbers(one), _numbers(other)
    return bool(first) and bool(second) and first < second


def _numbers(text: str) -> list[int]:
    found = re.match(r"\d{1,6}(\.\d{1,6}){0,5}", text)
    return [int(part) for part in found[0].split(".")] if found else []
