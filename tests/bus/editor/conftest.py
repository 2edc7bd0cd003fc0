"""Editors, which end with the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bus.editor.editor import Editor
from tests.station import Station


@pytest.fixture
def editor(station: Station, tmp_path: Path) -> Iterator[Callable[..., Editor]]:
    """Start an editor's `lager dap` with the words of a command line."""
    started: list[Editor] = []

    def start(*words: str) -> Editor:
        started.append(Editor(station.env, tmp_path, words))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def attached(editor: Callable[..., Editor]) -> Callable[..., Editor]:
    """Start an editor, and attach it to a paused script: the only one, or that with an id."""

    def attach(*words: str) -> Editor:
        one = editor(*words)
        one.do("initialize")
        one.do("attach")
        one.do("configurationDone")
        one.event("stopped")
        return one

    return attach
