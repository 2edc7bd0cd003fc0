"""Files of a run on a box under the names that the user typed, in tracebacks of every kind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lager.inspection import display_paths

FAILING = """
import logging, sys, threading, traceback
import helper
print(sys._getframe().f_code.co_filename, file=sys.stdout)
try:
    helper.fail()
except ValueError:
    traceback.print_exc()
    logging.exception("logged")
thread = threading.Thread(target=helper.fail)
thread.start()
thread.join()
class Dying:
    def __del__(self): helper.fail()
Dying()
sys.stderr.write('File "' + __file__ + '"\\n')
try:
    import broken
except SyntaxError:
    traceback.print_exc()
raise ExceptionGroup("several", [ValueError(1)]) from KeyError("cause")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder, of what a user typed as ../tests/fails.py --add-file helper.py --add-file sub/broken.py."""
    (tmp_path / "helper.py").write_text("def fail():\n    raise ValueError('told')\n")
    (tmp_path / "broken.py").write_text("1 +\n")
    (tmp_path / "fails.py").write_text(FAILING)
    return tmp_path


def run(folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "LAGER_PROCESS_ID": "x", "LAGER_RUN_FOLDER": str(folder), **variables}
    command = [sys.executable, "fails.py"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=20, check=False)


def test_every_traceback_has_the_names_as_typed(folder: Path) -> None:
    done = run(folder, LAGER_TYPED=json.dumps({"fails.py": "../tests/fails.py"}))
    own = f'File "{folder}/fails.py"\n'
    assert own in done.stderr  # what a script writes itself is not touched
    told = done.stderr.replace(own, "")
    assert str(folder) not in told
    assert done.stdout == f"{folder}/fails.py\n"
    assert told.count('  File "../tests/fails.py", line 6, in <module>\n    helper.fail()\n') == 2
    assert told.count("  File \"helper.py\", line 2, in fail\n    raise ValueError('told')\n") == 4
    assert 'File "broken.py", line 1\n' in told
    assert done.returncode == 1


def test_nothing_else_differs_from_what_python_writes(folder: Path) -> None:
    here = run(folder, LAGER_RUN_FOLDER="")
    there = run(folder, LAGER_TYPED=json.dumps({"fails.py": f"{folder}/fails.py", "helper.py": f"{folder}/helper.py"}))
    for done in (here, there):
        done.stderr = "".join(line for line in done.stderr.splitlines(True) if "Exception ignored in" not in line)
    assert there.stderr.replace('"broken.py"', f'"{folder}/broken.py"') == here.stderr


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/run/x/a.py", "a.py"), ("/run/x/sub/a.py", "sub/a.py"), ("/run/x/proj/a.py", "../proj/a.py"),
        ("/run/x/proj", "../proj"), ("/run/x/project/a.py", "project/a.py"), ("/run/xy/a.py", "/run/xy/a.py"),
        ("/run/x/sub/b.py", "/home/sub/b.py"), ("/run/x", "/run/x"), ("a.py", "a.py"), ("<stdin>", "<stdin>"), ("", ""),
    ],
)  # fmt: skip
def test_one_name(monkeypatch: pytest.MonkeyPatch, path: str, shown: str) -> None:
    display_paths._typed.cache_clear()
    monkeypatch.setenv("LAGER_RUN_FOLDER", "/run/x")
    monkeypatch.setenv("LAGER_TYPED", json.dumps({"proj": "../proj", "sub/b.py": "/home/sub/b.py"}))
    assert display_paths.shown(path) == shown
    assert display_paths.in_line(f'  File "{path}", line 1\n') == f'  File "{shown}", line 1\n'
    assert display_paths.there("../proj") == "proj"
    display_paths._typed.cache_clear()


@pytest.mark.parametrize("typed", ["", "[]", "{", "1", "null", '{"a": 1}'])
def test_variables_that_are_not_ours_change_nothing(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    display_paths._typed.cache_clear()
    monkeypatch.setenv("LAGER_RUN_FOLDER", "/run/x")
    monkeypatch.setenv("LAGER_TYPED", typed)
    assert display_paths.shown("/run/x/b.py") == display_paths.there("b.py") == "b.py"
    display_paths._typed.cache_clear()


@given(st.text())
def test_elsewhere_every_line_stays_as_it_is(text: Any) -> None:
    assert display_paths.in_line(text) == display_paths.shown(text) == text
