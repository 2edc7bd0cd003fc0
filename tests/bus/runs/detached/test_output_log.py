"""The output of a detached run for a later reader: every byte, in order, whenever it is read."""

import hashlib
import os
import select
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lager_cli.linux.inotify import Changes
from tests.bus.runs.detached.known_runs import FOR_EVER, Runs
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, PATIENCE


@pytest.mark.parametrize("lines", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_late_reader_gets_every_line_once_and_in_order(
    runs: Runs, script: ScriptWriter, tmp_path: Path, start: Starter, lines: int
) -> None:
    """A reader that starts in the middle of the output gets all lines, and the end of the run."""
    text = f"""
import sys, os
for n in range(0, {lines}, 1000):
    if n == {3 * lines // 10}:
        open('half', 'w').close()
    sys.stdout.write(''.join(f'line {{k}} of many\\n' for k in range(n, n + 1000)))
"""
    with Changes() as changes:
        changes.watch(tmp_path, 0x100)  # IN_CREATE
        id = runs.detach(script(text))
        while not (tmp_path / "half").exists():
            select.select([changes], [], [], PATIENCE)
            changes.heard()
    shown = start("/bin/sh", "-c", f"{LAGER} python --reattach {id} | sha256sum")
    whole = hashlib.sha256("".join(f"line {n} of many\n" for n in range(lines)).encode()).hexdigest()
    assert shown.out.rest(60).split()[0] == whole


def test_output_bytes_are_unchanged(
    runs: Runs, script: ScriptWriter, plain_lager: "Callable[..., subprocess.CompletedProcess[bytes]]"
) -> None:
    script("import sys\nsys.stdout.buffer.write(bytes(range(256)) * 5)\nsys.stderr.buffer.write(bytes(range(256)))\n")
    done = plain_lager("--reattach", runs.detach("script.py"))
    assert (done.stdout, done.stderr) == (bytes(range(256)) * 5, bytes(range(256)))


@pytest.mark.variant
def test_lines_come_as_they_are_printed(runs: Runs, script: ScriptWriter, start: Starter) -> None:
    id = runs.detach(script(FOR_EVER.replace(", flush=True", "")))
    start(LAGER, "python", "--reattach", id).out.expect("ready\n")


LAST = """
import os, lager
os.write(1, b'o1\\no2\\n')
os.write(2, b'e1\\ne2\\n')
kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
os.dup2(nowhere, 2)  # for the banner
lager.pause()
os.dup2(kept, 2)
os.write(1, b'o3\\n')
os.write(2, b'e3\\n')
"""


@pytest.mark.variant
def test_a_slow_reader_still_gets_the_exit_code(
    runs: Runs, script: ScriptWriter, start: Starter, tmp_path: Path
) -> None:
    """It ends while its output is being shown, after it has been read that it runs."""
    os.mkfifo(tmp_path / "go")
    id = runs.detach(script("import sys\nprint('x' * 1000000, flush=True)\nopen('go').close()\nsys.exit(3)\n"))
    slow = start(LAGER, "python", "--reattach", id)
    slow.out.expect("x")
    (tmp_path / "go").open("w").close()
    assert runs.wait(id).returncode == 3
    slow.out.rest()
    assert (slow.wait(), slow.err.rest()) == (3, "")


@pytest.mark.variant
def test_a_run_is_followed_without_inotify_watches(
    runs: Runs, script: ScriptWriter, start: Starter, tmp_path: Path
) -> None:
    text = "import sys\nprint('one')\nopen(sys.argv[1]).read()\nprint('two', file=sys.stderr)\nsys.exit(3)\n"
    os.mkfifo(tmp_path / "go")
    limit = 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$@"'
    none_left = ["unshare", "--user", "--map-root-user", "sh", "-c", limit, "-", LAGER, "python"]
    if subprocess.run(["unshare", "--user", "true"], check=False).returncode:
        pytest.skip("this system has no user namespaces for us")
    detaching = start(*none_left, "--detach", script(text), str(tmp_path / "go"))
    id = detaching.out.expect("\n").strip()
    runs.begun.append(id)
    assert (detaching.wait(), detaching.err.rest()) == (0, "")
    following = start(*none_left, "--reattach", id)
    following.out.expect("one\n")
    (tmp_path / "go").write_text("")
    following.err.expect("two\n")
    assert following.wait() == 3


def test_the_last_lines_of_both_streams(runs: Runs, lager: Command, script: ScriptWriter, client: Client) -> None:
    id = runs.detach(script(LAST))
    client.paused()
    keeper_has_noted_the_order(runs, id)
    lager("python", "--continue", id)
    runs.wait(id)
    all_out, all_err = "o1\no2\no3\n", "e1\ne2\ne3\n"
    for lines, out, err in (
        (0, "", ""), (1, "", "e3\n"), (2, "o3\n", "e3\n"), (4, "o3\n", all_err), (9, all_out, all_err),
    ):  # fmt: skip
        done = lager("python", "--reattach", id, "--tail", str(lines))
        assert (done.stdout, done.stderr) == (out, err)


def keeper_has_noted_the_order(runs: Runs, id: str) -> None:
    with Changes() as changes:
        changes.watch(runs.folder, 0x2)
        while (runs.folder / f"{id}.order").stat().st_size == 0:
            assert select.select([changes], [], [], PATIENCE)[0]
            changes.heard()
