"""A pattern that a test must find: if it does not, the failure shows the pattern and the text."""

import re


def search(pattern: str, text: str, flags: int = 0) -> "re.Match[str]":
    found = re.search(pattern, text, flags)
    assert found, f"{pattern!r} does not fit:\n{text}"
    return found
