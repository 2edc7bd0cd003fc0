"""The table of pauses, with a clock that only the test moves."""

import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from lager.contract import LONGEST
from lager.errors import AmbiguousId, InvalidArgument, NoSuchBreakpoint, TooMany
from lagerd.breakpoints.table.pauses import Pause, Pauses, ended_of, from_details, remaining_of

RUN = "4f0c4a52-3a8e-4c62-a2c1-3b35a1c9c001"


class Timer:
    def __init__(self, when: float, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.when, self.callback, self.args = when, callback, args
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Timer:
        self.timers.append(Timer(when, callback, args))
        return self.timers[-1]

    def armed(self) -> list[Timer]:
        return [timer for timer in self.timers if not timer.cancelled]

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        for timer in self.armed():
            if timer.when <= self.now:
                timer.cancel()
                timer.callback(*timer.args)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ended() -> list[Pause]:
    return []


@pytest.fixture
def pauses(clock: Clock, ended: list[Pause]) -> Pauses:
    def expired(pause: Pause) -> None:
        assert made.remove(pause)
        ended.append(pause)

    made = Pauses(clock, expired)
    return made


def a_pause(id: str = "0123abcd", *, owner: str = ":1.5", uid: int = 1000, **details: Any) -> Pause:
    return from_details({"id": id, **details}, owner=owner, uid=uid, user=f"u{uid}", pid=7, default=300.0)


def test_a_pause_ends_at_its_timeout(pauses: Pauses, clock: Clock, ended: list[Pause]) -> None:
    pause = a_pause(timeout=10.0)
    pauses.add(pause)
    clock.pass_by(9.999)
    assert ended == []
    assert pauses.remaining(pause) == pytest.approx(0.001)
    clock.pass_by(0.001)
    assert ended == [pause]
    assert len(pauses) == 0


def test_without_a_timeout_no_timer_is_set(pauses: Pauses, clock: Clock) -> None:
    pause = a_pause(timeout=0.0)
    pauses.add(pause)
    assert clock.armed() == []
    assert pauses.remaining(pause) == 0


def test_a_pause_that_returns_keeps_its_time_left(pauses: Pauses, clock: Clock, ended: list[Pause]) -> None:
    pauses.add(a_pause("00000001", timeout=10.0), remaining=3.0)
    held = a_pause("00000002", timeout=10.0)
    pauses.add(held, remaining=0.0)
    clock.pass_by(3)
    assert [pause.id for pause in ended] == ["00000001"]
    clock.pass_by(LONGEST)
    assert list(pauses) == [held]


def test_a_timeout_that_is_nearly_over_never_reads_as_none(pauses: Pauses, clock: Clock) -> None:
    pause = a_pause(timeout=5.0)
    pauses.add(pause)
    clock.now += 100
    assert pauses.remaining(pause) > 0


def test_remove_leaves_no_timer_and_happens_once(pauses: Pauses, clock: Clock) -> None:
    pause = a_pause()
    pauses.add(pause)
    assert pauses.remove(pause)
    assert not pauses.remove(pause)
    assert clock.armed() == []


def test_extend_adds_to_what_is_left(pauses: Pauses, clock: Clock, ended: list[Pause]) -> None:
    pause = a_pause(timeout=10.0)
    pauses.add(pause)
    clock.pass_by(4)
    assert pauses.extend(pause, 5.0) == 11.0
    assert len(clock.armed()) == 1
    clock.pass_by(10.9)
    assert ended == []
    clock.pass_by(0.1)
    assert ended == [pause]


def test_extend_holds_and_starts_again(pauses: Pauses, clock: Clock) -> None:
    pause = a_pause(timeout=10.0)
    pauses.add(pause)
    assert pauses.extend(pause, 0) == 0
    assert clock.armed() == []
    assert pauses.extend(pause, 7.0) == 7.0
    assert pauses.extend(pause, LONGEST) == LONGEST


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, -math.inf, LONGEST + 1, 1e300])
def test_an_invalid_extension_changes_nothing(pauses: Pauses, seconds: Any) -> None:
    pause = a_pause(timeout=10.0)
    pauses.add(pause)
    with pytest.raises(InvalidArgument) as refused:
        pauses.extend(pause, seconds)
    assert refused.value.hint
    assert pauses.remaining(pause) == 10


def test_a_restart_never_shortens(pauses: Pauses, clock: Clock) -> None:
    pause = a_pause(timeout=10.0)
    pauses.add(pause)
    assert not pauses.restart(pause)
    clock.pass_by(6)
    assert pauses.restart(pause)
    assert pauses.remaining(pause) == 10
    pauses.extend(pause, 100.0)
    assert not pauses.restart(pause)
    assert pauses.remaining(pause) == 110
    pauses.extend(pause, 0)
    assert not pauses.restart(pause)
    assert pauses.remaining(pause) == 0


def test_find_returns_the_pauses_of_an_id_or_a_run(pauses: Pauses) -> None:
    first, second = a_pause("abcd0001", run_id=RUN.upper()), a_pause("abcd0002", run_id=RUN)
    other = a_pause("1234abcd")
    for pause in (first, second, other):
        pauses.add(pause)
    assert (
        pauses.find("abcd0001", 1000)
        == pauses.find(" ABCD0001\n", 1000)
        == pauses.find("abcd0001"[:8], 1000)
        == [first]
    )
    assert pauses.find("1234", 1000) == pauses.find("1234a", 1000) == [other]
    assert pauses.find(RUN, 1000) == pauses.find(RUN.upper(), 1000) == [first, second]
    assert (
        pauses.find(RUN[:4], 1000)
        == pauses.find(RUN[:8].upper(), 1000)
        == pauses.find(RUN[:20], 1000)
        == [first, second]
    )
    with pytest.raises(AmbiguousId, match=r"abcd0001, abcd0002"):
        pauses.find("abcd", 1000)


def test_a_prefix_of_two_ids_is_ambiguous(pauses: Pauses) -> None:
    for pause in (a_pause("abcd0001", run_id=RUN), a_pause("abcd0002", run_id=RUN[:9] + "other"), a_pause(RUN[:8])):
        pauses.add(pause)
    assert pauses.find(RUN[:8], 1000) == [pauses.get(RUN[:8])]
    for text, ids in ((RUN[:9], f"{RUN}, {RUN[:9]}other"), (RUN[:5], f"{RUN[:8]}, {RUN}, {RUN[:9]}other")):
        with pytest.raises(AmbiguousId, match=ids):
            pauses.find(text, 1000)


def test_ids_of_other_users_never_change_the_meaning_of_ones_own(pauses: Pauses) -> None:
    own = a_pause("abcd0001", run_id=RUN)
    forged = [
        a_pause("abcd0002", uid=1001),
        a_pause("abcd0003", uid=1001, run_id=RUN),
        a_pause(RUN[:8], uid=1001, run_id=RUN[:9] + "other"),
        a_pause("feed0001", uid=1001, run_id="abcd0001"),
    ]
    for pause in (*forged, own):
        pauses.add(pause)
    for text in ("abcd", "abcd0001", RUN, RUN[:8], RUN[:4], RUN[:20]):
        assert pauses.find(text, 1000) == [own]
    assert pauses.find("abcd0002", 1000) == [forged[0]]
    assert pauses.find("feed", 1000) == [forged[3]]


def test_a_run_finds_only_pauses_of_one_user(pauses: Pauses) -> None:
    pauses.add(a_pause("abcd0001", run_id=RUN))
    pauses.add(a_pause("abcd0002", uid=1001, run_id=RUN))
    assert [pause.id for pause in pauses.find(RUN, 1001)] == ["abcd0002"]
    for text in (RUN, RUN[:8]):  # of the user whose run it is
        assert [pause.id for pause in pauses.find(text, 0)] == ["abcd0001"]
    assert [pause.id for pause in pauses.find("abcd0001", 0)] == ["abcd0001"]


def test_a_run_that_is_not_paused_finds_no_pause_that_another_user_gave_its_id(pauses: Pauses) -> None:
    """The user's own run was paused before, or only holds an instrument."""
    own, other = a_pause("abcd0001", run_id=RUN), RUN.replace("3", "4")
    pauses.add(own)
    pauses.remove(own)
    pauses.note_run(other, 1000)
    forged = [a_pause("feed0001", uid=1001, run_id=RUN), a_pause("feed0002", uid=1001, run_id=other)]
    for pause in forged:
        pauses.add(pause)
    for run in (RUN, other):
        for text in (run, run[:8]):
            for uid in (1000, 0):
                with pytest.raises(NoSuchBreakpoint):
                    pauses.find(text, uid)
    assert pauses.find("feed0001", 1000) == [forged[0]]
    assert pauses.find(RUN, 1001) == [forged[0]]


def test_the_users_of_many_runs_are_remembered_and_no_more(pauses: Pauses) -> None:
    for number in range(30_000):
        pauses.note_run(f"{number:08x}", 1000)
    assert len(pauses._runs) == 20_000


def test_a_pause_that_returns_is_accepted_whatever_the_limit(pauses: Pauses) -> None:
    pauses.limit_per_user = 2
    for n in range(5):
        pauses.add(a_pause(f"0000000{n}"), returns=True)
    with pytest.raises(TooMany):
        pauses.add(a_pause("00000009"))
    assert len(pauses) == 5


@pytest.mark.parametrize("text", ["", " ", "123", "12345678", "1234abcde", "1234abcd\x1b", "g" * 8, "*", "1234abcd0"])
def test_find_raises_for_an_unknown_id(pauses: Pauses, text: str) -> None:
    pauses.add(a_pause("1234abcd", run_id=""))
    with pytest.raises(NoSuchBreakpoint) as refused:
        pauses.find(text, 1000)
    assert str(refused.value).isprintable()
    assert "lager breakpoints" in refused.value.hint


def test_an_id_is_used_once(pauses: Pauses) -> None:
    pauses.add(a_pause(label="first"))
    with pytest.raises(InvalidArgument, match="in use"):
        pauses.add(a_pause(label="second", uid=5))
    assert [pause.label for pause in pauses] == ["first"]


def test_the_limit_is_for_each_user(pauses: Pauses) -> None:
    pauses.limit_per_user = 2
    mine = [a_pause(f"0000000{n}") for n in range(3)]
    pauses.add(mine[0])
    pauses.add(mine[1])
    with pytest.raises(TooMany):
        pauses.add(mine[2])
    pauses.add(a_pause("00000009", uid=1001))
    pauses.remove(mine[0])
    pauses.add(mine[2])
    assert len(pauses) == 3


def test_pauses_are_found_by_their_owner(pauses: Pauses) -> None:
    pauses.add(a_pause("00000001", owner=":1.1"))
    pauses.add(a_pause("00000002", owner=":1.2"))
    assert [pause.id for pause in pauses.of(":1.2")] == ["00000002"]
    assert pauses.of(":1.3") == []
    assert pauses.get("00000001") is not None
    assert pauses.get("00000003") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "0123ABCD"}, {"id": "0123abc"}, {"id": "0123abcd0"}, {"id": "0123abcd\n"}, {"id": 5}, {"id": ""},
        {"line": -1}, {"line": 2**31}, {"line": True}, {"line": "5"}, {"timeout": -0.1}, {"timeout": math.nan},
        {"timeout": math.inf}, {"timeout": 5}, {"since": math.nan}, {"interactive": 1}, {"label": b"x"},
        {"file": None}, {"run_id": []},
    ],
)  # fmt: skip
def test_invalid_details_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgument) as refused:
        a_pause(**{"id": "0123abcd"} | wrong)
    assert str(refused.value).isprintable()


def test_details_are_made_safe_and_short() -> None:
    pause = a_pause(label="\x1b[2J" + "x" * 10**6, file="f" * 10**5, function="\n", since=9e99, run_id="R" * 100)
    assert pause.label.isprintable()
    assert len(pause.label) <= 200
    assert len(pause.file) <= 1024
    assert pause.function == "\\n"
    assert pause.since < 9e9
    assert len(pause.run_id) <= 64
    assert a_pause(since=-1e300).since > -LONGEST


def test_missing_details_have_defaults() -> None:
    pause = a_pause()
    assert (pause.timeout, pause.label, pause.line, pause.interactive) == (300.0, "", 0, False)
    assert remaining_of({}) is None
    assert remaining_of({"remaining": 0.0}) == 0
    with pytest.raises(InvalidArgument):
        remaining_of({"remaining": -1.0})


def test_what_a_script_says_is_what_its_pause_has(pauses: Pauses) -> None:
    said = {
        "id": "0123abcd", "label": "why", "file": "/t.py", "line": 7, "function": "f", "thread": "main", "run_id": RUN,
        "script": "t.py", "timeout": 60.0, "interactive": True, "on_timeout": "raise", "banner": "t.py:7",
    }  # fmt: skip
    before = time.time()
    pause = from_details(dict(said), owner=":1.5", uid=1000, user="anna", pid=7, default=300.0)
    assert before <= pause.since <= time.time()
    assert pause.began == pytest.approx(time.monotonic(), abs=5)
    found = pauses.details(pause)
    times = {"since": pause.since, "began": pause.began}
    assert found == said | times | {"pid": 7, "uid": 1000, "user": "anna", "consoles": 0}
    pause.consoles[1] = object()
    assert pauses.details(pause)["consoles"] == 1


def test_a_pause_of_which_nothing_is_said_resumes_at_its_deadline() -> None:
    pause = a_pause()
    assert (pause.on_timeout, pause.banner, pause.run_id, pause.script, pause.file) == ("resume", "", "", "", "")
    for word in ("resume", "raise", "exit"):
        assert a_pause(on_timeout=word).on_timeout == word
    for wrong in ("Resume", "", "stop", 1):
        with pytest.raises(InvalidArgument, match="on_timeout"):
            a_pause(on_timeout=wrong)


def test_a_pause_that_began_before_has_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1e9)
    monkeypatch.setattr(time, "monotonic", lambda: 5000.0)
    assert (a_pause(since=1e9 - 60).since, a_pause(since=1e9 - 60).began) == (1e9 - 60, 4940.0)
    assert a_pause(since=1e9 - 60, began=4990.0).began == 4990.0
    assert (a_pause(since=1e9 + 60).since, a_pause(since=1e9 + 60).began) == (1e9, 5000.0)
    assert (a_pause(began=5001.0).began, a_pause(began=-1e300).began) == (5000.0, 5000.0 - LONGEST)
    assert a_pause(since=-1e300).since == 1e9 - LONGEST


def test_the_ends_of_what_a_pause_may_say() -> None:
    assert (a_pause(line=0).line, a_pause(line=2**31 - 1).line) == (0, 2**31 - 1)
    assert (a_pause(timeout=0.0).timeout, a_pause(timeout=LONGEST).timeout) == (0.0, LONGEST)
    for wrong in ({"timeout": LONGEST + 1}, {"on_timeout": None}, {"banner": 1}, {"thread": 1}, {"began": "1"}):
        with pytest.raises(InvalidArgument, match=next(iter(wrong))):
            a_pause(**wrong)
    long = a_pause(file="f" * 2000, script="s" * 2000, run_id="r" * 100, banner="b" * 100, label="l" * 1000)
    assert [len(text) for text in (long.file, long.script, long.run_id, long.banner, long.label)] == [
        1024, 1024, 64, 40, 200,
    ]  # fmt: skip


def test_a_table_has_room_for_thousands_and_forgets_who_has_gone(pauses: Pauses) -> None:
    assert pauses.limit_per_user == 4096
    first, second = a_pause("00000001"), a_pause("00000002")
    pauses.add(first)
    pauses.add(second)
    assert pauses.of(":1.5") == [first, second]
    pauses.remove(first)
    assert pauses.of(":1.5") == [second]
    assert pauses.remaining(second) == 300
    pauses.remove(second)
    assert pauses.of(":1.5") == list(pauses) == []
    assert not pauses._per_user
    assert not pauses._per_owner


def test_of_many_ids_that_may_be_meant_five_are_named(pauses: Pauses) -> None:
    for number in range(7):
        pauses.add(a_pause(f"abcd000{number}"))
    with pytest.raises(AmbiguousId, match=r"7 ids: abcd0000, .*, abcd0004"):
        pauses.find("abcd", 1000)


def test_a_pause_tells_when_it_ended_or_ended_just_now() -> None:
    assert ended_of({"ended": 12.5}) == 12.5
    before = time.monotonic()
    assert before <= ended_of({}) <= time.monotonic()
    for wrong in ("12", 12, math.inf):
        with pytest.raises(InvalidArgument, match="ended"):
            ended_of({"ended": wrong})


def test_a_pause_that_has_just_ended_is_known_with_its_owner(pauses: Pauses) -> None:
    pause = a_pause(owner=":1.5")
    pauses.add(pause)
    assert not pauses.has_just_ended(pause.id, ":1.5")
    pauses.remove(pause)
    assert pauses.has_just_ended(pause.id, ":1.5")
    assert not pauses.has_just_ended(pause.id, ":1.6")


def test_a_pause_after_a_step_names_the_pause_before_it() -> None:
    assert a_pause(stepped_from="89abcdef").stepped_from == "89abcdef"
    assert a_pause().stepped_from == ""
    with pytest.raises(InvalidArgument, match="not a valid breakpoint id"):
        a_pause(stepped_from="")


def test_of_many_ids_that_are_meant_five_are_named(pauses: Pauses) -> None:
    for number in range(7):
        pauses.add(a_pause(f"0123abc{number}"))
    with pytest.raises(AmbiguousId, match="matches 7 ids: ") as caught:
        pauses.find("0123", 1000)
    assert caught.value.what.count("0123abc") == 5
