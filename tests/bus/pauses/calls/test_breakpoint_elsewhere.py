"""breakpoint() where another tool also defines it: a Jupyter kernel, debugpy, and a Python without lager."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bus.editor.editor import Editor
from tests.client import Client
from tests.fixtures import ScriptWriter, Starter
from tests.processes import BIN, LAGER
from tests.station import Station

NOTEBOOK = """
import sys, nbclient, nbformat
cells = [nbformat.v4.new_code_cell(cell) for cell in ("a = 1", {cell!r}, "print('went on', a)")]
notebook = nbformat.v4.new_notebook(cells=cells)
nbclient.NotebookClient(notebook, kernel_name="python3").execute()
print(notebook.cells[-1].outputs[0]["text"])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell", ["breakpoint()", "breakpoint('in a cell', timeout=500)", "import debugpy\nbreakpoint()"]
)
def test_breakpoint_in_a_notebook_pauses(run: Starter, client: Client, cell: str) -> None:
    process = run(NOTEBOOK.format(cell=cell))
    pause = client.paused()
    assert pause["interactive"]
    assert pause["label"] == ("in a cell" if "cell" in cell else "")
    client.call("Continue", "s", pause["id"])
    assert process.out.rest() == "went on 1\n\n", process.err.text
    assert process.wait() == 0


@pytest.mark.slow
def test_breakpoint_pauses_what_jupyter_run_executes(start: Starter, script: ScriptWriter, client: Client) -> None:
    process = start(LAGER, "python", str(BIN / "jupyter-run"), script("breakpoint()\nprint('went on')"))
    pause = client.paused()
    assert pause["interactive"]
    client.call("Continue", "s", pause["id"])
    assert process.out.rest() == "went on\n", process.err.text
    assert process.wait() == 0


LISTENS = """
import debugpy
print(debugpy.listen(("127.0.0.1", 0))[1], flush=True)
{more}
def measure():
    breakpoint("rail", timeout=600)
    breakpoint()
    return None
measure()
print("went on")
"""


@pytest.mark.variant
def test_breakpoint_pauses_while_nothing_is_attached_to_the_debugger_of_the_script(
    run: Starter, client: Client
) -> None:
    process = run(LISTENS.format(more=""))
    for label, line in ("rail", 6), ("", 7):
        pause = client.paused()
        assert (pause["label"], pause["line"], pause["function"]) == (label, line, "measure")
        client.call("Continue", "s", pause["id"])
    assert process.out.rest().endswith("\nwent on\n")
    assert process.wait() == 0


@pytest.mark.slow
def test_breakpoint_stops_in_the_debugger_while_it_is_attached(run: Starter, tmp_path: Path, station: Station) -> None:
    process = run(LISTENS.format(more="debugpy.wait_for_client()"))
    port = process.out.expect("\n").strip()
    relay = f"exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & cat >&3"
    editor = Editor(station.env, tmp_path, command=["bash", "-c", relay])
    try:
        editor.do("initialize", adapterID="debugpy")
        editor.send("attach", justMyCode=False)
        editor.event("initialized")
        editor.do("configurationDone")
        for line in 7, 8:  # debugpy stops at the line behind
            thread = editor.event("stopped")["threadId"]
            frame = editor.do("stackTrace", threadId=thread)["stackFrames"][0]
            assert (frame["name"], frame["line"]) == ("measure", line)
            editor.do("continue", threadId=thread)
        process.out.expect("went on\n")
    finally:
        editor.close()
    assert process.wait() == 0
    assert "paused at" not in process.err.text


CHILD = """
import subprocess
done = subprocess.run({command!r}, capture_output=True, text=True, input="c\\n")
print(done.returncode, repr(done.stderr))
"""


def test_a_child_without_lager_is_not_warned_of_a_hook_it_cannot_import(run: Starter, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "plain"], check=True)
    command = [str(tmp_path / "plain/bin/python"), "-W", "error", "-c", "breakpoint(); print('here')"]
    process = run(CHILD.format(command=command))
    assert process.out.rest() == "0 ''\n", process.err.text
