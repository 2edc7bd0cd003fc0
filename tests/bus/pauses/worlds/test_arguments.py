"""pause() with any arguments and environment: it pauses, or says why not, and the script continues."""

from pathlib import Path
from typing import Any

import pytest

from tests.bus.pauses.plain_python import PYTHON
from tests.processes import LAGER, ended

EVIL = "a\x1b[31m\x1b]0;owned\x07\r\n\x08\x9b2J\u202e\u2028z"
SHOWN = r"a\x1b[31m\x1b]0;owned\x07\r\n\x08\x9b2J\u202e\u2028z"
AS_WRITTEN = ascii(EVIL)


@pytest.mark.parametrize("value", ["off", "0", "False", "no", " OFF ", "\tNo\n"])
def test_switched_off_it_is_a_no_op(run: Any, value: Any) -> None:
    process = run("import lager\nlager.pause('x')\nbreakpoint()\nprint('went on')\n", LAGER_BREAKPOINTS=value)
    assert ended(process) == (0, "went on\n", "")


@pytest.mark.parametrize("value", ["", "on"])
def test_anything_else_leaves_it_on(run: Any, client: Any, value: Any) -> None:
    run("import lager\nlager.pause('x')\n", LAGER_BREAKPOINTS=value)
    client.call("Continue", "s", client.paused()["id"])


def test_outside_a_run_it_is_a_no_op(start: Any, script: Any) -> None:
    text = "import lager, sys\nlager.pause(object(), timeout='x')\nprint('lager.breakpoints.pause' in sys.modules)\n"
    assert ended(start(PYTHON, script(text))) == (0, "False\n", "")


TIMEOUTS = ["'abc'", "float('nan')", "float('inf')", "-1", "True", "10**30", "10**400", "b'5'", "[]", "1j", "Evil()"]
EVIL_NUMBER = """
class Evil:
    def __float__(self): raise ZeroDivisionError('float')
    def __repr__(self): raise ZeroDivisionError('repr')
"""


def test_invalid_timeouts_use_the_default(run: Any, client: Any) -> None:
    text = f"import lager\n{EVIL_NUMBER}\nfor timeout in [{', '.join(TIMEOUTS)}]:\n    lager.pause(timeout=timeout)\n"
    process = run(text, LAGER_BREAKPOINT_TIMEOUT="123")
    for _ in TIMEOUTS:
        pause = client.paused()
        assert pause["timeout"] == 123
        client.call("Continue", "s", pause["id"])
    code, _, err = ended(process)
    assert code == 0
    assert err.count("is not a number of seconds; using the default") == len(TIMEOUTS)
    assert "Traceback" not in err


@pytest.mark.variant
def test_an_argument_that_is_neither_true_nor_false_gives_no_console(run: Any, client: Any) -> None:
    """As an array of numpy or a table of pandas raises where it is asked."""
    process = run(
        "import lager\nclass Array:\n    def __bool__(self): raise ValueError('ambiguous')\n"
        "    __repr__ = __bool__\nlager.pause(interactive=Array())\nbreakpoint(interactive=Array())\n"
    )
    for line in (5, 6):
        pause = client.paused()
        assert (pause["interactive"], pause["line"]) == (False, line)
        client.call("Continue", "s", pause["id"])
    code, _, err = ended(process)
    assert (code, err.count("lager: interactive=Array is neither true nor false; using False.\n")) == (0, 2)


@pytest.mark.variant
def test_a_timeout_may_be_a_number_as_text_and_pause_has_a_module_of_its_own(run: Any, client: Any) -> None:
    process = run(
        "from lager.breakpoint import pause\nfor timeout in ['90', ' 0.5e2 ', '0']:\n    pause('x', timeout=timeout)\n"
    )
    for timeout in (90, 50, 0):
        pause = client.paused()
        assert (pause["timeout"], pause["line"]) == (timeout, 3)
        client.call("Continue", "s", pause["id"])
    assert process.wait() == 0


@pytest.mark.parametrize("value", ["nan", "-1", "5 s", "\x1b[2J"])
def test_an_invalid_timeout_variable(run: Any, client: Any, value: Any) -> None:
    process = run("import lager\nlager.pause()\n", LAGER_BREAKPOINT_TIMEOUT=value)
    pause = client.paused()
    assert pause["timeout"] == 300
    client.call("Continue", "s", pause["id"])
    code, _, err = ended(process)
    assert code == 0
    assert "is not a number of seconds; using the default" in err
    assert "\x1b" not in err


LABELS = {
    "'x' * 10**6": "x" * 199 + "…",
    "b'bytes \\xff'": r"bytes \xff",
    "'\\ud800\\udfff'": r"\ud800\udfff",
    AS_WRITTEN: SHOWN,
    "Raises()": "<Raises that cannot be shown>",
    "Wrong()": "<Wrong that cannot be shown>",
    "Odd('odd')": "odd",
    "'\\x00'": r"\x00",
    "None": "",
    "0": "0",
    "''": "",
    "object": "<class 'object'>",
}
LABEL_CLASSES = """
class Raises:
    def __str__(self): raise ValueError('no')
class Wrong:
    def __str__(self): return 5
class Odd(str):
    def __getitem__(self, key): raise ValueError('no')
    def __str__(self): return self
"""


def test_labels_of_any_kind(run: Any, client: Any, lager: Any) -> None:
    process = run(f"import lager\n{LABEL_CLASSES}\nfor label in [{', '.join(LABELS)}]:\n    lager.pause(label)\n")
    for expected in LABELS.values():
        pause = client.paused()
        assert pause["label"] == expected
        client.call("Continue", "s", pause["id"])
    code, _, err = ended(process)
    assert code == 0
    assert "Traceback" not in err
    assert "\x1b" not in err


def test_nothing_of_a_label_reaches_a_terminal(terminal: Any, script: Any, client: Any) -> None:
    """The banner, the table and a refusal, as bytes on a terminal: only its own bold may be in them."""
    name = script(f"import lager\ndef f():\n    lager.pause({AS_WRITTEN})\nf()\n", "evil\x1b[31m\x07name.py")
    screen = terminal(LAGER, "python", name)
    pause = client.paused()
    screen.expect("  timeout ")
    table = terminal(LAGER, "breakpoints")
    refused = terminal(LAGER, "python", "--continue", EVIL)
    missing = terminal(LAGER, "python", EVIL)
    option = terminal(LAGER, "python", "--env", EVIL, "x.py")
    unknown = terminal(LAGER, "python", "--" + EVIL)
    assert [one.wait() for one in (table, refused, missing, option, unknown)] == [0, 1, 2, 2, 2]
    client.call("Continue", "s", pause["id"])
    assert screen.wait() == 0
    for one in (screen, table, refused, missing, option, unknown):
        shown = one.screen.text.replace("\x1b[1m", "").replace("\x1b[0m", "")
        assert not [c for c in shown if not c.isprintable() and c != "\n"], shown
    assert SHOWN in screen.screen.text
    assert r"evil\x1b[31m\x07name.py" in screen.screen.text
    assert SHOWN[:16] in table.screen.text  # as much as fits beside the rest


@pytest.mark.variant
def test_a_function_with_an_odd_name_is_shown_printable(run: Any, client: Any) -> None:
    text = (
        f"import lager\ndef f():\n    lager.pause()\nf.__code__ = f.__code__.replace(co_qualname={AS_WRITTEN})\nf()\n"
    )
    process = run(text)
    pause = client.paused()
    assert pause["function"] == SHOWN
    client.call("Continue", "s", pause["id"])
    assert "\x1b" not in ended(process)[2]


@pytest.mark.variant
def test_a_table_on_a_stream_that_knows_few_letters(run: Any, client: Any, lager: Any) -> None:
    run("import lager\nlager.pause('5 €')\n")
    pause = client.paused()
    done = lager("breakpoints", PYTHONIOENCODING="latin-1")
    client.call("Continue", "s", pause["id"])
    assert done.returncode == 0
    assert r"5 \u20ac" in done.stdout


@pytest.mark.variant
def test_the_file_is_named_rightly_after_chdir(run: Any, client: Any, tmp_path: Path) -> None:
    process = run("import os, lager\nos.chdir('/')\nlager.pause()\n")
    pause = client.paused()
    assert pause["file"] == str(tmp_path / "script.py")
    client.call("Continue", "s", pause["id"])
    assert ended(process)[0] == 0


@pytest.mark.variant
def test_a_script_in_a_removed_folder_can_pause(run: Any, client: Any) -> None:
    text = "import os, lager\nos.mkdir('gone')\nos.chdir('gone')\nos.rmdir('../gone')\nexec('lager.pause()')\n"
    text += "exec(compile('lager.pause()', 'here.py', 'exec'))\n"
    process = run(text)
    assert client.call("Continue", "s", client.paused()["id"])
    pause = client.paused()
    assert pause["file"].endswith("here.py")
    client.call("Continue", "s", pause["id"])
    assert ended(process)[0] == 0


@pytest.mark.variant
def test_a_script_with_odd_globals_can_pause(run: Any, client: Any) -> None:
    process = run("import lager\nglobals()[5] = 6\n__file__ = 7\nbreakpoint()\nprint('went on')\n")
    pause = client.paused()
    assert pause["interactive"]
    client.call("Continue", "s", pause["id"])
    assert ended(process)[:2] == (0, "went on\n")


def test_breakpoint_takes_what_pause_takes(run: Any, client: Any) -> None:
    process = run("breakpoint('a label', timeout=9, interactive=False)\nbreakpoint()\n")
    first = client.paused()
    assert (first["label"], first["timeout"], first["interactive"]) == ("a label", 9, False)
    client.call("Continue", "s", first["id"])
    second = client.paused()
    assert (second["label"], second["timeout"], second["interactive"]) == ("", 300, True)
    client.call("Continue", "s", second["id"])
    assert ended(process)[0] == 0
    assert Path(second["file"]).name == "script.py"


CI = "import lager\nlager.pause('x', timeout=0.01)\nprint('went on')\n"


@pytest.mark.parametrize(
    ("env", "options", "pauses"),
    [
        ({"CI": "true"}, (), False),
        ({"CI": "true", "LAGER_BREAKPOINTS": "on"}, (), True),
        ({"CI": "1"}, ("--env", "LAGER_BREAKPOINTS=on"), True),
        ({"CI": "1"}, ("--pause-on-error",), True),
        ({"CI": "false"}, (), True),
        ({"CI": ""}, (), True),
    ],
)
def test_a_build_server_does_not_pause_unless_the_job_asks_for_it(
    run: Any, env: Any, options: Any, pauses: Any
) -> None:
    process = run(CI, options=options, **env)
    assert process.out.rest() == "went on\n"
    said = process.err.rest()
    assert ("paused at" in said) == pauses
    assert ("pauses are off, because CI is set" in said) != pauses
