"""Lists the files of a box that are not this machine's, so that two states can be compared."""

import os
import re
import stat
from typing import Any

from tests.box.container import Box

# What the commands of the system write for reasons of their own.
CACHES = re.compile(
    r"^/(opt|root)/|/var/(log|cache)/|/etc/[a-z]*-$|/etc/\.pwd\.lock$|/var/lib/systemd/|/var/tmp/systemd-private-"
)


def tree(box: Box) -> dict[str, Any]:
    """Every file of the box that is not this machine's, with what tells one state from another."""
    found = {}
    for folder, folders, files in os.walk(box.changes):
        inside = folder.removeprefix(str(box.changes))
        if CACHES.search(f"{inside}/"):
            folders.clear()
            continue
        for name in [*folders, *files]:
            path, shown = os.path.join(folder, name), f"{inside}/{name}"
            if CACHES.search(shown) or (name in folders and os.path.isdir(shown)):
                continue
            if not os.path.exists(shown) or state(shown) != state(path):
                found[shown] = state(path)
    return found


def state(path: Any) -> tuple[str, int, int, bytes]:
    status = os.lstat(path)
    text = b""
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            text = file.read()
    return (stat.filemode(status.st_mode), status.st_uid, status.st_gid, text)
