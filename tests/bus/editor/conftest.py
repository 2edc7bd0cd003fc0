"""Editors, which end with the test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bus.editor.editor import Editor


@pytest.fixture
def editor(station: Any, tmp_path: Path) -> Iterator[Any]:
    """Start an editor's `lager dap` with the words of a command line."""
    started: list[Editor] = []

    def start(*words: str) -> Editor:
        started.append(Editor(station.env, tmp_path, words))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def attached(editor: Any) -> Any:
    """Start an editor, and attach it to a paused script: the only one, or that with an id."""

    def attach(*words: str) -> Editor:
        one = editor(*words)
        one.do("initialize")
        one.do("attach")
        one.do("configurationDone")
        one.event("stopped")
        return one

    return attach
