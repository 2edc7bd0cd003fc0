"""A command with --box behaves like the command itself: arguments, streams, signals and exit code, through a real
ssh."""

import contextlib
import hashlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lager.errors import NoConnection
from lager_cli.boxes import remote
from tests.client import Client
from tests.fixtures import Command, Starter
from tests.loopback import HURRIED, Loopback
from tests.processes import LAGER, PATIENCE
from tests.station import Station

EVERY_BYTE = bytes(range(1, 256))
TIDY = """
import os, pathlib, sys, time
try:
    print("up", os.getppid(), flush=True)
    time.sleep(1000)
finally:
    time.sleep(0.1)
    pathlib.Path(sys.argv[1]).write_text("tidied once\\n")
"""


@pytest.fixture
def there(near: Loopback, tmp_path: Path) -> Callable[..., str]:
    """Write a script that is on the box; its whole path."""

    def write(text: str, name: str = "script.py") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", 0, ""),
        ("import sys; sys.exit(75)", 75, ""),
        ("import os; os.kill(os.getpid(), 9)", 137, "lager: the script was killed by SIGKILL\n"),
    ],
)
def test_the_exit_code_is_the_scripts(
    start: Starter, there: Callable[..., str], text: str, code: int, said: str
) -> None:
    process = start(LAGER, "python", "--box", "near", there(text))
    assert process.wait() == code
    assert (process.out.rest(), process.err.rest()) == ("", said)


def test_arguments_and_variables_arrive_byte_for_byte(
    start: Starter, there: Callable[..., str], tmp_path: Path
) -> None:
    script = there(
        "import os, sys\n"
        "for text in (*sys.argv[1:], os.environ['A'], os.environ['B'], os.environ['LAGER_BOX']):\n"
        "    print(os.fsencode(text).hex())\n"
    )
    words = [EVERY_BYTE, b"", b"two words", b"-x", b"--boxes", b"'\"$(id)`;\n"]
    settings = [b"--env", b"A=" + EVERY_BYTE, b"--passenv", b"B"]
    process = start(
        *os.fsencode(LAGER).split(), b"python", b"--box=near", *settings, script.encode(), *words, B="ü\udcff"
    )
    assert process.wait() == 0, process.err.rest()
    expected = [*words, EVERY_BYTE, "ü\udcff".encode("utf-8", "surrogateescape"), b"near"]
    assert [bytes.fromhex(line) for line in process.out.rest().splitlines()] == expected


@pytest.mark.parametrize("words", [["--env", "TOKEN=s3cret-{}"], ["--env=TOKEN=s3cret-{}"]])
@pytest.mark.parametrize("box", [["--box", "near"], []])
def test_a_secret_in_env_is_in_no_command_line(
    start: Starter, there: Callable[..., str], tmp_path: Path, words: list[str], box: Any
) -> None:
    secret = [word.format(tmp_path.name) for word in words]
    script = there("import os\nprint(os.environ['TOKEN'], flush=True)\nopen(os.environ['GO']).close()\n")
    os.mkfifo(tmp_path / "go")
    process = start(LAGER, "python", *box, *secret, "--env", f"GO={tmp_path / 'go'}", script)
    process.out.expect(f"s3cret-{tmp_path.name}")
    shown = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            shown.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    open(tmp_path / "go", "w").close()
    assert process.wait() == 0
    assert [line for line in shown if f"s3cret-{tmp_path.name}" in line] == []


@pytest.mark.parametrize(
    ("before", "behind", "shown"),
    [
        (["--box", "near"], ["a"], "['a'] near None"),
        ([], ["--box=near", "a"], "['a'] near None"),
        ([], ["a", "--env", "A=1", "--box", "near"], "['a'] near 1"),
        ([], ["-m", "--env=A=1", "-h", "--box", "near", "--", "--", "--box"], "['-m', '-h', '--', '--box'] near 1"),
        (["--"], ["--box", "near"], "['--box', 'near'] None None"),
    ],
)  # fmt: skip
def test_the_option_box_works_anywhere_before_two_dashes(
    start: Starter, there: Callable[..., str], before: Any, behind: list[str], shown: str
) -> None:
    script = there("import os, sys; print(sys.argv[1:], os.environ.get('LAGER_BOX'), os.environ.get('A'))")
    process = start(LAGER, "python", *before, script, *behind)
    assert process.out.rest() == f"{shown}\n"
    assert process.err.rest() == ""


@pytest.mark.variant
def test_an_option_that_lager_took_is_reported_once_over_box(start: Starter, there: Callable[..., str]) -> None:
    process = start(LAGER, "python", there("import sys; print(sys.argv[1:])"), "--timeout", "60", "--box", "near", "x")
    assert process.out.rest() == "['x']\n"
    assert process.err.rest() == "lager: took --timeout 60 for itself; put -- before the script's own options\n"


def test_standard_streams_stay_separate_and_binary(station: Station, there: Callable[..., str], tmp_path: Path) -> None:
    script = there(
        "import os, sys\n"
        "data = sys.stdin.buffer.read()\n"
        "sys.stdout.buffer.write(data[::-1])\n"
        "sys.stderr.buffer.write(data)\n"
        "print([os.isatty(fd) for fd in (0, 1, 2)], file=sys.stderr)\n"
    )
    data = os.urandom(1 << 20)
    command = [LAGER, "python", "--box", "near", script]
    done = subprocess.run(command, input=data, env=station.env, capture_output=True, timeout=60, check=True)
    assert done.stdout == data[::-1]
    assert done.stderr == data + b"[False, False, False]\n"


@pytest.mark.variant
@pytest.mark.parametrize(
    ("closing", "expected"), [(">&- 2>&-", "open closed closed "), ("<&-", "closed open open ")], ids=["out", "in"]
)
def test_a_stream_closed_here_is_closed_on_the_box(
    station: Station, there: Callable[..., str], tmp_path: Path, closing: str, expected: str
) -> None:
    script = there(
        "import os, sys\n"
        "with open(sys.argv[1], 'w') as file:\n"
        "    for fd in (0, 1, 2):\n"
        "        try:\n"
        "            os.fstat(fd)\n"
        "            file.write('open ')\n"
        "        except OSError:\n"
        "            file.write('closed ')\n"
    )
    line = f'exec "$0" python --box near "$1" "$2" {closing}'
    command = ["sh", "-c", line, LAGER, script, str(tmp_path / "told")]
    subprocess.run(command, env=station.env, timeout=60, check=True, stdin=subprocess.DEVNULL)
    # The file that the script opens takes the first number that is free.
    assert (tmp_path / "told").read_text() in (expected, expected.replace("closed", "open", 1))


def test_a_closed_pipe_ends_the_script_on_the_box(station: Station, there: Callable[..., str]) -> None:
    script = there("import itertools\nfor n in itertools.count():\n    print(n)\n")
    line = '"$0" python --box near "$1" 2>/dev/null | head -n 2; echo "${PIPESTATUS[0]}"'
    done = subprocess.run(
        ["bash", "-c", line, LAGER, script], env=station.env, capture_output=True, text=True, timeout=60
    )
    zero, one, code = done.stdout.splitlines()
    assert (zero, one) == ("0", "1")
    assert int(code) in (1, 120)  # as Python ends by itself


@pytest.mark.variant
@pytest.mark.parametrize(("code", "told"), [(0, 1), (7, 7)])
def test_a_full_disk_here_is_reported(start: Starter, there: Callable[..., str], code: int, told: int) -> None:
    there(f"import os, sys\nos.write(1, b'lost')\nsys.exit({code})\n")
    process = start("/bin/sh", "-c", f"exec {LAGER} python --box near script.py >/dev/full")
    assert "The output of the box could not be written: [Errno 28]" in process.err.rest()
    assert process.wait() == told


@pytest.mark.variant
def test_an_unread_stream_does_not_block_the_others(start: Starter, there: Callable[..., str]) -> None:
    process = start(
        LAGER, "python", "--box", "near",
        there("import os, threading\n"
              "threading.Thread(target=lambda: [os.write(1, b'x' * (1 << 20)) for _ in range(12)]).start()\n"
              "os.write(2, b'here\\n')\n"),
    )  # fmt: skip
    process.err.expect("here\n")
    assert len(process.out.rest()) == 12 << 20
    assert process.wait() == 0


ENDS = f"""
import sys
from lager_cli.boxes.session.protocol import FrameKind, Stream, encode, greeting, head
data = b"x" * {1 << 20}
sys.stdout.buffer.write(greeting("1") + head(FrameKind.DATA, Stream.OUT, len(data)) + data + encode(FrameKind.EXIT, 3))
"""


@pytest.mark.variant
def test_received_output_is_written_after_the_connection_is_lost(start: Starter, near: Loopback) -> None:
    """All output has arrived but is not read yet, as in a pager that a user reads for a long time."""
    near.answering(ENDS)
    process = start(LAGER, "history", "--box", "other")
    process.out.expect("x")
    for ssh in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        with contextlib.suppress(ProcessLookupError), os.fdopen(os.pidfd_open(int(ssh)), "rb") as end:
            assert select.select([end], [], [], PATIENCE)[0]
    assert len(process.out.rest()) == (1 << 20) - 1
    assert process.wait() == 3


@pytest.mark.slow
def test_two_hundred_megabytes_arrive_as_they_were_sent(station: Station, there: Callable[..., str]) -> None:
    script = there(
        "import hashlib, random, sys\n"
        "block, said = random.randbytes(1 << 20), hashlib.sha256()\n"
        "for _ in range(200):\n"
        "    said.update(block)\n"
        "    sys.stdout.buffer.write(block)\n"
        "print(said.hexdigest(), file=sys.stderr)\n"
    )
    command = [LAGER, "python", "--box", "near", script]
    with subprocess.Popen(command, env=station.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert isinstance(process.stdout, io.BufferedReader)
        assert process.stderr is not None
        heard, count = hashlib.sha256(), 0
        while data := process.stdout.read1(1 << 20):
            heard.update(data)
            count += len(data)
        assert process.stderr.read().decode() == heard.hexdigest() + "\n"
    assert (process.returncode, count) == (0, 200 << 20)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_reaches_the_script(
    start: Starter, there: Callable[..., str], tmp_path: Path, number: Any, code: int
) -> None:
    text = TIDY if number == signal.SIGINT else "import time; print('up', flush=True); time.sleep(1000)"
    process = start(LAGER, "python", "--box", "near", there(text), str(tmp_path / "told"))
    process.out.expect("up")
    process.kill(number)
    assert process.wait() == code
    if number == signal.SIGINT:
        assert (tmp_path / "told").read_text() == "tidied once\n"


def test_other_commands_run_on_the_box_too(lager: Command, run: Starter, client: Client, near: Loopback) -> None:
    process = run("import lager\nlager.pause('on the bench', interactive=True)\n")
    id = client.paused()["id"]
    (pause,) = json.loads(lager("breakpoints", "--json", LAGER_BOX="near").stdout)
    assert pause["label"] == "on the bench"
    assert lager("python", "--box", "near", "--console", id, stdin="6 * 7\n").stdout == "42\n"
    done = lager("python", "--continue", id, "--box", "near")
    assert (done.returncode, done.stdout) == (0, f"Resumed {id}.\n")
    assert process.wait() == 0


@pytest.mark.variant
def test_a_list_and_an_extension_are_of_the_box(lager: Command, run: Starter, client: Client, near: Loopback) -> None:
    process = run("import lager\nlager.pause('on the bench')\n")
    id = client.paused()["id"]
    assert id in lager("breakpoints", "--box", "near").stdout
    assert lager("python", "--extend", id, "600", "--box", "near").returncode == 0
    listed = lager("breakpoints", "--box", "near").stdout
    assert "15m00s" in listed or "14m" in listed
    client.call("Continue", "s", id)
    assert process.wait() == 0
    assert lager("instruments", "--box", "near").stdout == "No instrument is in use.\n"


@pytest.mark.variant
def test_a_command_that_reads_nothing_leaves_standard_input_alone(station: Station, near: Loopback) -> None:
    line = '"$0" instruments --box near; cat'
    done = subprocess.run(["sh", "-c", line, LAGER], env=station.env, input=b"mine", capture_output=True, timeout=60)
    assert done.stdout == b"No instrument is in use.\nmine"


def test_a_channel_is_standard_input_and_output_of_a_command(
    near: Loopback, run: Starter, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in near.env.items():
        monkeypatch.setenv(name, value)
    process = run("import lager\nlager.pause(interactive=True)\n")
    id = client.paused()["id"]
    with remote.channel("near", ["python", "--console", id]) as channel:
        channel.settimeout(20)
        channel.sendall(b"6 * 7\n")
        assert channel.recv(100) == b"42\n"
        channel.shutdown(socket.SHUT_WR)
        assert channel.recv(100) == b""
    with pytest.raises(NoConnection, match="refuses ssh"):
        remote.channel("refusing", ["breakpoints"])
    client.call("Continue", "s", id)
    assert process.wait() == 0


@pytest.mark.variant
def test_a_channel_keeps_where_errors_go_although_its_caller_closes_it(
    near: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in near.env.items():
        monkeypatch.setenv(name, value)
    reader, writer = os.pipe()
    with remote.channel("near", ["console", "0badc0de"], errors=writer) as channel, open(reader, "rb") as errors:
        os.close(writer)
        channel.settimeout(20)
        assert channel.recv(100) == b""
        assert b"0badc0de" in errors.read()


@pytest.mark.variant
def test_a_run_stays_on_its_bench(start: Starter, there: Callable[..., str]) -> None:
    text = "import subprocess, sys\nsys.exit(subprocess.call([sys.argv[1], 'breakpoints']))\n"
    process = start(LAGER, "python", "--box", "near", there(text), LAGER)
    assert (process.wait(), process.out.rest()) == (0, "No script is paused.\n")


@pytest.mark.usefixtures("bench")
def test_an_instrument_on_the_box(lager: Command, near: Loopback) -> None:
    assert lager("supply", "supply2", "voltage", "3.3", "--box", "near").returncode == 0
    assert "(set 3.300 V)" in lager("supply", "supply2").stdout


@pytest.mark.variant
@pytest.mark.usefixtures("bench")
def test_a_switch_and_a_reading_on_the_box(lager: Command, near: Loopback) -> None:
    assert lager("supply", "supply2", "enable", "--box", "near").returncode == 0
    assert "V" in lager("adc", "--box", "near", "adc4").stdout


@pytest.fixture
def tidy(start: Starter, there: Callable[..., str], tmp_path: Path) -> Iterator[Any]:
    with tidying(start, [LAGER], "near", there(TIDY), tmp_path / "told") as process:
        yield process


@contextlib.contextmanager
def tidying(start: Starter, lager: list[str], box: str, script: str, told: Path) -> Iterator[Any]:
    """A run on the box that tells through a fifo how often it was interrupted; afterwards its session is over there."""
    os.mkfifo(told)
    process: Any = start(*lager, "python", "--box", box, script, str(told))
    process.out.expect("up ")
    with open(f"/proc/{int(process.out.expect(chr(10)))}/stat") as stat:
        process.session = int(stat.read().rpartition(")")[2].split()[1])
    with open(os.pidfd_open(process.session), "rb", buffering=0) as ended:
        yield process
        assert select.select([ended], [], [], PATIENCE)[0]


@pytest.mark.parametrize("program", ["ssh", "lager", "session"])
def test_killing_any_process_of_the_connection_interrupts_the_run(tidy: Any, tmp_path: Path, program: str) -> None:
    if program == "lager":
        tidy.kill()
    else:
        os.kill(children(tidy.pid)[0] if program == "ssh" else tidy.session, signal.SIGKILL)
        assert tidy.wait() == 255
        assert "The connection to the box near is lost" in tidy.err.rest()
    assert (tmp_path / "told").read_text() == "tidied once\n"


def test_losing_a_follower_does_not_interrupt_a_detached_run(start: Starter, there: Callable[..., str]) -> None:
    detaching = start(
        LAGER, "python", "--detach", "--box", "near", there("import signal\nprint('up', flush=True)\nsignal.pause()")
    )
    id = detaching.out.expect("\n").strip()
    follower = start(LAGER, "python", "--reattach", id, "--box", "near")
    follower.out.expect("up\n")
    os.kill(children(follower.pid)[0], signal.SIGKILL)
    assert follower.wait() == 255
    assert "the box interrupts the run unless it is detached." in follower.err.rest()
    ended = start(LAGER, "python", "--kill", id, "--box", "near")
    assert (ended.wait(), ended.out.rest()) == (0, f"Ended {id[:8]}: exit code 130.\n")


def test_both_ends_consider_a_silent_connection_lost(
    start: Starter, near: Loopback, there: Callable[..., str], tmp_path: Path
) -> None:
    near.answering(HURRIED)
    with tidying(start, [sys.executable, "-c", HURRIED], "other", there(TIDY), tmp_path / "told") as run:
        (ssh,) = children(run.pid)
        os.kill(ssh, signal.SIGSTOP)
        try:
            assert (tmp_path / "told").read_text() == "tidied once\n"
            assert run.wait() == 255
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(ssh, signal.SIGKILL)
        assert "is lost" in run.err.rest()


def children(pid: Any) -> list[Any]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
