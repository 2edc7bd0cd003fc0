"""How messages to one target are limited, combined and retried."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lager_cli.notify import outbox
from lager_cli.notify.config import Limits, Target
from lager_cli.notify.ledger import Ledger
from lager_cli.notify.notices import Notice
from lager_cli.notify.outbox import Outbox


def notice(number: Any) -> Notice:
    return Notice("paused", str(number), f"title {number}", (), "", pause=str(number))


class Post:
    """A target whose answers the test decides. Each entry of `messages` is one message: the keys of its notices."""

    def __init__(self, limits: Any, answers: Any = ()) -> None:
        self.messages: list[list[str]] = []
        self.delivered: list[str] = []
        self.failed: list[str] = []
        self.given_up: list[str] = []
        self.over: set[str] = set()
        self._answers = list(answers)
        self.came = asyncio.Condition()
        self.box = Outbox(
            limits,
            self._deliver,
            lambda one: one.key not in self.over,
            lambda notices: self.delivered.extend(one.key for one in notices),
            lambda notices, why: self.failed.append(why),
            lambda notices, why: self.given_up.extend(one.key for one in notices),
        )

    async def _deliver(self, notices: Any) -> Any:
        self.messages.append([one.key for one in notices])
        async with self.came:
            self.came.notify_all()
        return self._answers.pop(0) if self._answers else ""

    async def until(self, count: Any) -> None:
        async with self.came:
            await self.came.wait_for(lambda: len(self.messages) >= count)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries and minutes are short."""
    monkeypatch.setattr(outbox, "DELAYS", (0.001,))
    monkeypatch.setattr(outbox, "_MINUTE", 0.2)


def play(limits: Any, answers: Any, count: Any, work: Any) -> Any:
    async def go() -> Post:
        post = Post(limits, answers)
        task = asyncio.create_task(post.box.run())
        await work(post)
        async with asyncio.timeout(30):
            await post.until(count)
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return post

    return asyncio.run(go())


async def thousand(post: Any) -> None:
    for number in range(1000):
        post.box.put(notice(number))


def test_a_burst_sends_the_first_separately_and_the_rest_together(soon: None) -> None:
    post = play(Limits(messages=5), [], 5, thousand)
    assert [len(message) for message in post.messages] == [1, 1, 1, 1, 996]
    assert [key for message in post.messages for key in message] == [str(number) for number in range(1000)]


def test_after_a_burst_the_next_message_waits_for_its_turn(soon: None) -> None:
    async def burst_and_one(post: Any) -> None:
        await thousand(post)
        await post.until(5)
        post.box.put(notice("late"))
        post.box.put(notice("later"))

    post = play(Limits(messages=5), [], 6, burst_and_one)
    assert post.messages[5] == ["late", "later"]


def test_without_a_limit_each_notice_is_one_message(soon: None) -> None:
    post = play(Limits(messages=0), [], 1000, thousand)
    assert post.messages == [[str(number)] for number in range(1000)]


async def one(post: Any) -> None:
    post.box.put(notice(1))


def test_a_failed_message_is_tried_again_until_it_is_taken(soon: None) -> None:
    post = play(Limits(), ["500", "500"], 3, one)
    assert post.messages == [["1"], ["1"], ["1"]]
    assert (post.delivered, post.failed, post.given_up) == (["1"], ["500"], [])


def test_a_message_is_given_up_after_so_many_tries(soon: None) -> None:
    post = play(Limits(tries=3), ["500"] * 3, 3, one)
    assert post.messages == [["1"]] * 3
    assert (post.delivered, post.failed, post.given_up) == ([], ["500"], ["1"])


def test_what_comes_while_a_target_is_dead_goes_with_the_next_try(soon: None) -> None:
    async def two(post: Any) -> None:
        post.box.put(notice(1))
        await post.until(1)
        post.box.put(notice(2))

    post = play(Limits(tries=3), ["500"], 2, two)
    assert post.messages == [["1"], ["1", "2"]]
    assert post.delivered == ["1", "2"]


def test_an_outdated_notice_is_not_sent(soon: None) -> None:
    async def three(post: Any) -> None:
        post.over.add("2")
        for number in (1, 2, 3):
            post.box.put(notice(number))

    assert play(Limits(), [], 2, three).messages == [["1"], ["3"]]


def test_a_notice_that_waits_already_is_not_added(soon: None) -> None:
    async def twice(post: Any) -> None:
        for number in (1, 2, 1, 2):
            post.box.put(notice(number))
        await post.until(1)
        post.box.put(notice(1))

    assert play(Limits(), ["500"], 2, twice).messages == [["1"], ["1", "2"]]


TARGETS = [Target(1, "json://a"), Target(2, "json://b")]


def test_a_ledger_remembers_each_target_by_itself(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add(TARGETS[0], [notice(1)])
    ledger.close()
    again = Ledger(tmp_path)
    assert [again.has(target, notice(1)) for target in TARGETS] == [True, False]
    assert "json" not in (tmp_path / "told").read_text()
    again.close()


def test_a_ledger_with_a_torn_line_keeps_the_others(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add(TARGETS[0], [notice(1)])
    ledger.close()
    with open(tmp_path / "told", "ab") as file:
        file.write(b'\n"torn and \xff\xfe')
    again = Ledger(tmp_path)
    again.add(TARGETS[0], [notice(2)])
    again.close()
    last = Ledger(tmp_path)
    assert last.has(TARGETS[0], notice(1))
    assert last.has(TARGETS[0], notice(2))
    last.close()


def test_a_long_ledger_is_shortened_to_its_latest_lines(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add(TARGETS[0], [notice(number) for number in range(20_001)])
    assert (tmp_path / "told").read_bytes().count(b"\n") == 5_000
    assert not ledger.has(TARGETS[0], notice(0))
    assert ledger.has(TARGETS[0], notice(20_000))
    ledger.close()
