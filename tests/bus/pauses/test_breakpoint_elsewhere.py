"""breakpoint() where something else wants to have it: in a Jupyter kernel, and in a Python without lager."""

import subprocess
import sys

import pytest

from tests.processes import BIN, LAGER

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
def test_breakpoint_in_a_notebook_pauses(run, client, cell):
    process = run(NOTEBOOK.format(cell=cell))
    pause = client.paused()
    assert pause["interactive"]
    assert pause["label"] == ("in a cell" if "cell" in cell else "")
    client.call("Continue", "s", pause["id"])
    assert process.out.rest() == "went on 1\n\n", process.err.text
    assert process.wait() == 0


@pytest.mark.slow
def test_breakpoint_pauses_what_jupyter_run_executes(start, script, client):
    process = start(LAGER, "python", str(BIN / "jupyter-run"), script("breakpoint()\nprint('went on')"))
    pause = client.paused()
    assert pause["interactive"]
    client.call("Continue", "s", pause["id"])
    assert process.out.rest() == "went on\n", process.err.text
    assert process.wait() == 0


CHILD = """
import subprocess
done = subprocess.run({command!r}, capture_output=True, text=True, input="c\\n")
print(done.returncode, repr(done.stderr))
"""


def test_a_child_without_lager_is_not_warned_of_a_hook_it_cannot_import(run, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "plain"], check=True)
    command = [str(tmp_path / "plain/bin/python"), "-W", "error", "-c", "breakpoint(); print('here')"]
    process = run(CHILD.format(command=command))
    assert process.out.rest() == "0 ''\n", process.err.text
