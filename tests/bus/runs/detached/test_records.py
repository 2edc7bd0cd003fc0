"""The records of runs: how long they are kept, and which run an id means."""

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bus.runs.detached.known_runs import FOR_EVER, Runs, recorded
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, PATIENCE, Process, limited

needs_a_disk = pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("unshare"), reason="only root can have a disk of its own"
)
FILL = "dd if=/dev/zero of=fill bs=1k 2>&1 | tail -n 1"


def on_a_small_disk(runs: Runs, start: Callable[..., Process], commands: str) -> str:
    """What shell commands in an otherwise empty file system print, which has the records of the runs, too."""
    own = start(
        "unshare",
        "-m",
        "sh",
        "-ec",
        f"mount -t tmpfs -o size=64k,mode=700 none {runs.folder} && cd {runs.folder}\n{commands}",
    )
    out, err = own.out.rest(), own.err.rest()
    assert (own.wait(), err) == (0, "")
    return out


@needs_a_disk
def test_a_run_ends_on_a_full_disk(runs: Runs, start: Starter, script: ScriptWriter, tmp_path: Path) -> None:
    """A full disk prevents neither its end nor the record of it."""
    name = tmp_path / script("import signal\nsignal.pause()\n")
    out = on_a_small_disk(
        runs,
        start,
        f"id=$({LAGER} python --detach --timeout 0.5 {name} | head -n 1); {FILL}; "
        f"{LAGER} python --reattach $id 2>/dev/null || echo code $?; {LAGER} runs",
    )
    assert "code 124\n" in out
    assert re.search(r"  ended  124 ", out)


@needs_a_disk
def test_no_run_starts_on_a_full_disk(runs: Runs, start: Starter, script: ScriptWriter, tmp_path: Path) -> None:
    name = tmp_path / script(FOR_EVER)
    out = on_a_small_disk(runs, start, f"{FILL}; {LAGER} python --detach {name} 2>&1 || echo code $?; ls -A")
    assert "No space left on device" in out
    assert out.endswith("code 1\nfill\n")


def test_a_run_in_the_foreground_is_listed(runs: Runs, run: Starter, lager: Command) -> None:
    with recorded(runs):
        process = run(FOR_EVER)
    known = runs.all()[0]
    assert (known["state"], known["detached"], known["runnable"]) == ("running", False, "script.py")
    refused = lager("python", "--reattach", known["id"])
    assert (refused.returncode, "is not detached" in refused.stderr) == (1, True)
    process.out.expect("ready")
    assert lager("python", "--kill", known["id"]).stdout == f"Ended {known['id'][:8]}: exit code 130.\n"
    assert process.wait() == 130
    assert runs.all()[0]["exit_code"] == 130


def test_completion_offers_only_the_runs_that_fit_the_option(runs: Runs, run: Starter, lager: Command) -> None:
    detached = "aaaabbbb"
    (runs.folder / f"{detached}.json").write_text(json.dumps({**an_ended_run(), "id": detached, "detached": True}))
    with recorded(runs):
        run(FOR_EVER)
    going_on = next(str(one["id"]) for one in runs.all() if one["state"] == "running")
    for option, offered in (("--reattach", detached), ("--kill", going_on), ("--pause", going_on)):
        asked = {"_LAGER_COMPLETE": "bash_complete", "COMP_WORDS": f"lager python {option} ", "COMP_CWORD": "3"}
        assert lager(**asked).stdout == f"plain,{offered[:8]}\n"


def test_a_short_run_leaves_no_record(runs: Runs, start: Starter, script: ScriptWriter) -> None:
    short = limited("lager_cli.runs.run._ATTENDED_AFTER", 20.0)
    assert start(*short, "python", script("")).wait() == 0
    assert runs.all() == []


def test_a_run_in_a_removed_folder(runs: Runs, start: Starter, script: ScriptWriter, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    path = tmp_path / script("import time\ntime.sleep(0.3)\nprint('done')\n")
    process = start("/bin/sh", "-c", f"cd gone && rmdir ../gone && exec {LAGER} python {path}")
    assert process.out.rest() == "done\n"
    assert process.wait() == 0


def test_a_run_without_a_record_still_runs(run: Starter, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    process = run(
        "import time\ntime.sleep(0.3)\n",
        XDG_STATE_HOME=str(tmp_path / "file"),
        XDG_RUNTIME_DIR="",
        TMPDIR=str(tmp_path / "file"),
    )
    assert process.wait() == 0
    assert process.err.rest() == ""


@pytest.mark.parametrize("ids", [("deadbeef", "\x1b[31m"), ("", "dea", "../../etc")], ids=["plain", "odd"])
@pytest.mark.parametrize("option", ["--pause", "--reattach", "--kill"])
def test_an_unknown_run_is_refused(runs: Runs, lager: Command, option: str, ids: tuple[str, ...]) -> None:
    for id in ids:
        done = lager("python", option, id)
        assert (done.returncode, done.stdout) == (1, "")
        assert "You have no run" in done.stderr
        assert "\x1b" not in done.stderr


def an_ended_run() -> dict[str, object]:
    """A record, without its id."""
    now, nobody = time.time(), {"pid": 1, "born": ""}
    record = {"runnable": "x", "arguments": [], "folder": "/", "started": now, "ended": now, "exit_code": 0}
    return record | {"host": os.uname().nodename, "keeper": nobody, "script": nobody}


def test_a_prefix_of_two_runs_and_an_old_record(runs: Runs, lager: Command) -> None:
    record = an_ended_run()
    for id in ("aaaa1", "aaaa2"):
        (runs.folder / f"{id}.json").write_text(json.dumps({**record, "id": id}))
    (runs.folder / "broken.json").write_text("{")
    (runs.folder / "elsewhere.json").write_text(json.dumps({**record, "id": "bbbb", "host": "another machine"}))
    (runs.folder / "old.json").write_text(json.dumps({**record, "id": "old0", "ended": time.time() - 90000}))
    done = lager("python", "--kill", "aaaa")
    assert (done.returncode, "aaaa matches 2 runs" in done.stderr) == (1, True)
    assert {one["id"] for one in runs.all()} == {"aaaa1", "aaaa2"}
    assert len(lager("runs", "--all").stdout.splitlines()) == 4


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_a_clock_change_does_not_change_an_age(runs: Runs, script: ScriptWriter, step: float) -> None:
    id = runs.detach(script(FOR_EVER))
    file = runs.folder / f"{id}.json"

    def look() -> Any:
        """As if the clock had been set since the run began."""
        record = json.loads(file.read_text())
        file.write_text(json.dumps({**record, "started": time.time() - step}))
        known = runs.known(id)
        assert 0 <= known["seconds"] <= known["age"] < PATIENCE
        return known["state"]

    assert look() == "running"
    runs.kill(id)
    runs.wait(id)
    assert look() == "ended"


def test_records_are_private_and_old_ones_are_removed(runs: Runs, script: ScriptWriter, tmp_path: Path) -> None:
    id = runs.detach(script(""))
    runs.wait(id)
    assert {file.stat().st_mode & 0o077 for file in [runs.folder, *runs.folder.iterdir()]} == {0}
    (runs.folder / "left-behind.job").touch()
    old = [file for file in runs.folder.iterdir() if file.stem in (id, "left-behind")]
    for file in old:
        os.utime(file, (0, 0))
    runs.wait(runs.detach(script("")))
    assert not [file for file in old if file.exists()]
