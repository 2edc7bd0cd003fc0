"""pause() and breakpoint() in tests: a person sees them whatever captures the output."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import ScriptWriter, Starter
from tests.processes import LAGER, ended

CAPTURED = """
import contextlib, io, os, subprocess, sys, lager, pytest

def test_plain():
    print("before"); print("before", file=sys.stderr)
    breakpoint("plain")
    print("after"); print("after", file=sys.stderr)
    assert 0

def test_capsys(capsys):
    print("before"); print("before", file=sys.stderr)
    lager.pause("capsys")
    print("after"); print("after", file=sys.stderr)
    assert capsys.readouterr() == ("before\\nafter\\n",) * 2

def test_capfd(capfd):
    os.write(1, b"before\\n"); os.write(2, b"before\\n")
    breakpoint("capfd")
    os.write(1, b"after\\n"); os.write(2, b"after\\n")
    assert capfd.readouterr() == ("before\\nafter\\n",) * 2

def test_redirected(capsys):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        print("before"); print("before", file=sys.stderr)
        lager.pause("redirected")
        print("after"); print("after", file=sys.stderr)
    assert out.getvalue() == err.getvalue() == "before\\nafter\\n"
    assert capsys.readouterr() == ("", "")
"""
LABELS = ("plain", "capsys", "capfd", "redirected")


@pytest.mark.parametrize("options", [(), ("--capture=sys",), ("--capture=tee-sys",), ("-n", "1"), ("--lager-pause",)])
def test_a_pause_in_a_test_is_shown_and_what_the_test_prints_is_captured_as_ever(
    suite: Callable[..., Any], client: Client, options: Any
) -> None:
    process = suite(CAPTURED, *options)
    for label in LABELS:
        pause = client.paused()
        assert pause["label"] == label
        process.err.expect(f"lager: paused at test_it.py:{pause['line']} in test_{label} - {label}\n")
        client.call("Continue", "s", pause["id"])
        process.err.expect(f"lager: {pause['id']} resumed by")
        if label == "plain" and "--lager-pause" in options:
            client.call("Continue", "s", client.paused()["id"])
    code, out, _ = ended(process)
    assert (code, len(re.findall("1 failed, 3 passed", out))) == (1, 1)
    for stream in ("stdout", "stderr"):
        assert f"Captured {stream} call -----------------------------\nbefore\nafter\n" in out
    assert "lager: " not in out


UNITTEST = """
import lager, sys, unittest

class Test(unittest.TestCase):
    def test_it(self):
        print("before"); print("before", file=sys.stderr)
        breakpoint("why")
        print("after"); print("after", file=sys.stderr)
        self.fail()
"""


@pytest.mark.variant
def test_a_pause_in_a_buffered_unittest_is_shown(start: Starter, script: ScriptWriter, client: Client) -> None:
    process = start(LAGER, "python", "-m", "unittest", "-b", script(UNITTEST, "test_it.py").removesuffix(".py"))
    pause = client.paused()
    process.err.expect(f"lager: paused at test_it.py:7 in Test.test_it - why\n  id        {pause['id']}\n")
    client.call("Continue", "s", pause["id"])
    process.err.expect(f"lager: {pause['id']} resumed by")
    code, _, err = ended(process)
    assert code == 1
    for stream in ("Stdout", "Stderr"):
        assert f"\n{stream}:\nbefore\nafter\n" in err


STREAMS = {
    "io.StringIO()": "captured.getvalue()",
    "io.TextIOWrapper(io.BytesIO(), write_through=True)": "captured.buffer.getvalue().decode()",
    "open('captured', 'w')": "captured.close() or open('captured').read()",
    "OwnClass()": "''.join(captured.parts)",
    "None": "'before\\nafter\\n'",
    "sys.stdout": "'before\\nafter\\n'",
}
REDIRECTING = """
import contextlib, io, lager, sys
class OwnClass:
    def __init__(self): self.parts = []
    def write(self, text): self.parts.append(text)
    def flush(self): pass
captured = {stream}
with contextlib.redirect_stderr(captured):
    print("before", file=sys.stderr)
    lager.pause("why")
    print("after", file=sys.stderr)
assert {content} == "before\\nafter\\n"
print("end", file=sys.stderr)
"""


@pytest.mark.parametrize("stream", STREAMS)
def test_a_pause_is_shown_where_the_script_captures_standard_error(run: Starter, client: Client, stream: str) -> None:
    process = run(REDIRECTING.format(stream=stream, content=STREAMS[stream]))
    id = client.paused()["id"]
    process.err.expect(f"  id        {id}\n")
    client.call("Continue", "s", id)
    process.err.expect(f"lager: {id} resumed by")
    code, _, err = ended(process)
    assert (code, err.partition("\n")[2]) == (0, "end\n")


SAME_FILE = """
import codecs, lager, sys
class Tee:
    def __init__(self, stream): self.stream, self.parts = stream, []
    def write(self, text): self.parts.append(text); self.stream.write(text)
    def __getattr__(self, name): return getattr(self.stream, name)
sys.stderr = tee = Tee(open(2, "w", closefd=False))
lager.pause("why", timeout=0.01)
assert "lager: paused at" in "".join(tee.parts)
"""


@pytest.mark.variant
def test_a_wrapper_of_standard_error_gets_the_banner_once(run: Starter) -> None:
    code, _, err = ended(run(SAME_FILE))
    assert (code, err.count("lager: paused at")) == (0, 1)


NESTED = """
pytest_plugins = ["pytester"]

def test_outer(pytester, capfd):
    pytester.makeconftest("import lager; lager.pause('conftest')")
    pytester.makepyfile("import lager; lager.pause('module')\\ndef test_inner(): lager.pause('inner')")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:randomly")
    result.assert_outcomes(passed=1)
    assert "lager: " not in result.stdout.str() + result.stderr.str()
    assert "lager: " not in "".join(capfd.readouterr())
"""


@pytest.mark.variant
def test_pauses_wherever_pytest_runs_code_are_shown(suite: Callable[..., Any], client: Client) -> None:
    process = suite(NESTED, "-q")
    for label in ("conftest", "module", "inner"):
        id = client.paused()["id"]
        process.err.expect(f" - {label}\n  id        {id}\n")
        client.call("Continue", "s", id)
    code, out, _ = ended(process)
    assert (code, "1 passed" in out) == (0, True), out


NO_BUS = """
import lager

def test_it(capsys):
    lager.pause()
    breakpoint()
    assert capsys.readouterr() == ("", "")
"""


@pytest.mark.variant
def test_a_pause_that_cannot_be_is_told_of_where_pytest_captures(suite: Callable[..., Any]) -> None:
    code, out, err = ended(suite(NO_BUS, "-q", LAGER_BUS_ADDRESS="unix:path=/nowhere/bus"))
    assert (code, "cannot pause here" in out) == (0, False)
    assert err.count("lager: cannot pause here; continuing. The bus at unix:path=/nowhere/bus") == 2
