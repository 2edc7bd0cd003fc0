"""Exchanges with instruments, written down from the makers' manuals.

A line `> TEXT` is sent, a line `< TEXT` is what comes back to it; a `>` without a `<` gets no answer. Lines
that start with `#` name the manual and its section.
"""

from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent


def exchanges(name: str) -> Iterator[tuple[str, str | None]]:
    """(request, reply) in order."""
    request: str | None = None
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        mark, _, text = line.partition(" ")
        if mark == ">":
            if request is not None:
                yield request, None
            request = text
        elif mark == "<":
            assert request is not None, f"{name}: a reply without a request: {line}"
            yield request, text
            request = None
    if request is not None:
        yield request, None
