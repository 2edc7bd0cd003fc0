"""Rows about an editor: from its start of `lager dap` until the variables of a paused script are shown."""

import sys
import time
from collections.abc import Iterator

from tests.bench.report.figures import Row, times
from tests.bench.scale import Scale
from tests.bench.scripts import client, running
from tests.bus.editor.editor import Editor
from tests.loopback import Loopback, missing
from tests.station import Station

_PAUSED = """
import os, sys, lager
sys.stderr = open(os.devnull, "w")
limit = 3
lager.pause(interactive=True, timeout=600)
"""


def rows(station: Station, scale: Scale) -> Iterator[Row]:
    rounds = max(scale.processes, 1)
    with client(station) as one, running(station, _PAUSED):
        id = one.paused()["id"]
        shown = times([_attach(station.env, station, id) for _ in range(rounds)])
        yield Row("editor: attached until variables are shown", shown, aim="at most 300")
        if why := missing():
            print(f"editor through --box: left out: {why}.", file=sys.stderr)
        else:
            folder = station.folder / "loopback-editor"
            folder.mkdir()
            told = {name: value for name, value in station.env.items() if name.startswith(("LAGER", "XDG"))}
            env = {**station.env, **Loopback(folder, told).env}
            there = times([_attach(env, station, id, "--box", "near") for _ in range(rounds)])
            yield Row("editor: the same through --box", there, aim="at most 1,000")
        one.call("Continue", "s", id)


def _attach(env: dict[str, str], station: Station, id: str, *words: str) -> float:
    began = time.perf_counter()
    editor = Editor(env, station.folder, (id, *words))
    try:
        editor.do("initialize")
        editor.do("attach")
        editor.event("stopped")
        frame = editor.do("stackTrace", threadId=1)["stackFrames"][0]["id"]
        scope = editor.do("scopes", frameId=frame)["scopes"][0]["variablesReference"]
        shown = editor.do("variables", variablesReference=scope)["variables"]
        took = time.perf_counter() - began
        assert any(row["name"] == "limit" for row in shown)
        return took
    finally:
        editor.close()
