"""The same script, stopped at the same line, by `lager dap` and by debugpy: stack, scopes and values."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bus.editor.editor import Editor
from tests.client import Client
from tests.fixtures import Starter
from tests.station import Station

SCRIPT = """
import lager
class Meter:
    def __init__(self):
        self.range = 10
        self.name = "dmm1"
def measure(channel, factor=1.5):
    meter = Meter()
    readings = {"adc1": [1, 2, 3], "adc2": []}
    text, number, nothing, pair = "3.3 V", 2.5, None, (1, "a")
    lager.pause("compare", interactive=True, timeout=60)
    return readings
def test():
    outer = True
    measure(7)
test()
"""
LINE = 11
_GROUPS = ("special variables", "function variables", "class variables", "len()")


def shown(editor: Editor) -> dict[str, Any]:
    """What an editor shows of the main thread: its stack, the names of its scopes, and the local variables of its two
    inner frames with what is in them."""
    (thread,) = [one["id"] for one in editor.do("threads")["threads"] if one["name"] == "MainThread"]
    stack = editor.do("stackTrace", threadId=thread)["stackFrames"]
    frames = [one for one in stack if one["source"].get("path", "").endswith("script.py")]
    scopes = [editor.do("scopes", frameId=one["id"])["scopes"] for one in frames[:2]]
    return {
        "stack": [(one["name"], one["line"]) for one in frames],
        "scopes": [one["name"] for one in scopes[0]],
        "local": [rows(editor, one[0]["variablesReference"]) for one in scopes],
    }


def rows(editor: Editor, reference: int, depth: int = 0) -> dict[str, Any]:
    found = editor.do("variables", variablesReference=reference)["variables"]
    return {one["name"]: row(editor, one, depth) for one in found if one["name"] not in _GROUPS}


def row(editor: Editor, one: dict[str, Any], depth: int) -> tuple[Any, ...]:
    if not one["variablesReference"] or depth > 2:
        return one["type"], one["value"]
    return one["type"], rows(editor, one["variablesReference"], depth + 1)


@pytest.mark.slow
def test_debugpy_shows_the_same_stack_scopes_and_values(
    run: Starter, attached: Callable[..., Editor], station: Station, client: Client, tmp_path: Path
) -> None:
    run(SCRIPT)
    ours = shown(attached())
    client.call("ContinueAll")
    debugpy = Editor(station.env, tmp_path, command=[sys.executable, "-m", "debugpy.adapter"])
    try:
        theirs = shown(stopped(debugpy, tmp_path / "script.py"))
        debugpy.do("continue", threadId=1)
    finally:
        debugpy.close()
    # What debugpy has in addition are the groups of _GROUPS: dunder names, functions, classes, lengths of containers.
    assert ours["local"][0]["channel"] == ("int", "7")
    assert ours["stack"] == theirs["stack"]
    assert ours["scopes"] == theirs["scopes"]
    assert ours["local"] == theirs["local"]


def stopped(debugpy: Editor, script: Path) -> Editor:
    debugpy.do("initialize", adapterID="debugpy", pathFormat="path")
    debugpy.send("launch", program=str(script), console="internalConsole", justMyCode=False, python=[sys.executable])
    debugpy.event("initialized")
    debugpy.do("setBreakpoints", source={"path": str(script)}, breakpoints=[{"line": LINE}])
    debugpy.do("configurationDone")
    debugpy.event("stopped")
    return debugpy
