"""The files of a script as the editor knows them: those that were sent to a box are here under the name that the user
typed."""

import os
from typing import Any


class Paths:
    """`folder` is where relative names begin; `mappings` are pairs of a folder on the box and the same one here."""

    def __init__(self, folder: str, mappings: list[tuple[str, str]]) -> None:
        self._folder = folder
        self._mappings = [(there.rstrip("/") + "/", here.rstrip("/") + "/") for there, here in mappings]

    def source(self, path: str) -> dict[str, Any]:
        """Return the Source for a path of the script. Without a file on this machine, it has only a name."""
        for there, here in self._mappings:
            if path.startswith(there):
                path = here + path.removeprefix(there)
                break
        name = os.path.basename(path) or path
        found = os.path.normpath(os.path.join(self._folder, path))
        if path.startswith("<") or not os.path.isfile(found):
            return {"name": name, "presentationHint": "deemphasize"}
        return {"name": name, "path": found}

    def names_there(self, path: str) -> list[str]:
        """Return the names that a file of the editor may have on the script's machine, the most likely first."""
        mapped = [there + path.removeprefix(here) for there, here in self._mappings if path.startswith(here)]
        return [*mapped, os.path.relpath(path, self._folder or "."), path]
