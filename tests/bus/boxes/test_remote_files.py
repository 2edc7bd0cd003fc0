"""The files of a run on a box, through a real ssh: they arrive, the results come back, and nothing remains."""

import contextlib
import hashlib
import os
import random
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from tarfile import TarInfo
from typing import Any

import pytest

from lager_cli.boxes.session.protocol import FrameKind, Stream, encode, head
from lager_cli.transfer.tar import header
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter, TerminalStarter
from tests.loopback import Loopback
from tests.processes import LAGER, PATIENCE

HASHES = """
import hashlib, os, stat
for folder, folders, names in os.walk("."):
    for name in folders + names:
        path = os.path.join(folder, name)
        about = os.lstat(path)
        digest = os.readlink(path) if stat.S_ISLNK(about.st_mode) else ""
        if stat.S_ISREG(about.st_mode):
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        print(os.fsencode(path).hex(), oct(about.st_mode), digest)
"""
WRITES = """
import os, sys
os.makedirs("results/deep")
for name in ("results/a.csv", "results/deep/b.csv", "log.txt", "data.csv"):
    open(name, "w").write("new " + name)
os.kill(os.getpid(), int(sys.argv[1])) if len(sys.argv) > 1 else sys.exit(75)
"""
STANDS = """
import os, sys
session = int(open(f"/proc/{os.getppid()}/stat").read().rpartition(")")[2].split()[1])
print(os.getcwd(), f"{session},{os.getppid()}", flush=True)
os.mkdir("closed")
open("closed/file", "w").close()
os.chmod("closed", 0)
sys.stdin.read()
"""


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def listed(folder: Path) -> list[str]:
    """What HASHES says of the same files."""
    lines = []
    for path in folder.rglob("*"):
        digest = str(path.readlink()) if path.is_symlink() else ""
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        name = os.path.join(".", path.relative_to(folder))
        lines.append(f"{os.fsencode(name).hex()} {oct(path.lstat().st_mode)} {digest}".strip())
    return sorted(lines)


@pytest.fixture
def user(tmp_path: Path, near: Loopback, script: Callable[..., str]) -> Iterator[Path]:
    """The folder that commands are typed in. The box has its temporary folders elsewhere, and none is left."""
    temporary = near.folder / "tmp"
    temporary.mkdir()
    config = near.folder / "sshd.conf"
    config.write_text(config.read_text().replace("SetEnv ", f'SetEnv "TMPDIR={temporary}" '))
    yield tmp_path
    assert os.listdir(temporary) == []


@pytest.mark.slow
def test_two_thousand_files_and_a_large_one(start: Starter, script: ScriptWriter, user: Path) -> None:
    project = user / "project"
    seeded = random.Random(7)
    for number in range(2000):
        folder = project / f"part {number % 40}" / f"ü{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.bin").write_bytes(seeded.randbytes(seeded.randrange(300)))
        (folder / f"{number}.bin").chmod((0o644, 0o600, 0o755, 0o444)[number % 4])
        if number % 10 == 0:
            (folder / f"{number}.link").symlink_to(f"../ü{number % 7}/{number}.bin")
    with (project / "large").open("wb") as large:
        block = seeded.randbytes(1 << 20)
        for number in range(200):
            large.write(number.to_bytes(8, "big") + block[8:])
    script(HASHES, "project/main.py")
    os.chmod(project / "large", 0o640)
    process = start(LAGER, "python", "--box", "near", "project")
    out = process.out.rest(60)
    assert process.wait() == 0, process.err.rest()
    there = [line.replace(b"./project".hex(), b".".hex(), 1).strip() for line in out.splitlines()]
    assert sorted(line for line in there if not line.startswith(b".".hex() + " ")) == listed(project)


ODD = [
    " ",
    "a b.py",
    "'",
    '"',
    "a\nb",
    "-rf",
    "--",
    "ü😀",
    "\udcff\udc80",
    "\\",
    "$HOME",
    "*",
    "#",
    "\x1b[2J",
    "x" * 200,
]


@pytest.mark.variant
def test_names_of_every_kind(start: Starter, script: ScriptWriter, user: Path) -> None:
    for name in ODD:
        script("x", name)
    script(HASHES, "-odd \udcff'\n.py")
    added = [word for name in ODD for word in ("--add-file", name)]
    process = start(LAGER, "python", "--box", "near", *added, "--", "-odd \udcff'\n.py")
    there = {bytes.fromhex(line.split()[0]) for line in process.out.rest().splitlines()}
    assert process.wait() == 0, process.err.rest()
    assert there == {os.fsencode(f"./{name}") for name in [*ODD, "-odd \udcff'\n.py"]}


def test_a_script_goes_alone_and_a_module_with_its_package(start: Starter, script: ScriptWriter, user: Path) -> None:
    (user / "pkg").mkdir()
    script(
        "import pkg.other, os; print(os.listdir(), sorted(n for n in os.listdir('pkg') if n[0] != '_'))", "pkg/inner.py"
    )
    script("", "pkg/other.py")
    script("import os; print(os.listdir())")
    assert start(LAGER, "python", "script.py", "--box", "near").out.rest() == "['script.py']\n"
    process = start(LAGER, "python", "--box", "near", "-m", "pkg.inner")
    assert process.out.rest() == "['pkg'] ['inner.py', 'other.py']\n"


def test_the_banner_the_list_and_the_traceback_show_names_as_typed(
    start: Starter, script: ScriptWriter, user: Path, lager: Command, client: Client
) -> None:
    (user / "sub").mkdir()
    (user / "elsewhere").mkdir()
    script("from lager import pause\ndef fail():\n    pause('here')\n    1 / 0\n", "sub/helper.py")
    script("import os, helper\nos.chdir('/')\nhelper.fail()\n", "sub/test.py")
    os.rename(user / "sub" / "helper.py", user / "elsewhere" / "helper.py")
    whole = f"{user}/elsewhere/helper.py"
    for typed, added, shown in [
        ("sub/test.py", "elsewhere", "elsewhere/helper.py"),
        (f"{user}/./sub/test.py", whole, whole),
    ]:
        env = {"PYTHONPATH": "."} if typed == "sub/test.py" else {}
        options = ["--env", "PYTHONPATH=elsewhere", "--box=near", "--add-file", added]
        process = start(LAGER, "python", *options, typed, **env)
        pause = client.paused()
        assert (pause["file"], pause["script"]) == (shown, typed)
        process.err.expect(f"lager: paused at {shown}:3 in fail - here\n")
        assert "elsewhere/helper.py:3" in lager("breakpoints").stdout
        client.call("Continue", "s", pause["id"])
        told = process.err.rest()
        assert f'  File "{typed}", line 3, in <module>\n' in told
        assert f'  File "{shown}", line 4, in fail\n' in told
        assert "/lager-" not in told
        assert process.wait() == 1


def test_results_are_downloaded_whatever_the_exit_code(start: Starter, script: ScriptWriter, user: Path) -> None:
    script(WRITES)
    script("mine", "log.txt")
    script("sent", "data.csv")
    options = ["--add-file", "data.csv", "--download", "results", "--download=*.txt", "--download", "*.png"]
    process = start(LAGER, "python", "script.py", "--box", "near", *options)
    assert process.wait() == 75
    assert process.err.rest().splitlines() == [
        "lager: took --download results, --download=*.txt, --download *.png for itself; put -- before the script's own "
        "options",
        "lager: --download *.png: the run wrote no such file",
        "lager: log.txt already exists, so the run's file is log.txt.1. Use --allow-overwrite to replace it.",
    ]
    assert below(user) == ["data.csv", "log.txt", "log.txt.1", "results/a.csv", "results/deep/b.csv", "script.py"]
    process = start(LAGER, "python", "script.py", "--box", "near", *options, "--allow-overwrite", "9")
    assert process.wait() == 128 + 9
    assert (user / "log.txt").read_text() == "new log.txt"
    assert (user / "data.csv").read_text() == "sent"


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (["--download", "../x"], "--download '../x' is outside the run's folder.", 1),
        (["--download", "script.py"], "script.py already exists, and --download would replace it. Move it away, or", 1),
        (["--add-file", "no.csv"], "no.csv cannot be sent: No such file or directory.", 1),
        (["--add-file", ""], "A file without a name cannot be sent: No such file or directory.", 1),
        (["--add-file", "fifo"], "/fifo is a FIFO, which cannot be sent.", 1),
    ],
)
def test_invalid_options_are_reported_before_anything_runs(
    start: Starter, script: ScriptWriter, user: Path, options: list[str], said: str, code: int
) -> None:
    script("print('ran')")
    os.mkfifo(user / "fifo")
    process = start(LAGER, "python", "--box", "near", *options, "script.py")
    assert process.wait() == code
    assert said in process.err.rest()
    assert process.out.rest() == ""


def test_the_same_options_work_on_the_box_itself(start: Starter, script: ScriptWriter, tmp_path: Path) -> None:
    script("open('result', 'w').close()")
    options = ["--add-file", "script.py", "--download", "result", "--allow-overwrite"]
    process = start(LAGER, "python", *options, "script.py")
    assert process.wait() == 0
    assert process.err.rest() == ""
    process = start(LAGER, "python", "--add-file", "no.csv", "script.py")
    assert process.wait() == 2
    assert "--add-file: no such file or folder: no.csv" in process.err.rest()


def end_by_eof(process: Any) -> int:
    process.stdin.close()
    return 0


def end_by_kill(process: Any) -> int:
    process.kill(signal.SIGKILL)
    return -signal.SIGKILL


def end_of_session(process: Any) -> int:
    os.kill(process.session, signal.SIGKILL)
    return 255


def end_by_ctrl_c(process: Any) -> int:
    process.kill(signal.SIGINT)
    return 128 + signal.SIGINT


@pytest.mark.parametrize("end", [end_by_eof, end_by_kill, end_by_ctrl_c, end_of_session])
def test_the_folder_is_removed_however_the_run_ends(start: Starter, script: ScriptWriter, user: Path, end: Any) -> None:
    reader, writer = os.pipe()
    process: Any = start(LAGER, "python", "--box", "near", script(STANDS), stdin=reader)
    os.close(reader)
    folder, session = process.out.expect("\n").split()
    process.popen.stdin = os.fdopen(writer, "wb")
    assert os.path.lexists(folder)
    process.session, keeper = map(int, session.split(","))
    gone = os.pidfd_open(keeper if end is end_of_session else process.session)
    assert end(process) == process.wait()
    if end in (end_by_kill, end_of_session):  # then nobody waits for the box
        assert select.select([gone], [], [], PATIENCE)[0]
    os.close(gone)
    assert not os.path.lexists(folder)


def test_the_folder_is_removed_after_an_incomplete_upload(start: Starter, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    reader, writer = os.pipe()
    process = start(LAGER, "session", stdin=reader, TMPDIR=str(tmp_path / "tmp"))
    os.close(reader)
    with os.fdopen(writer, "wb") as connection:
        connection.write(encode(FrameKind.HEADER, {"order": {}, "upload": True}))
        connection.write(head(FrameKind.DATA, Stream.UPLOAD, 1 << 20) + header(TarInfo("half")) + bytes(100))
    assert process.wait() == 0
    assert os.listdir(tmp_path / "tmp") == []


def test_a_detached_run_keeps_its_folder_until_it_has_ended(
    start: Starter, script: ScriptWriter, user: Path, near: Loopback
) -> None:
    script("import os\nprint(os.getppid(), os.listdir(), flush=True)\nopen('/dev/null')\n1 / 0\n")
    process = start(LAGER, "python", "--detach", "--box", "near", "script.py")
    id = process.out.expect("\n").strip()
    assert process.wait() == 0, process.err.rest()
    again = start(LAGER, "python", "--reattach", id, "--box", "near")
    keeper, _, files = again.out.rest().strip().partition(" ")
    assert files == "['script.py']"
    assert again.wait() == 1
    assert 'File "script.py", line 4, in <module>' in again.err.rest()
    with contextlib.suppress(ProcessLookupError):
        gone = os.pidfd_open(int(keeper))
        assert select.select([gone], [], [], PATIENCE)[0]
        os.close(gone)


FORGED = """
import os, tarfile
from lager_cli.boxes.session.protocol import FrameKind, Stream, encode, greeting, head
info = tarfile.TarInfo({name!r})
info.size = {size}
data = info.tobuf(tarfile.GNU_FORMAT) + b"data".ljust(512, bytes(1)) + bytes(1024)
os.write(1, greeting("1") + head(FrameKind.DATA, Stream.DOWNLOAD, len(data)) + data)
if {whole}:
    os.write(1, encode(FrameKind.END, stream=Stream.DOWNLOAD) + encode(FrameKind.EXIT, 0))
    while os.read(0, 1 << 16):
        pass
"""


def test_a_file_that_was_not_requested_is_refused(
    start: Starter, script: ScriptWriter, user: Path, near: Loopback
) -> None:
    near.answering(FORGED.format(name="results/../../evil", size=4, whole=True))
    process = start(LAGER, "python", "--box", "other", "--download", "**", script(""))
    assert process.wait() == 1
    said = process.err.rest()
    assert said.endswith("'results/../../evil', which was not requested. Do not trust that box.\n"), said
    assert below(user) == ["script.py"]


@pytest.mark.variant
def test_a_broken_connection_leaves_no_partial_result(
    start: Starter, script: ScriptWriter, user: Path, near: Loopback
) -> None:
    near.answering(FORGED.format(name="result", size=1 << 20, whole=False))
    process = start(LAGER, "python", "--box", "other", "--download", "result", script(""))
    assert process.wait() == 255
    assert process.err.rest().startswith("lager: The connection to the box other is lost; ")
    assert below(user) == ["script.py"]


SLOW = """
import os, time
from lager_cli.boxes.session.protocol import FrameKind, Stream, encode, greeting
os.write(1, greeting("1"))
while True:
    time.sleep(1.1)
    os.write(1, encode(FrameKind.BEAT) + encode(FrameKind.CREDIT, 1 << 20, Stream.UPLOAD))
    os.read(0, 1 << 20)
"""


def test_an_upload_shows_progress_and_can_be_stopped(
    terminal: TerminalStarter, script: ScriptWriter, user: Path, near: Loopback
) -> None:
    near.answering(SLOW)
    with (user / "large").open("wb") as large:
        large.truncate(100_000_000)
    one = terminal(LAGER, "python", "--box", "other", "--add-file", "large", script(""))
    one.expect("\rlager: Sending #----")
    one.expect("% of 100 MB")
    one.type("\x03")
    assert one.wait() == 130
    assert one.screen.text.endswith("\r\x1b[K")  # nothing is left of it


@pytest.mark.variant
def test_a_ctrl_c_that_also_ends_ssh_is_reported_as_ctrl_c(
    terminal: TerminalStarter, script: ScriptWriter, user: Path, near: Loopback
) -> None:
    near.answering(SLOW)
    with (user / "large").open("wb") as large:
        large.truncate(100_000_000)
    one = terminal(LAGER, "python", "--box", "other", "--add-file", "large", script(""))
    one.expect("% of 100 MB")
    os.kill(one.pid, signal.SIGSTOP)
    for child in Path(f"/proc/{one.pid}/task/{one.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    os.kill(one.pid, signal.SIGINT)
    os.kill(one.pid, signal.SIGCONT)
    assert one.wait() == 130
