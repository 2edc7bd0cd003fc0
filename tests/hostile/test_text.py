"""Text and frames of any kind are refused in a sentence, never with a traceback."""

import asyncio
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lager.console.protocol import LIMIT, encode
from lager.errors import NetsFileError
from lager.nets import file as nets_file
from lager.wording.text import printable
from lager_cli.console.client import Attached
from lagerd import config
from lagerd.config import ConfigError
from tests.client import Client
from tests.processes import LAGER, PATIENCE, Process
from tests.station import Station

_QUICK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
_WORDS = st.sampled_from(
    ["[instruments.x]", "[nets.y]", "[limits]", "model", "address", "type", "instrument", "channel", "pauses",
     "console", "default_timeout", "log_console_input", "=", '"DP821"', '"TCPIP::1.2.3.4::INSTR"', "1e400", "-1", "nan",
     "true", "[", "]", "{", "\n", "\n", "'''", "\x00", "é", "0x", "1979-05-27T07:32:00Z"]
)  # fmt: skip
_FILES = st.binary(max_size=200) | st.lists(_WORDS, max_size=30).map(lambda words: " ".join(words).encode())
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_KEYS = st.sampled_from(
    ["out", "err", "hello", "done", "bye", "eval", "interrupt", "ended", "answer", "left", "of", "lost", "refused"]
)
_FRAMES = st.lists(st.dictionaries(_KEYS, _VALUES, max_size=3).map(encode) | st.binary(max_size=30), max_size=8)


@_QUICK
@given(_FILES)
def test_a_nets_file_of_any_bytes(tmp_path: Path, content: Any) -> None:
    (tmp_path / "nets.toml").write_bytes(content)
    with suppress(NetsFileError):
        nets_file.load(tmp_path / "nets.toml")


@_QUICK
@given(_FILES)
def test_a_configuration_of_any_bytes(tmp_path: Path, content: Any) -> None:
    (tmp_path / "lagerd.toml").write_bytes(content)
    with suppress(ConfigError):
        config.load(tmp_path / "lagerd.toml")


@given(st.binary(max_size=300) | st.text(st.characters(), max_size=300))
def test_shown_text_is_one_printable_line(value: Any) -> None:
    shown = printable(value)
    assert shown.isprintable()
    assert len(shown) <= 200
    shown.encode()


@_QUICK
@given(_FRAMES)
def test_a_console_that_sends_any_frames(frames: Any) -> None:
    """The client prints or leaves; nothing of what it gets ends in its loop."""

    async def attend() -> list[object]:
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        ours, theirs = socket.socketpair()
        attached = Attached(ours)
        with theirs:
            theirs.sendall(b"".join(frames))
        async with asyncio.timeout(20):
            await attached.closed
        return faults

    out, err = sys.stdout, sys.stderr
    with open(os.devnull, "w") as sys.stdout, open(os.devnull, "w") as sys.stderr:
        try:
            faults = asyncio.run(attend())
        finally:
            sys.stdout, sys.stderr = out, err
    assert faults == []


TEXTS = ["", " ", "-1", "nan", "1e999", "\x1b[2J", "x" * 5000, "\udcff"]


@pytest.mark.parametrize(
    "name", ["LAGER_BREAKPOINT_TIMEOUT", "LAGER_BREAKPOINTS", "LAGER_PROCESS_ID", "LAGER_RUNNABLE"]
)
def test_a_variable_of_any_text(name: str, station: Station, client: Client, tmp_path: Path) -> None:
    """The script pauses with what is left of it, for the default time, and continues."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, lager\n"
        f"for text in {TEXTS!r}:\n"
        "    os.environ['LAGER_PROCESS_ID'] = '1'\n"
        f"    os.environ['{name}'] = text\n"
        "    lager.pause()\n"
        "print('went on')\n"
    )
    process = Process([sys.executable, str(script)], station.env, tmp_path)
    try:
        for text in TEXTS:
            pause = client.paused()
            assert pause["timeout"] == 300.0
            run_id, runnable = (text if name == what else "" for what in ("LAGER_PROCESS_ID", "LAGER_RUNNABLE"))
            assert pause["run_id"] == printable(run_id or "1" * (name != "LAGER_PROCESS_ID"), 64).lower()
            assert pause["script"] == printable(runnable, 1024)
            client.call("Continue", "s", pause["id"])
        assert process.out.rest() == "went on\n"
        said = process.err.rest()
        assert "Traceback" not in said
        wrong = sum(bool(text.strip()) for text in TEXTS) if name == "LAGER_BREAKPOINT_TIMEOUT" else 0
        assert said.count("LAGER_BREAKPOINT_TIMEOUT=") == wrong
        assert process.wait() == 0
    finally:
        process.close()


LABELS = ["\x1b]0;x\x07", "a\nFORGED=1", "\u202e\u2066", "\x9b31m", "\udcff", "%s{0}", "x" * 10_000]


def logged(station: Station, lines: list[str]) -> str:
    """What lagerd has written, once all of these are in it."""
    log = station.lagerd.err
    end = time.monotonic() + PATIENCE
    while not all(line in log.text for line in lines):
        assert log.more(end - time.monotonic()), log.text
    return log.text


def test_a_label_of_any_text_is_never_shown_raw(station: Station, client: Client, tmp_path: Path) -> None:
    """The banner, the table of the command and the log of lagerd, each in one line that is printable."""
    (tmp_path / "script.py").write_text(
        f"import lager, threading\nfor label in {LABELS!r}:\n"
        "    threading.Thread(target=lager.pause, args=(label,)).start()\n"
    )
    process = Process([LAGER, "python", "script.py"], station.env, tmp_path)
    try:
        pauses = [client.paused() for _ in LABELS]
        assert all(pause["label"].isprintable() for pause in pauses)
        table = Process([LAGER, "breakpoints"], station.env, tmp_path)
        shown = table.out.rest()
        table.close()
        assert shown.count("\n") >= len(LABELS)
        client.call("ContinueAll")
        assert process.wait() == 0
        log = logged(station, [f"resumed breakpoint {pause['id']}" for pause in pauses])
        for pause in pauses:
            assert f"({pause['label']}), breakpoint {pause['id']}" in log
        for text in (shown, process.err.rest(), log):
            assert all(line.isprintable() for line in text.split("\n"))
            assert "\nFORGED=1" not in text
    finally:
        process.close()


def test_a_frame_with_an_excessive_length_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    async def attend() -> None:
        ours, theirs = socket.socketpair()
        attached = Attached(ours)
        with theirs:
            theirs.sendall((LIMIT + 1).to_bytes(4, "big"))
            async with asyncio.timeout(20):
                await attached.closed

    asyncio.run(attend())
    assert capsys.readouterr().out == ""
