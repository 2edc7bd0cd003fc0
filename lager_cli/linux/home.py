"""The folders of this user: XDG Base Directory Specification."""

import os
from pathlib import Path


def config() -> Path:
    """Return the folder for configurations; it may be missing."""
    return _folder("XDG_CONFIG_HOME", ".config")


def state() -> Path:
    """Return the folder for what programs keep; it may be missing."""
    return _folder("XDG_STATE_HOME", ".local/state")


def _folder(variable: str, default: str) -> Path:
    """Return the folder that the variable names, else the default. Without a home, nothing can be in the folder."""
    given = os.environ.get(variable, "")
    if os.path.isabs(given):
        return Path(given)
    home = os.path.expanduser("~")  # stays as it is for a user id without HOME and without an entry in passwd
    return Path(home if os.path.isabs(home) else os.devnull) / default
