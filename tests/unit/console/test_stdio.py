import contextlib
import io
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lager.console import stdio


class Console(threading.Thread):
    """A thread with streams of its own that executes commands."""

    def __init__(self, work: Any) -> None:
        super().__init__()
        self.sent = b""
        self.shown: list[object] = []
        self.failed: BaseException | None = None
        self._work = work
        self.begun, self.may_end = threading.Event(), threading.Event()

    def _send(self, data: bytes) -> None:
        self.sent += data

    def run(self) -> None:
        stdio.route(stdio.Streams(stdio.Output(self._send), stdio.Output(self._send), self.shown.append))
        try:
            self._work()
        except BaseException as error:
            self.failed = error
        self.begun.set()
        self.may_end.wait(20)
        stdio.unroute()

    def __enter__(self) -> "Console":
        self.start()
        assert self.begun.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self.may_end.set()
        self.join(20)


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    before = sys.stdout, sys.stderr, sys.stdin, sys.displayhook
    yield
    after = sys.stdout, sys.stderr, sys.stdin, sys.displayhook
    assert all(now is then for now, then in zip(after, before, strict=True))


def test_each_thread_writes_to_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with Console(lambda: print("one")) as one, Console(lambda: print("two", file=sys.stderr)) as two:
        print("mine")
        sys.displayhook(None)
    assert (one.sent, two.sent) == (b"one\n", b"two\n")
    assert capsys.readouterr() == ("mine\n", "")


def test_threads_that_a_console_starts_are_the_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        thread = threading.Thread(target=print, args=("from a thread",))
        thread.start()
        thread.join()

    with Console(work) as console:
        pass
    assert console.sent == b""
    assert capsys.readouterr().out == "from a thread\n"


def test_values_are_shown_to_their_own() -> None:
    with Console(lambda: sys.displayhook(5)) as console:
        pass
    assert console.shown == [5]


def test_what_others_put_in_the_place_of_a_stream_stays(capsys: pytest.CaptureFixture[str]) -> None:
    other, mine = io.StringIO(), sys.stdout
    with Console(lambda: print("console")):
        sys.stdout = other
    assert sys.stdout is other
    sys.stdout = mine


def test_redirecting_across_the_end_of_a_console(capsys: pytest.CaptureFixture[str]) -> None:
    mine = sys.stdout
    redirect = contextlib.redirect_stdout(io.StringIO())
    with Console(lambda: None):
        redirect.__enter__()
    redirect.__exit__(None, None, None)
    print("works")
    with Console(lambda: None):
        pass
    assert sys.stdout is mine
    assert capsys.readouterr().out == "works\n"


def test_a_stream_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with Console(lambda: print("console")) as console:
        print("nobody hears this", flush=True)
    assert console.sent == b"console\n"
    assert sys.stdout is None
    monkeypatch.undo()


def test_a_handler_made_meanwhile_still_works(capsys: pytest.CaptureFixture[str]) -> None:
    with Console(lambda: None):
        handler = logging.StreamHandler(sys.stderr)
    handler.emit(logging.makeLogRecord({"msg": "said later"}))
    assert capsys.readouterr().err == "said later\n"


def test_the_usual_attributes_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    with Console(lambda: None):
        assert sys.stdout.encoding
        assert sys.stdout.writable()
        assert not sys.stdout.isatty()


@pytest.mark.parametrize("read", [input, lambda: sys.stdin.read(), lambda: next(sys.stdin), lambda: list(sys.stdin)])
def test_there_is_no_input(read: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with Console(read) as console:
        pass
    assert isinstance(console.failed, EOFError)
    assert "the keys belong to the script" in str(console.failed)


def test_the_scripts_input_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\nthree\n"))
    with Console(lambda: sys.stdin.close()):
        assert (sys.stdin.readline(), next(sys.stdin), list(sys.stdin)) == ("one\n", "two\n", ["three\n"])
    assert not sys.stdin.closed
    monkeypatch.undo()


def output() -> tuple[stdio.Output, list[bytes]]:
    sent: list[bytes] = []
    return stdio.Output(sent.append), sent


def test_a_line_is_sent_at_once_and_the_rest_when_flushed() -> None:
    out, sent = output()
    out.write("a")
    assert sent == []
    out.write("b\n")
    out.write("c")
    out.flush()
    assert sent == [b"ab\n", b"c"]


def test_bytes_long_texts_and_lone_surrogates() -> None:
    out, sent = output()
    out.buffer.write(b"\xff")
    out.write("\ud800" + "x" * 1_000_000)
    out.flush()
    assert b"".join(sent) == b"\xff\\ud800" + b"x" * 1_000_000
    assert max(map(len, sent)) <= 1 << 15


def test_it_cannot_be_closed_and_has_no_descriptor() -> None:
    out, sent = output()
    out.write("before")
    out.close()
    print("after", file=out)
    assert b"".join(sent) == b"beforeafter\n"
    with pytest.raises(OSError, match="fileno"):
        out.fileno()


def test_only_text_is_written() -> None:
    out, _ = output()
    with pytest.raises(TypeError):
        out.write(b"bytes")  # type: ignore[arg-type]


def test_a_forked_child_has_the_usual_streams() -> None:
    before = sys.stdout
    with Console(lambda: None):
        # Another thread lives, which is what is under test; the child does nothing else.
        child = _fork()
        if child == 0:
            os._exit(0 if sys.stdout is before else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _fork() -> int:
    import warnings

    with warnings.catch_warnings(action="ignore"):
        return os.fork()


PRINTING = """
import sys, threading
from lager.console import stdio

sent = stdio.Output(lambda data: None)
console = stdio.Streams(sent, sent, lambda value: None)
printed = threading.Event()

def come_and_go():
    while not printed.is_set():
        stdio.route(console)
        stdio.unroute()

thread = threading.Thread(target=come_and_go)
sys.setswitchinterval(1e-6)
thread.start()
for _ in range(20_000):
    print("limit", 3, "local", 10)
printed.set()
thread.join()
"""


def test_a_print_under_way_survives_consoles_that_come_and_go() -> None:
    done = subprocess.run([sys.executable, "-c", PRINTING], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"limit 3 local 10\n" * 20_000
