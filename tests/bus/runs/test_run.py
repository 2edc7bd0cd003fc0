"""`lager python` as a stand-in for `python`: its input, its output and its end."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import LAGER, PATIENCE
from tests.station import Station

PYTHON = sys.executable
SELF = """
import json, os, sys
print(json.dumps([sys.argv, sys.path, os.getcwd(), __name__, sys.flags.safe_path, __spec__ is None]))
"""


def same_as_python(station: Station, folder: Any, *arguments: str, ends: Sequence[str] = ()) -> list[Any]:
    """What a script sees of itself, which must not differ from what plain python shows it. `ends` is what stands for
    lager alone behind the first of the arguments."""
    seen: list[list[Any]] = []
    for command in ([LAGER, "python", arguments[0], *ends], [PYTHON, arguments[0]]):
        done = subprocess.run(
            [*command, *arguments[1:]], env=station.env, cwd=folder, capture_output=True, timeout=PATIENCE, check=True
        )
        assert done.stderr == b""
        seen.append(json.loads(done.stdout))
    assert seen[0] == seen[1]
    return seen[0]


ODD = [
    "",
    " ",
    "a b",
    "'",
    '"',
    "$HOME",
    "*",
    "--",
    "--timeout",
    "-m",
    "\n\t\x1b\x7f",
    "ü€😀",
    "\udcff\udc80",
    "%s",
    "\\",
]
EVERY = "".join(map(chr, range(1, 128))) + "".join(chr(0xDC00 + n) for n in range(128, 256))


def test_a_file_and_its_arguments(station: Station, script: ScriptWriter, tmp_path: Path) -> None:
    argv = same_as_python(station, tmp_path, script(SELF), *ODD, EVERY, ends=["--"])[0]
    assert argv == ["script.py", *ODD, EVERY]


@pytest.mark.parametrize("name", ["-dash.py", "a b.py", "ü\n.py", "no_suffix", "sub/deep.py"])
def test_files_of_any_name(start: Starter, script: ScriptWriter, tmp_path: Path, name: str) -> None:
    (tmp_path / "sub").mkdir()
    script("import sys\nprint(sys.argv[1:])\n", name)
    process = start(LAGER, "python", "--", name, "x")
    assert process.out.rest() == "['x']\n"
    assert process.wait() == 0


@pytest.mark.variant
def test_a_module_is_run(station: Station, script: ScriptWriter, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    script("", "package/__init__.py")
    script(SELF, "package/inner.py")
    assert same_as_python(station, tmp_path, "-m", "package.inner", "x", "-m")[0][1:] == ["x", "-m"]


@pytest.mark.parametrize("folder", ["folder", "--detach"])
@pytest.mark.parametrize("names", [["main.py"], ["__main__.py"], ["main.py", "__main__.py"]])
def test_a_folder_with_a_main_is_run(
    start: Starter, script: ScriptWriter, tmp_path: Path, names: list[str], folder: str
) -> None:
    (tmp_path / folder).mkdir()
    script("X = 1\n", f"{folder}/beside.py")
    for name in names:
        script(f"import beside, sys\nprint({name!r}, __name__, sys.argv[1:])\n", f"{folder}/{name}")
    process = start(LAGER, "python", "--", folder, "x")
    assert process.out.rest() == f"{names[0]} __main__ ['x']\n"


def test_env_and_passenv_set_variables(start: Starter, script: ScriptWriter, tmp_path: Path) -> None:
    names = ["LAGER_RUNNABLE", "LAGER_BUS_ADDRESS", "A", "B", "LAGER_PROCESS_ID", "LAGER_BOX", "C"]
    script(f"import json, os\nprint(json.dumps([os.environ.get(n) for n in {names}]))\n")
    options = ("--env", "A=1=2", "--env", "B=", "--passenv", "C", "--passenv", "NOT_THERE")
    process = start(LAGER, "--here", "python", *options, "./script.py", LAGER_BOX="bench7", C="ü")
    runnable, address, a, b, id, box, c = json.loads(process.out.rest())
    assert (runnable, a, b, box, c) == ("./script.py", "1=2", "", "bench7", "ü")
    assert address.startswith("unix:path=")
    assert str(uuid.UUID(id)) == id
    assert process.err.rest() == "lager: NOT_THERE is not set here; --passenv has no effect\n"


@pytest.mark.parametrize(("value", "said"), [("0", ""), ("builtins.print", "hello\n"), ("no.such.hook", "")])
def test_the_users_breakpoint_hook_is_kept(run: Starter, value: str, said: str) -> None:
    process = run("import warnings\nwarnings.simplefilter('ignore')\nbreakpoint('hello')\n", PYTHONBREAKPOINT=value)
    assert process.out.rest() == said
    assert process.wait() == 0


@pytest.mark.parametrize("codes", [(0, 75, 255), (1, 2, 124, 127, 130)])
def test_every_exit_code(start: Starter, script: ScriptWriter, codes: tuple[int, ...]) -> None:
    script("import sys\nsys.exit(int(sys.argv[1]))\n")
    for code in codes:
        process = start(LAGER, "python", "script.py", str(code))
        assert process.wait() == code
        assert process.err.rest() == ""


def test_a_parent_that_ignores_the_ends_of_its_children(start: Starter, script: ScriptWriter) -> None:
    """The kernel passes that on to what it starts, and tells nobody there how a child ended."""
    command = f"trap '' CHLD; exec {LAGER} python {script('raise SystemExit(75)')}"
    assert start("/bin/sh", "-c", command).wait() == 75


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGSEGV", "SIGINT", "SIGPIPE"])
def test_a_run_ended_by_a_signal_returns_128_plus_its_number(run: Starter, name: str) -> None:
    number = signal.Signals[name]
    default = "" if name == "SIGKILL" else f"signal.signal({number}, signal.SIG_DFL)\n"
    assert run(f"import os, signal\n{default}os.kill(os.getpid(), {number})\n").wait() == 128 + number


def test_an_exception_and_a_syntax_error(run: Starter) -> None:
    process = run("1 / 0\n")
    assert process.wait() == 1
    assert process.err.rest().endswith("ZeroDivisionError: division by zero\n")
    assert run("def f(:\n").wait() == 1


def test_streams_pass_through_unchanged(station: Station, script: ScriptWriter, tmp_path: Path) -> None:
    script(
        "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])\nsys.stderr.buffer.write(bytes(range(256)))"
    )
    data = os.urandom(1 << 20) + bytes(range(256))
    done = subprocess.run(
        [LAGER, "python", "script.py"], env=station.env, cwd=tmp_path, input=data, capture_output=True,
        timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert done.stdout == data[::-1]
    assert done.stderr == bytes(range(256))


def test_signals_reach_the_script_with_its_own_dispositions(run: Starter) -> None:
    text = """
import signal
print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), signal.getsignal(signal.SIGINT).__name__, flush=True)
def handler(number, _):
    print(signal.Signals(number).name, flush=True)
for name in ('SIGUSR1', 'SIGUSR2'):
    signal.signal(getattr(signal, name), handler)
print('ready', flush=True)
while True: signal.pause()
"""
    process = run(text)
    process.out.expect("[] default_int_handler\n")
    process.out.expect("ready")
    for name in ("SIGUSR1", "SIGUSR2"):
        process.kill(signal.Signals[name])
        process.out.expect(name)
    process.kill(signal.SIGINT)
    assert process.wait() == 128 + signal.SIGINT


def test_closed_standard_streams(start: Starter, script: ScriptWriter) -> None:
    script("import sys\nsys.exit(3 if sys.stdin is None and sys.stdout is None and sys.stderr is None else 4)\n")
    assert start("/bin/sh", "-c", f"exec {LAGER} python script.py <&- >&- 2>&-").wait() == 3


@pytest.mark.variant
@pytest.mark.parametrize("command", ["breakpoints show {id}", "breakpoints", "runs --all", "instruments"])
def test_closed_output_of_the_commands(start: Starter, run: Starter, client: Client, command: str) -> None:
    run("import lager\nlager.pause()\n")
    id = client.paused()["id"]
    process = start("/bin/sh", "-c", f"exec {LAGER} {command.format(id=id)} >&-")
    assert (process.err.rest(), process.wait()) == ("", 0)


@pytest.mark.variant
@pytest.mark.parametrize(
    ("command", "code"), [("python --continue dead", 1), ("python nothing.py", 2), ("nonsense", 2)]
)
def test_an_error_that_cannot_be_printed_has_its_exit_code(start: Starter, command: str, code: int) -> None:
    assert start("/bin/sh", "-c", f"exec {LAGER} {command} 2>/dev/full").wait() == code


def test_a_reader_that_closes_the_pipe(start: Starter, script: ScriptWriter, client: Client, run: Starter) -> None:
    run("import lager\nlager.pause('x' * 150)\n")
    id = client.paused()["id"]
    process = start("/bin/sh", "-c", f"set -o pipefail 2>/dev/null; {LAGER} breakpoints | true")
    assert process.err.rest() == ""
    full = start("/bin/sh", "-c", f"exec {LAGER} breakpoints > /dev/full")
    assert full.wait() != 0
    assert "Traceback" not in full.err.rest()
    client.call("Continue", "s", id)


def test_code_of_the_command_line_runs_as_with_python(lager: Command, client: Client) -> None:
    done = lager("python", "-c", "import sys; print(sys.argv)", "--env", "A=1", "-x")
    assert (done.returncode, done.stdout) == (0, "['-c', '--env', 'A=1', '-x']\n")
    assert lager("python", "-cprint(2 * 21)").stdout == "42\n"


def test_a_script_comes_from_standard_input(lager: Command) -> None:
    assert lager("python", "-", "a", "b", stdin="import sys\nprint(sys.argv)\n").stdout == "['-', 'a', 'b']\n"


@pytest.mark.variant
def test_code_of_the_command_line_pauses(start: Starter, client: Client) -> None:
    process = start(LAGER, "python", "-c", "from lager import pause; pause('look'); print('after')")
    pause = client.paused()
    assert (pause["label"], pause["file"]) == ("look", "<string>")
    client.call("Continue", "s", pause["id"])
    process.out.expect("after\n")
    assert process.wait() == 0


def test_unbuffered_output_comes_at_once(station: Station, monkeypatch: pytest.MonkeyPatch, lager: Command) -> None:
    monkeypatch.delitem(station.env, "PYTHONUNBUFFERED")
    text = "import sys; print(sys.stdout.write_through)"
    assert lager("python", "-u", "-c", text).stdout == "True\n"
    assert lager("python", "-c", text).stdout == "False\n"


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["suply"], "supply"), (["breakpoint"], "breakpoints"), (["supply", "supply2", "voltge"], "voltage"),
     (["completion", "zhs"], "zsh")],
)  # fmt: skip
def test_a_mistyped_word_is_answered_with_the_nearest_one(lager: Command, words: list[str], meant: str) -> None:
    refused = lager(*words)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.rstrip().endswith(f"Did you mean {meant}?")


def test_a_word_like_no_other_is_refused_without_a_guess(lager: Command) -> None:
    refused = lager("zzz")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.endswith("There is no command 'zzz'.\n")


def test_a_short_run_without_a_terminal_makes_no_connection_and_a_longer_one_does(run: Starter) -> None:
    nowhere = "unix:path=/nowhere"
    short = run("import time\ntime.sleep(0.15)\nprint('done')\n", LAGER_BUS_ADDRESS=nowhere)
    assert (short.wait(), short.out.rest(), short.err.rest()) == (0, "done\n", "")
    longer = run("import signal\nsignal.pause()\n", LAGER_BUS_ADDRESS=nowhere)
    longer.err.expect("The bus at unix:path=/nowhere cannot be reached")
