"""The words of a pause, from facts alone."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from lager.breakpoints.terminal import banner

if TYPE_CHECKING:
    from lager.contract import PauseKeys

DETAILS = cast(
    "PauseKeys",
    {"id": "0123abcd", "label": "why", "file": "/x/y.py", "line": 7, "function": "f", "interactive": False},
)


@pytest.fixture(autouse=True)
def _no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LAGER_BOX", "LAGER_RUN_DEADLINE"):
        monkeypatch.delenv(name, raising=False)


def test_a_banner_with_all_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAGER_BOX", "bench7")
    shown = banner.paused({**DETAILS, "interactive": True}, 300, enter=True, dropped=3)
    assert shown.splitlines() == [
        "lager: paused at /x/y.py:7 in f - why",
        "  id        0123abcd",
        "  resume    press Enter, or: lager python --continue 0123abcd --box bench7",
        "  console   lager python --console 0123abcd --box bench7",
        "  timeout   resumes in 5m00s",
        "  note      3 characters typed before the pause were dropped",
    ]


def test_a_banner_with_the_fewest_fields() -> None:
    shown = banner.paused({**DETAILS, "label": ""}, 0, enter=False)
    assert shown.splitlines() == [
        "lager: paused at /x/y.py:7 in f",
        "  id        0123abcd",
        "  resume    lager python --continue 0123abcd",
        "  timeout   none: waits until it is resumed",
    ]


@pytest.mark.parametrize(
    ("in_seconds", "remaining", "text"),
    [(50.5, 300, "the whole run ends in 51s"), (50.5, 0, "the whole run ends in 51s"), (400, 300, "5m00s")],
)
def test_the_banner_shows_the_end_of_the_run_if_it_comes_first(
    monkeypatch: pytest.MonkeyPatch, in_seconds: float, remaining: int, text: str
) -> None:
    monkeypatch.setenv("LAGER_RUN_DEADLINE", repr(time.monotonic() + in_seconds))
    assert text in banner.paused(DETAILS, remaining, enter=False)


@pytest.mark.parametrize("value", ["", "x", "nan", "inf", "-inf", "1e999"])
def test_an_invalid_end_of_the_run_is_ignored(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("LAGER_RUN_DEADLINE", value)
    assert "resumes in 5m00s" in banner.paused(DETAILS, 300, enter=False)
    assert "waits until it is resumed" in banner.paused(DETAILS, 0, enter=False)


@pytest.mark.parametrize(
    ("reason", "by", "text"),
    [
        ("continued", {"user": "anna", "how": "enter"}, "resumed by anna with Enter"),
        ("continued", {"user": "anna", "how": "cli"}, "resumed by anna with lager python --continue"),
        ("continued", {"user": "anna", "how": "bus"}, "resumed by anna over D-Bus"),
        ("continued", {"user": "an\x1b[2Jna", "how": "magic"}, r"resumed by an\x1b[2Jna over D-Bus"),
        ("continued", {}, "resumed by an unknown user over D-Bus"),
        ("timeout", {}, "resumed automatically: timed out"),
        ("alone", {}, "resumed automatically: timed out, and lagerd did not answer"),
        ("timeout", {"on_timeout": "raise"}, "raised PauseTimeout: timed out"),
        ("timeout", {"on_timeout": "exit"}, "ended the run: timed out"),
        ("timeout", {"on_timeout": "\x1b[2J"}, "resumed automatically: timed out"),
        ("interrupted", {}, "was interrupted"),
        ("\x1b]0;x\x07", {}, r"\x1b]0;x\x07"),
    ],
)
def test_a_resumed_pause_says_why_it_ended(reason: str, by: Any, text: str) -> None:
    assert banner.resumed(DETAILS, reason, by, 61.9) == f"lager: 0123abcd {text}, after 1m01s\n"


def test_paths_are_relative_to_the_working_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert banner.shown_path(f"{tmp_path}/a/b.py") == "a/b.py"
    assert banner.shown_path(f"{tmp_path}2/b.py") == f"{tmp_path}2/b.py"
    assert banner.shown_path("<stdin>") == "<stdin>"
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError):
        os.getcwd()
    assert banner.shown_path("/x/y.py") == "/x/y.py"
