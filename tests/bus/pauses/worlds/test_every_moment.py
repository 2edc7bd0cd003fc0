"""A signal handler may raise at any moment of a pause: the script gets exactly that, and the pause is over."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.processes import LAGER

ALL, SOME, FEW = "1", "5", "31"
LONG = 600.0  # seconds, for a pause at each of some thousand moments
SCRIPT = Path(__file__).with_name("every_moment.py")
STEPS = {"odd": FEW, "use": FEW}
PAUSES = [
    ("pause", "OSError"),
    ("pause", "Mine"),
    ("pause", "RuntimeError"),
    ("pause", "KeyboardInterrupt"),
    ("breakpoint", "PauseTimeout"),
    ("breakpoint", "ImportError"),
    ("ask", "TimeoutError"),
    ("odd", "ValueError"),
    ("net", "OSError"),
    ("net", "RuntimeError"),
    ("use", "Mine"),
    ("use", "OSError"),
]


def _found(tmp_path: Path) -> list[str]:
    found = (tmp_path / "results").read_text().splitlines()
    assert re.fullmatch(r"\d{3,} events", found.pop())
    return found


@pytest.mark.timeout(LONG)
@pytest.mark.parametrize(("pause", "error"), PAUSES)
def test_what_a_handler_raises_at_any_moment_passes_through(
    start: Any, bench: Any, tmp_path: Path, pause: Any, error: Any
) -> None:
    shutil.copy(SCRIPT, tmp_path)
    step = ALL if error in ("Mine", "PauseTimeout") else SOME
    step = STEPS.get(pause, step)
    process = start(LAGER, "python", SCRIPT.name, pause, error, "results", step)
    err = process.err.rest(LONG)
    assert (process.wait(), _found(tmp_path)) == (0, []), err
    assert "cannot pause" not in err
    assert "ignored" not in err


@pytest.mark.variant
@pytest.mark.timeout(LONG)
def test_what_a_handler_raises_passes_through_on_a_terminal(screen: Any, tmp_path: Path) -> None:
    shutil.copy(SCRIPT, tmp_path)
    one = screen(LAGER, "python", SCRIPT.name, "pause", "OSError", "results", SOME)
    assert (one.wait(LONG), _found(tmp_path)) == (0, [])
