"""Runs that outlive their terminal, and what is known of any run: here in sessions, in the box tier in units."""

import contextlib
import hashlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lager.process.system import MOVED_TO
from lager_cli.linux.inotify import Changes
from tests.processes import LAGER, PATIENCE

FOR_EVER = "import signal\nprint('ready', flush=True)\nsignal.pause()\n"
PAUSING = "import lager\nprint('before')\nlager.pause('why not')\nprint('after')\n"


class Runs:
    """What the station's user knows of its runs."""

    def __init__(self, station, lager, folder: Path) -> None:
        self.lager = lager
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        for part in (folder, folder.parent):
            part.chmod(0o700)
        self.begun: list[str] = []

    def detach(self, *words: str, **env: str) -> str:
        done = self.lager("python", "--detach", *words, **env)
        assert (done.returncode, done.stderr) == (0, "")
        self.begun.append(done.stdout.split()[0])
        return self.begun[-1]

    def known(self, id: str) -> dict[str, object]:
        return next(one for one in self.all() if one["id"] == id)

    def all(self) -> list[dict[str, object]]:
        return json.loads(self.lager("runs", "--json").stdout)

    def wait(self, id: str) -> "subprocess.CompletedProcess[str]":
        """Until it has ended, by following its output."""
        return self.lager("python", "--reattach", id)

    def kill(self, id: str) -> None:
        self.lager("python", "--kill", id, "--signal", "KILL")


@pytest.fixture
def runs(station, lager, tmp_path, monkeypatch):
    monkeypatch.setitem(station.env, "XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delitem(station.env, "PYTHONUNBUFFERED")
    found = Runs(station, lager, tmp_path / "state/lager/runs")
    yield found
    for id in found.begun:
        found.kill(id)


@pytest.fixture
def plain_lager(station, tmp_path):
    """`lager python` with a umask of its own, and its output as bytes."""

    def command(*words: str, **env: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            ["/bin/sh", "-c", 'umask 027; exec "$@"', "-", LAGER, "python", *words], env={**station.env, **env},
            cwd=tmp_path, capture_output=True, timeout=PATIENCE, check=True,
        )  # fmt: skip

    return command


@contextlib.contextmanager
def recorded(runs):
    """Inside, a run begins; it is left when the run has been noted."""
    with Changes() as changes:
        changes.watch(runs.folder, MOVED_TO)
        yield
        assert select.select([changes], [], [], PATIENCE)[0]


def test_a_detached_run_from_start_to_end(runs, lager, script, client):
    text = "import sys, lager\nprint('one')\nprint('wrong', file=sys.stderr)\n"
    text += "lager.pause()\nprint(sys.argv[1:])\nsys.exit(3)\n"
    done = lager("--here", "python", "--detach", script(text), "a b", LAGER_BOX="bench7")
    id = done.stdout.split()[0]
    runs.begun.append(id)
    assert done.stderr == ""
    for option, named in (("reattach", id[:8]), ("continue", id), ("kill", id[:8])):
        assert f" lager python --{option} {named} --box bench7\n" in done.stdout.replace("    (when", "\n")
    pause = client.paused()
    known = runs.known(id)
    assert (pause["run_id"], pause["pid"]) == (id, known["script"])
    assert (known["state"], known["pauses"], known["detached"]) == ("paused", [pause["id"]], True)
    assert known["box"] == "bench7"
    assert lager("python", "--continue", id).returncode == 0
    ended = runs.wait(id[:8])
    assert (ended.returncode, ended.stdout) == (3, "one\n['a b']\n")
    assert ended.stderr.startswith("wrong\nlager: paused at ")
    known = runs.known(id)
    assert (known["state"], known["exit_code"], known["arguments"]) == ("ended", 3, ["a b"])
    assert runs.wait(id).stdout == ended.stdout


def test_a_late_reader_gets_every_line_once_and_in_order(runs, script, tmp_path, start):
    """A million lines; who comes back in the midst of them sees them all, and the end of the run."""
    text = """
import sys, os
for n in range(0, 1_000_000, 1000):
    if n == 300_000:
        open('half', 'w').close()
    sys.stdout.write(''.join(f'line {k} of a million\\n' for k in range(n, n + 1000)))
"""
    with Changes() as changes:
        changes.watch(tmp_path, 0x100)  # IN_CREATE
        id = runs.detach(script(text))
        while not (tmp_path / "half").exists():
            select.select([changes], [], [], PATIENCE)
            changes.heard()
    shown = start("/bin/sh", "-c", f"{LAGER} python --reattach {id} | sha256sum")
    whole = hashlib.sha256("".join(f"line {n} of a million\n" for n in range(1_000_000)).encode()).hexdigest()
    assert shown.out.rest(60).split()[0] == whole


def test_output_bytes_are_unchanged(runs, script, plain_lager):
    script("import sys\nsys.stdout.buffer.write(bytes(range(256)) * 5)\nsys.stderr.buffer.write(bytes(range(256)))\n")
    done = plain_lager("--reattach", runs.detach("script.py"))
    assert (done.stdout, done.stderr) == (bytes(range(256)) * 5, bytes(range(256)))


def test_arguments_and_environment_with_every_byte(runs, script, plain_lager):
    script("import os, sys\nprint(sys.argv[1:], os.environ['ODD'], os.getcwd(), os.umask(0))\n")
    every = "".join(map(chr, range(1, 128))) + "".join(chr(0xDC00 + n) for n in range(128, 256))
    words = ("script.py", every, "", "$x %n")
    expected = plain_lager(*words, ODD=every).stdout
    id = plain_lager("--detach", *words, ODD=every).stdout.split()[0].decode()
    runs.begun.append(id)
    assert plain_lager("--reattach", id).stdout == expected


def test_lines_come_as_they_are_printed(runs, script, start):
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


def test_a_slow_reader_still_gets_the_exit_code(runs, script, start, tmp_path):
    """It ends while its output is being shown, after it has been read that it runs."""
    os.mkfifo(tmp_path / "go")
    id = runs.detach(script("import sys\nprint('x' * 1000000, flush=True)\nopen('go').close()\nsys.exit(3)\n"))
    slow = start(LAGER, "python", "--reattach", id)
    slow.out.expect("x")
    (tmp_path / "go").open("w").close()
    assert runs.wait(id).returncode == 3
    slow.out.rest()
    assert (slow.wait(), slow.err.rest()) == (3, "")


def test_a_run_is_followed_without_inotify_watches(runs, script, start, tmp_path):
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


def test_the_last_lines_of_both_streams(runs, lager, script, client):
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


def keeper_has_noted_the_order(runs, id: str) -> None:
    with Changes() as changes:
        changes.watch(runs.folder, 0x2)
        while (runs.folder / f"{id}.order").stat().st_size == 0:
            assert select.select([changes], [], [], PATIENCE)[0]
            changes.heard()


def test_enter_resumes_and_ctrl_c_leaves(runs, script, client, terminal):
    id = runs.detach(script(PAUSING + "import signal\nsignal.pause()\n"))
    client.paused()
    screen = terminal(LAGER, "python", "--reattach", id)
    screen.expect("  timeout ")
    screen.type("\n")
    screen.expect("with Enter")
    screen.type("\x03")
    screen.expect(f"the run continues. To end it: lager python --kill {id[:8]}")
    assert screen.wait() == 130
    assert runs.known(id)["state"] == "running"


def test_the_whole_tree_is_ended(runs, lager, script, start):
    text = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.signal(2, signal.SIG_IGN); signal.pause()'],
                         start_new_session=True)
print(child.pid, flush=True)
try: signal.pause()
finally: print('put away')
"""
    id = runs.detach(script(text))
    follower = start(LAGER, "python", "--reattach", id)
    pid = int(follower.out.expect("\n"))
    done = lager("python", "--kill", id[:8])
    assert (done.returncode, done.stdout) == (0, f"Ended {id[:8]}: exit code 130.\n")
    assert follower.out.rest() == "put away\n"
    assert follower.wait() == 130
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    again = lager("python", "--kill", id)
    assert (again.returncode, "has already ended" in again.stderr) == (1, True)


def test_a_process_that_ignores_signals_is_killed(runs, lager, script, start):
    id = runs.detach(
        script("import signal\nsignal.signal(15, lambda *_: exit(5))\nsignal.signal(2, signal.SIG_IGN)\n" + FOR_EVER)
    )
    follower = start(LAGER, "python", "--reattach", id)
    follower.out.expect("ready")
    assert lager("python", "--kill", id).stdout == f"Ended {id[:8]}: exit code 5.\n"


def test_one_signal(runs, lager, script, start):
    id = runs.detach(script("import signal\nsignal.signal(10, lambda *_: exit(6))\n" + FOR_EVER))
    follower = start(LAGER, "python", "--reattach", id)
    follower.out.expect("ready")
    assert lager("python", "--kill", id, "--signal", "usr1").stdout == f"Sent SIGUSR1 to 1 process of {id[:8]}.\n"
    assert follower.wait() == 6
    wrong = lager("python", "--kill", id, "--signal", "FOO")
    assert (wrong.returncode, "'FOO' is not a signal" in wrong.stderr) == (2, True)


def test_the_timeout_of_a_detached_run_is_not_capped(runs, script):
    text = "import os, time\nprint(float(os.environ['LAGER_RUN_DEADLINE']) - time.monotonic() > 500)\n"
    assert runs.wait(runs.detach("--timeout", "600", script(text))).stdout == "True\n"
    ended = runs.wait(runs.detach("--timeout", "0.5", script("import signal\nsignal.pause()\n")))
    assert ended.returncode == 124
    assert ended.stderr.startswith("lager: the run timed out (--timeout)\n")


needs_a_disk = pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("unshare"), reason="only root can have a disk of its own"
)
FILL = "dd if=/dev/zero of=fill bs=1k 2>&1 | tail -n 1"


def on_a_small_disk(runs, start, commands: str) -> str:
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
def test_a_run_ends_on_a_full_disk(runs, start, script, tmp_path):
    """Neither from the end of its time, nor from being written down."""
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
def test_no_run_starts_on_a_full_disk(runs, start, script, tmp_path):
    name = tmp_path / script(FOR_EVER)
    out = on_a_small_disk(runs, start, f"{FILL}; {LAGER} python --detach {name} 2>&1 || echo code $?; ls -A")
    assert "No space left on device" in out
    assert out.endswith("code 1\nfill\n")


def test_the_uploaded_folder_is_removed_with_the_run(runs, script, tmp_path):
    (tmp_path / "sent").mkdir()
    id = runs.detach(script(""), LAGER_RUN_FOLDER=str(tmp_path / "sent"))
    runs.wait(id)
    ended(runs.known(id)["keeper"])
    assert not (tmp_path / "sent").exists()


def test_a_missing_script(runs, lager):
    done = lager("python", "--detach", "nothing.py")
    assert (done.returncode, "No such file or folder: nothing.py" in done.stderr) == (2, True)
    assert runs.all() == []


def test_the_exit_code_is_unknown_if_the_keeper_was_killed(runs, lager, script, start):
    id = runs.detach(script(FOR_EVER))
    follower = start(LAGER, "python", "--reattach", id)
    follower.out.expect("ready")
    os.kill(int(runs.known(id)["keeper"]), signal.SIGKILL)
    assert runs.known(id)["state"] == "running"
    assert lager("python", "--kill", id).stdout == f"Ended {id[:8]}.\n"
    assert follower.wait() == 1
    assert f"The exit code of the run {id[:8]} is unknown" in follower.err.rest()
    assert runs.known(id)["state"] == "died"


def test_a_run_whose_keeper_is_stopped_can_be_ended(runs, lager, script, start):
    id = runs.detach(script(FOR_EVER))
    start(LAGER, "python", "--reattach", id).out.expect("ready")
    os.kill(int(runs.known(id)["keeper"]), signal.SIGSTOP)
    assert lager("python", "--kill", id).stdout == f"Ended {id[:8]}: exit code 130.\n"


def test_a_run_in_the_foreground_is_listed(runs, run, lager):
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


def test_completion_offers_only_the_runs_that_fit_the_option(runs, run, lager, script):
    detached = runs.detach(script("print('done')"))
    runs.wait(detached)
    with recorded(runs):
        run(FOR_EVER)
    going_on = next(str(one["id"]) for one in runs.all() if one["state"] == "running")
    for option, offered in (("--reattach", detached), ("--kill", going_on), ("--pause", going_on)):
        asked = {"_LAGER_COMPLETE": "bash_complete", "COMP_WORDS": f"lager python {option} ", "COMP_CWORD": "3"}
        assert lager(**asked).stdout == f"plain,{offered[:8]}\n"


def test_a_short_run_leaves_no_record(runs, start, script):
    short = "from lager_cli import main; from lager_cli.runs import run; "
    short += "run._ATTENDED_AFTER = 20.0; main.main()"  # on any machine on any day
    assert start(sys.executable, "-c", short, "python", script("")).wait() == 0
    assert runs.all() == []


def test_a_run_in_a_removed_folder(runs, start, script, tmp_path):
    (tmp_path / "gone").mkdir()
    path = tmp_path / script("import time\ntime.sleep(0.3)\nprint('done')\n")
    process = start("/bin/sh", "-c", f"cd gone && rmdir ../gone && exec {LAGER} python {path}")
    assert process.out.rest() == "done\n"
    assert process.wait() == 0


def test_a_run_without_a_record_still_runs(run, tmp_path):
    (tmp_path / "file").touch()
    process = run(
        "import time\ntime.sleep(0.3)\n",
        XDG_STATE_HOME=str(tmp_path / "file"),
        XDG_RUNTIME_DIR="",
        TMPDIR=str(tmp_path / "file"),
    )
    assert process.wait() == 0
    assert process.err.rest() == ""


def test_a_run_pauses_when_asked(runs, lager, script, start, client):
    id = runs.detach(script("print('ready', flush=True)\nn = 0\nwhile True:\n    n += 1\n"))
    start(LAGER, "python", "--reattach", id).out.expect("ready")  # Python ignores the signal before it has begun
    done = lager("--here", "python", "--pause", id[:8], LAGER_BOX="bench7")
    pause = client.paused()
    assert done.returncode == 0
    assert f"lager python --continue {pause['id']} --box bench7" in done.stdout
    assert f"lager python --console {pause['id']} --box bench7" in done.stdout
    again = lager("python", "--pause", id[:8])
    assert (again.returncode, again.stderr) == (0, "lager: the run is already paused\n")
    assert pause["id"] in again.stdout
    lager("python", "--continue", pause["id"])
    client.resumed(pause["id"])


def test_a_run_with_breakpoints_off_refuses_to_pause(runs, lager, script):
    id = runs.detach(script(FOR_EVER), LAGER_BREAKPOINTS="Off")
    done = lager("python", "--pause", id)
    assert (done.returncode, "LAGER_BREAKPOINTS off" in done.stderr) == (1, True)


def test_a_blocking_call_delays_the_requested_pause(runs, lager, script, start, tmp_path, client):
    os.mkfifo(tmp_path / "fifo")
    text = "import ctypes\nprint('ready', flush=True)\nctypes.CDLL(None).system(b'read x < fifo')\nprint('back')\n"
    id = runs.detach(script(text))
    start(LAGER, "python", "--reattach", id).out.expect("ready")
    done = lager("python", "--pause", id)
    assert (done.returncode, "cannot interrupt" in done.stderr) == (1, True)
    (tmp_path / "fifo").write_text("\n")
    client.call("Continue", "s", client.paused()["id"])


@pytest.mark.parametrize("option", ["--pause", "--reattach", "--kill"])
def test_no_such_run(runs, lager, option):
    for id in ("deadbeef", "", "dea", "\x1b[31m", "../../etc"):
        done = lager("python", option, id)
        assert (done.returncode, done.stdout) == (1, "")
        assert "You have no run" in done.stderr
        assert "\x1b" not in done.stderr


def test_a_prefix_of_two_runs_and_an_old_record(runs, lager):
    record = {"id": "", "runnable": "x", "arguments": [], "folder": "/", "started": time.time(), "ended": time.time()}
    record |= {
        "host": os.uname().nodename,
        "keeper": {"pid": 1, "born": ""},
        "script": {"pid": 1, "born": ""},
        "exit_code": 0,
    }
    for id in ("aaaa1", "aaaa2"):
        (runs.folder / f"{id}.json").write_text(json.dumps({**record, "id": id}))
    (runs.folder / "broken.json").write_text("{")
    (runs.folder / "elsewhere.json").write_text(json.dumps({**record, "id": "bbbb", "host": "another machine"}))
    (runs.folder / "old.json").write_text(json.dumps({**record, "id": "old0", "ended": time.time() - 90000}))
    done = lager("python", "--kill", "aaaa")
    assert (done.returncode, "2 runs begin with aaaa" in done.stderr) == (1, True)
    assert {one["id"] for one in runs.all()} == {"aaaa1", "aaaa2"}
    assert len(lager("runs", "--all").stdout.splitlines()) == 4


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_a_clock_change_does_not_change_an_age(runs, script, step):
    id = runs.detach(script(FOR_EVER))
    file = runs.folder / f"{id}.json"

    def look():
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


def test_records_are_private_and_old_ones_are_removed(runs, script, tmp_path):
    id = runs.detach(script(""))
    runs.wait(id)
    assert {file.stat().st_mode & 0o077 for file in [runs.folder, *runs.folder.iterdir()]} == {0}
    (runs.folder / "left-behind.job").touch()
    old = [file for file in runs.folder.iterdir() if file.stem in (id, "left-behind")]
    for file in old:
        os.utime(file, (0, 0))
    runs.wait(runs.detach(script("")))
    assert not [file for file in old if file.exists()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--detach"], "Name a script"),
        (["--detach", "--kill", "x"], "--detach needs a script"),
        (["--tail", "3", "x.py"], "--tail needs --reattach"),
        (["--signal", "INT", "--pause", "x"], "--signal needs --kill"),
        (["--kill", "x", "--pause", "y"], "not several"),
    ],
)
def test_options_that_do_not_go_together(lager, words, said):
    done = lager("python", *words)
    assert (done.returncode, said in done.stderr) == (2, True)


def test_a_detached_run_on_a_box_keeps_its_files(runs, near, lager, script, tmp_path):
    """Over ssh: it outlives the session, its files too, and the one who comes back gets all of it."""
    (tmp_path / "data").write_text("sent along\n")
    script("import os\nprint(open('data').read(), os.getcwd())\nraise SystemExit(3)\n")
    done = lager("python", "--box", "near", "--detach", "--add-file", "data", "script.py")
    id = done.stdout.split()[0]
    runs.begun.append(id)
    assert f"lager python --reattach {id[:8]} --box near" in done.stdout
    shown = lager("python", "--reattach", id, "--box", "near")
    assert (shown.returncode, shown.stderr) == (3, "")
    sent, folder = shown.stdout.splitlines()
    assert sent == "sent along"
    ended(runs.known(id)["keeper"])
    assert not Path(folder.strip()).exists()
    refused = lager("python", "--box", "near", "--detach", "--download", "*", "script.py")
    assert (refused.returncode, "--download needs a run without --detach" in refused.stderr) == (2, True)


def ended(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError), open(os.pidfd_open(pid)) as ending:
        assert select.select([ending], [], [], PATIENCE)[0]
