"""The folders of this user: XDG Base Directory Specification."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path  # most commands only need to know whether there is a configuration

CONFIG_FILE = ("lager", "config.toml")


def config() -> "Path":
    """Return the folder for configurations; it may be missing."""
    from pathlib import Path

    return Path(_config())


def has_config() -> bool:
    """Return whether there is a configuration of lager. A file that cannot be accessed counts, because reading it
    reports the reason."""
    try:
        os.stat(os.path.join(_config(), *CONFIG_FILE))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def state() -> "Path":
    """Return the folder for the state of programs; it may be missing."""
    from pathlib import Path

    return Path(_folder("XDG_STATE_HOME", ".local/state"))


def _config() -> str:
    return _folder("XDG_CONFIG_HOME", ".config")


def _folder(variable: str, default: str) -> str:
    """Return the folder that the variable names, else the default. Without a home, nothing can be in the folder."""
    given = os.environ.get(variable, "")
    if os.path.isabs(given):
        return given
    home = os.path.expanduser("~")  # stays as it is for a user id without HOME and without an entry in passwd
    return os.path.join(home if os.path.isabs(home) else os.devnull, default)
