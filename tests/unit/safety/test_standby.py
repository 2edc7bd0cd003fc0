"""The process that is kept ready: what lagerd asks it, and what it does when lagerd is gone."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import PATIENCE, children

# Carries out a request by naming the instrument, if it still may; one whose name begins with "slow" waits for a file.
PROCESS = """
import os, pathlib, socket, sys, time
from lagerd.make_safe.standby import Standby

def work(request, may_act):
    name = request["instrument"]
    while name.startswith("slow") and not pathlib.Path(sys.argv[1], name).exists():
        time.sleep(0.01)
    if may_act():
        os.write(1, name.encode() + bytes([10]))
    return {"did": name, **({"watched": True} if request.get("watched") else {})}

with socket.socket(fileno=0) as lagerd:
    Standby(lagerd, work).serve()
"""


class Process:
    def __init__(self, folder: Path, text: str = PROCESS) -> None:
        self.lagerd, theirs = socket.socketpair()
        self.lagerd.settimeout(PATIENCE)
        with theirs:
            command = [sys.executable, "-c", text, str(folder)]
            self.popen = subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.PIPE, text=True)
        self._folder = folder
        os.mkfifo(folder / "handover")
        self.fifo = os.open(folder / "handover", os.O_RDONLY | os.O_NONBLOCK)

    def tell(self, said: dict[str, Any], *fds: int) -> None:
        socket.send_fds(self.lagerd, [json.dumps({**said, "fds": len(fds)}).encode() + b"\n"], fds)

    def ask(self, instrument: str, *fds: int) -> socket.socket:
        """The socket for the answer."""
        ours, theirs = socket.socketpair()
        with theirs:
            self.tell({"instrument": instrument}, theirs.fileno(), *fds)
        ours.settimeout(PATIENCE)
        return ours

    def guard(self, *report: int, **holders: int) -> None:
        self.tell({"guard": [{"instrument": name, "pid": pid} for name, pid in holders.items()]}, self.fifo, *report)

    def kill_lagerd(self) -> None:
        self.lagerd.close()

    def next_lagerd(self) -> None:
        with open(self._folder / "handover", "wb", buffering=0) as fifo:
            fifo.write(b"\0")

    def did(self) -> list[str]:
        """Everything it has done, once it has ended."""
        return self.popen.communicate(timeout=PATIENCE)[0].split()

    def close(self) -> None:
        self.lagerd.close()
        self.popen.kill()
        self.popen.communicate()
        os.close(self.fifo)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with contextlib.closing(Process(tmp_path)) as started:
        yield started


@pytest.fixture
def holder() -> Iterator["subprocess.Popen[bytes]"]:
    started = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    yield started
    started.kill()
    started.communicate()


def answer(asked: socket.socket) -> Any:
    with asked, asked.makefile() as file:
        text = file.read()
    return json.loads(text) if text else None


def until(done: Callable[[], Any]) -> None:
    while not done():
        time.sleep(0.01)


def test_requests_are_carried_out_side_by_side(process: Process, tmp_path: Path) -> None:
    slow, quick = process.ask("slow1"), process.ask("psu1")
    assert answer(quick) == {"did": "psu1"}
    (tmp_path / "slow1").touch()
    assert answer(slow) == {"did": "slow1"}


def test_a_request_may_come_in_pieces(process: Process) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(process.lagerd, [b'{"instrument": '], [theirs.fileno()])
        process.lagerd.sendall(b'"psu1", "fds": 1}\n')
        assert answer(process.ask("psu2")) == {"did": "psu2"}
    assert answer(ours) == {"did": "psu1"}


def test_the_lease_of_a_request_is_open_until_it_is_answered(process: Process, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as lease:
        asked = process.ask("slow1", writing)
        os.close(writing)
        assert answer(process.ask("psu1")) == {"did": "psu1"}
        os.set_blocking(lease.fileno(), False)
        assert lease.read() is None  # still open elsewhere
        (tmp_path / "slow1").touch()
        assert answer(asked) == {"did": "slow1"}
        os.set_blocking(lease.fileno(), True)
        assert lease.read() == b""


def test_a_request_of_a_lagerd_of_before_an_update_is_answered_where_it_came_from(process: Process) -> None:
    process.lagerd.sendall(b'{"instrument": "psu1"}\n')
    assert answer(process.lagerd.dup()) == {"did": "psu1"}
    assert process.did() == ["psu1"]


@pytest.mark.parametrize("sent", [b"", b'{"instrument": "x"'], ids=["none", "part"])
def test_it_ends_without_a_complete_request(process: Process, sent: bytes) -> None:
    with contextlib.suppress(OSError):
        process.lagerd.sendall(sent)
    process.kill_lagerd()
    assert process.did() == []


def test_a_request_that_is_too_long_ends_the_connection_also_while_it_guards(
    process: Process, holder: "subprocess.Popen[bytes]"
) -> None:
    process.guard(psu1=holder.pid)
    process.lagerd.sendall(b" " * 1_000_000)
    assert answer(process.ask("psu2")) == {"did": "psu2"}
    with contextlib.suppress(ConnectionError):
        process.lagerd.sendall(b" " * ((1 << 20) + (1 << 17)))
    with contextlib.suppress(ConnectionError):
        assert process.lagerd.recv(1) == b""
    assert process.popen.poll() is None
    process.next_lagerd()
    assert process.popen.wait(PATIENCE) == 0


def test_requests_and_guards_leave_no_descriptor_and_no_child(
    process: Process, holder: "subprocess.Popen[bytes]"
) -> None:
    process.guard(process.fifo, psu1=holder.pid)
    assert answer(process.ask("psu1")) == {"did": "psu1"}
    until(lambda: not children(process.popen.pid))
    before = descriptors(process)
    reading, writing = os.pipe()
    for _ in range(3):
        process.guard(process.fifo, psu1=holder.pid)
        assert answer(process.ask("psu1", writing)) == {"did": "psu1"}
    os.close(reading)
    os.close(writing)
    until(lambda: descriptors(process) == before and not children(process.popen.pid))


def descriptors(process: Process) -> int:
    return len(os.listdir(f"/proc/{process.popen.pid}/fd"))


def test_lagerd_notices_the_end_of_the_process_while_a_child_works(process: Process, tmp_path: Path) -> None:
    asked = process.ask("slow1")
    until(lambda: children(process.popen.pid))
    process.popen.kill()
    assert process.lagerd.recv(1) == b""
    (tmp_path / "slow1").touch()
    assert answer(asked) == {"did": "slow1"}


def test_a_thread_that_a_library_leaves_behind_keeps_no_lease(tmp_path: Path) -> None:
    text = PROCESS.replace(
        "def work", "import lagerd.make_safe.standby as at, threading\nat._CHILD_SECONDS = 1e6\ndef work"
    )
    text = text.replace("    if may_act", "    threading.Thread(target=threading.Event().wait).start()\n    if may_act")
    reading, writing = os.pipe()
    with contextlib.closing(Process(tmp_path, text)) as process, open(reading, "rb") as lease:
        asked = process.ask("psu1", writing)
        os.close(writing)
        assert answer(asked) == {"did": "psu1"}
        assert lease.read() == b""


def test_what_it_was_given_is_passed_on_to_no_program(tmp_path: Path) -> None:
    text = PROCESS.replace('{"did": name', '{"did": [fd for fd in range(3, 64) if inheritable(fd)]')
    text = text.replace("def work", INHERITABLE + "def work")
    with contextlib.closing(Process(tmp_path, text)) as process, open(tmp_path / "lease", "w") as lease:
        process.guard(lease.fileno())
        assert answer(process.ask("psu1", lease.fileno())) == {"did": []}


INHERITABLE = """
def inheritable(fd):
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False

"""


def test_what_it_will_need_is_imported_before_a_request_comes(tmp_path: Path) -> None:
    text = PROCESS.replace("Standby(lagerd, work)", 'Standby(lagerd, work, ("not_installed", "this_one"))')
    text = text.replace('{"did": name', '{"did": "this_one" in sys.modules')
    (tmp_path / "this_one.py").touch()
    with contextlib.closing(Process(tmp_path, f"import sys\nsys.path.append(sys.argv[1])\n{text}")) as process:
        until(lambda: answer(process.ask("psu1"))["did"])


def test_what_it_does_without_lagerd_is_written_down(
    process: Process, holder: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    with open(tmp_path / "report", "wb") as report:
        process.guard(report.fileno(), psu1=holder.pid, psu2=holder.pid)
        process.kill_lagerd()
        holder.kill()
        assert sorted(process.did()) == ["psu1", "psu2"]
    found = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    assert sorted(one["did"] for one in found) == ["psu1", "psu2"]
    assert all(one["watched"] for one in found)


def test_it_takes_the_place_of_a_lagerd_that_was_killed(process: Process, holder: "subprocess.Popen[bytes]") -> None:
    process.guard(psu1=holder.pid)
    process.kill_lagerd()
    holder.kill()
    assert process.did() == ["psu1"]


def test_it_ends_after_its_children(process: Process, holder: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    process.guard(slow1=holder.pid)
    process.kill_lagerd()
    holder.kill()
    with pytest.raises(subprocess.TimeoutExpired):
        process.popen.wait(0.3)
    (tmp_path / "slow1").touch()
    assert process.popen.wait(PATIENCE) == 0
    assert process.did() == ["slow1"]


def test_a_holder_that_has_ended_before_lagerd_is_found(process: Process, holder: "subprocess.Popen[bytes]") -> None:
    holder.kill()
    holder.wait()
    process.guard(psu1=holder.pid, psu2=holder.pid)
    process.kill_lagerd()
    assert sorted(process.did()) == ["psu1", "psu2"]


def test_a_holder_that_cannot_be_watched_is_left_to_the_next_lagerd(process: Process) -> None:
    process.guard(psu1=0)
    process.kill_lagerd()
    assert process.did() == []


def test_what_was_released_is_left_alone(process: Process, holder: "subprocess.Popen[bytes]") -> None:
    process.guard(psu1=holder.pid)
    process.guard()
    process.kill_lagerd()
    holder.kill()
    assert process.did() == []


def test_from_the_next_lagerd_on_it_begins_nothing(process: Process, holder: "subprocess.Popen[bytes]") -> None:
    process.guard(psu1=holder.pid)
    assert answer(process.ask("psu2")) == {"did": "psu2"}
    process.next_lagerd()
    process.kill_lagerd()
    holder.kill()
    assert process.did() == ["psu2"]


def test_lagerd_alone_decides_while_it_lives(process: Process, holder: "subprocess.Popen[bytes]") -> None:
    process.guard(psu1=holder.pid)
    holder.kill()
    holder.wait()
    assert answer(process.ask("psu2")) == {"did": "psu2"}
    process.guard()
    process.kill_lagerd()
    assert process.did() == ["psu2"]


def test_an_instrument_is_used_by_one_child_at_a_time(
    process: Process, holder: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    asked = process.ask("slow1")
    process.guard(slow1=holder.pid)
    assert answer(process.ask("psu1")) == {"did": "psu1"}
    process.kill_lagerd()
    holder.kill()
    time.sleep(0.1)  # a second child could begin here
    assert len(children(process.popen.pid)) == 1
    (tmp_path / "slow1").touch()
    assert answer(asked) == {"did": "slow1"}
    assert process.did() == ["psu1", "slow1", "slow1"]


@pytest.mark.parametrize(
    ("seconds", "done"),
    [
        pytest.param(60, ["slow1"], id="a child that has begun finishes its work"),
        pytest.param(0, [], id="a child that was stuck leaves everything to the next lagerd"),
    ],
)
def test_what_was_begun_before_the_next_lagerd(
    holder: "subprocess.Popen[bytes]", tmp_path: Path, seconds: int, done: list[str]
) -> None:
    text = PROCESS.replace(
        "def work", f"import lagerd.make_safe.standby as at\nat._BEGUN_SECONDS = {seconds}\ndef work"
    )
    with contextlib.closing(Process(tmp_path, text)) as process:
        process.guard(slow1=holder.pid)
        process.kill_lagerd()
        holder.kill()
        until(lambda: children(process.popen.pid))
        process.next_lagerd()
        (tmp_path / "slow1").touch()
        assert process.did() == done


def test_a_child_that_is_stopped_for_ever_is_killed_and_keeps_no_lease(tmp_path: Path) -> None:
    text = PROCESS.replace("def work", "import lagerd.make_safe.standby as at\nat._CHILD_SECONDS = 1.0\ndef work")
    reading, writing = os.pipe()
    with contextlib.closing(Process(tmp_path, text)) as process, open(reading, "rb") as lease:
        asked = process.ask("slow1", writing)
        os.close(writing)
        until(lambda: children(process.popen.pid))
        (child,) = children(process.popen.pid)
        os.kill(child, signal.SIGSTOP)
        assert answer(asked) is None
        assert lease.read() == b""
        assert answer(process.ask("psu1")) == {"did": "psu1"}


def test_a_request_that_comes_late_is_not_carried_out_once_its_lease_has_ended(
    process: Process, tmp_path: Path
) -> None:
    os.kill(process.popen.pid, signal.SIGSTOP)  # so that it reads nothing
    kept, dropped = tmp_path / "psu1", tmp_path / "psu2"
    asked = []
    for file in (kept, dropped):
        file.touch()
        with open(file) as lease:
            asked.append(process.ask(file.name, lease.fileno()))
    dropped.unlink()
    os.kill(process.popen.pid, signal.SIGCONT)
    for one in asked:
        answer(one)
    process.kill_lagerd()
    assert process.did() == ["psu1"]


def test_a_request_without_a_lease_is_not_carried_out_once_lagerd_waits_no_more(process: Process) -> None:
    os.kill(process.popen.pid, signal.SIGSTOP)
    process.ask("psu1").close()
    asked = process.ask("psu2")
    os.kill(process.popen.pid, signal.SIGCONT)
    answer(asked)
    process.kill_lagerd()
    assert process.did() == ["psu2"]
