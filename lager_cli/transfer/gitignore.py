"""The files that git ignores: the rules of the .gitignore files in a folder, above it and below."""

import itertools
import os
from dataclasses import dataclass

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern


@dataclass(frozen=True)
class Rules:
    """The .gitignore files in force in a folder: the folder of each, and its patterns; the outermost first."""

    files: tuple[tuple[str, tuple[GitIgnoreSpecPattern, ...]], ...] = ()

    @classmethod
    def around(cls, folder: str) -> "Rules":
        """Return the rules above `folder` up to the top of its repository; none if they ignore `folder` itself, since
        the user named it."""
        above = [folder]
        while not os.path.lexists(os.path.join(above[0], ".git")):
            if above[0] == os.path.dirname(above[0]):
                return cls()
            above.insert(0, os.path.dirname(above[0]))
        rules = cls()
        for outer, inner in itertools.pairwise(above):
            rules = rules.inside(outer)
            if rules.ignore(inner, is_folder=True):
                return cls()
        return rules

    def inside(self, folder: str) -> "Rules":
        """Return these rules and those of the .gitignore in `folder`, which is below the others. Raises OSError."""
        name = os.path.join(folder, ".gitignore")
        if not os.path.isfile(name):
            return self
        with open(name, encoding="utf-8-sig", errors="surrogateescape") as file:
            patterns = tuple(pattern for line in file for pattern in _patterns(line.rstrip("\n")))
        return Rules((*self.files, (os.path.join(folder, ""), patterns)))

    def ignore(self, path: str, *, is_folder: bool) -> bool:
        """Return whether git ignores `path`, provided that it does not ignore the folder of `path`."""
        for folder, patterns in reversed(self.files):
            relative = path[len(folder) :] + "/" * is_folder
            for pattern in reversed(patterns):
                if pattern.include is not None and _hits(pattern, relative):
                    return bool(pattern.include)
        return False


def _patterns(line: str) -> list[GitIgnoreSpecPattern]:
    try:
        return [*GitIgnoreSpec.from_lines([line]).patterns]
    except ValueError:
        return []  # git skips it, too


def _hits(pattern: GitIgnoreSpecPattern, path: str) -> bool:
    """Return whether the pattern matches `path` itself.

    In the library, a pattern of a folder also matches everything in it; its group marks the slash of that folder. For
    git such a match concerns only the folder, whose content follows from it.
    """
    assert pattern.regex is not None
    return any(
        (found.lastgroup is None) != (path.endswith("/") and found.end() == len(path))
        for found in pattern.regex.finditer(path)
    )
