"""What a message says, also of a script that wants it to say something else."""

from typing import TYPE_CHECKING, cast

import pytest

from lager_cli.notify.notices import Words

if TYPE_CHECKING:
    from lager.contract import PauseDetails

PAUSE: "PauseDetails" = {
    "id": "7f3a19e2", "label": "is the LED green", "file": "/home/anna/rail.py", "line": 42, "function": "main",
    "thread": "MainThread", "run_id": "r", "script": "rail.py --fast", "interactive": True, "banner": "-",
    "on_timeout": "resume", "pid": 1, "uid": 1, "user": "anna", "since": 0.0, "began": 0.0, "timeout": 300.0,
    "remaining": 300.0, "consoles": 0, "attached": [], "instruments": [], "changes": [], "changes_left_out": 0,
}  # fmt: skip
HOSTILE = "x\r\nBcc: all@example.com\n\x1b[2J\u202e\ud800" + "y" * 100_000


def test_a_message_of_a_pause() -> None:
    notice = Words("bench 3").paused("paused", PAUSE)
    assert notice.title == "lager: paused: rail.py:42 - is the LED green"
    assert notice.body == (
        "label     is the LED green\n"
        "place     /home/anna/rail.py:42 in main\n"
        "who       anna, rail.py --fast\n"
        "box       bench 3\n"
        "id        7f3a19e2\n"
        "timeout   resumes in 5m00s\n"
        "resume    lager python --continue 7f3a19e2 --box 'bench 3'\n"
        "console   lager python --console 7f3a19e2 --box 'bench 3'\n"
        "extend    lager python --extend 7f3a19e2 600 --box 'bench 3'"
    )


@pytest.mark.parametrize(
    ("on_timeout", "said"), [("raise", "raises PauseTimeout in 5m00s"), ("exit", "ends the run in")]
)
def test_a_message_says_what_the_script_does_at_its_timeout(on_timeout: str, said: str) -> None:
    assert f"timeout   {said}" in Words().paused("paused", {**PAUSE, "on_timeout": on_timeout}).body


def test_a_pause_without_a_limit_has_nothing_to_extend() -> None:
    body = Words().paused("paused", {**PAUSE, "remaining": 0.0, "interactive": False}).body
    assert "timeout   none: waits until it is resumed" in body
    assert "extend" not in body
    assert "console" not in body


def test_a_question_says_what_answers_it_and_its_default() -> None:
    asked: PauseDetails = {
        **PAUSE, "question": "How many?", "kind": "choice", "choices": ["one", "two"], "default": "two"
    }  # fmt: skip
    body = Words().paused("question", asked).body
    assert "question  How many?\nanswer    one of: one, two\n" in body
    assert "timeout   gets the default answer in 5m00s" in body
    assert "answer    lager answer 7f3a19e2 VALUE" in body


@pytest.mark.parametrize("key", ["label", "file", "function", "user", "script"])
def test_a_hostile_text_is_one_short_line(key: str) -> None:
    said = Words().paused("paused", cast("PauseDetails", {**PAUSE, key: HOSTILE}))
    plain = Words().paused("paused", PAUSE)
    assert len(said.body.splitlines()) == len(plain.body.splitlines())
    for text in (said.title, said.body, said.where):
        assert len(text) < 2000
        assert text.replace("\n", "").isprintable()
    assert "\n" not in said.title + said.where


def test_a_hostile_question_is_left_out_or_one_line() -> None:
    for kind in ("text", "nonsense"):
        body = Words().paused("question", {**PAUSE, "question": HOSTILE, "kind": kind}).body
        assert body.replace("\n", "").isprintable()
        assert len(body) < 2000


@pytest.mark.parametrize("key", ["name", "reason", "net", "user", "script"])
def test_a_hostile_lease_is_one_short_line(key: str) -> None:
    lease = {"instrument": "k", "name": "psu1", "reason": "r", "net": "n", "user": "u", "script": "s", "since": 1.0}
    notice = Words().quarantined({**lease, key: HOSTILE})
    assert len(notice.body.splitlines()) == 5
    for text in (notice.title, notice.body):
        assert text.replace("\n", "").isprintable()
        assert len(text) < 1500


def test_a_message_of_many_names_the_first_and_counts_the_others() -> None:
    words = Words("b")
    title, body = words.together(
        [words.paused("paused", {**PAUSE, "id": f"{number:08x}", "label": HOSTILE}) for number in range(1000)]
    )
    assert title == "lager: 1000 events: 1000 paused"
    assert body.count("lager python --continue") == 20
    assert "and 980 more\nlist      lager breakpoints --box b" in body
    assert len(body) < 6000
