"""The process that makes an instrument safe: one is kept ready while nets with a safe state are held, and only then."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lagerd.instruments.leases.files.lock_files import process_end
from lagerd.instruments.leases.lease import Lease
from lagerd.instruments.safety import safe_process
from lagerd.instruments.safety.handover import Handover
from lagerd.instruments.safety.safe_process import SafeProcess
from tests.processes import PATIENCE
from tests.unit.safety.test_standby import PROCESS

LEASE = Lease(
    "psu1", "psu1", "out", "", "", owner=":1.1", uid=0, user="root", pid=0, since=time.time(),
    safe=("out",), nets_file="/nowhere/nets.toml",
)  # fmt: skip


POPEN = subprocess.Popen  # also where a test replaces it


@asynccontextmanager
async def process() -> AsyncIterator[SafeProcess]:
    found = SafeProcess(None)
    try:
        yield found
    finally:
        found.close()
        await asyncio.gather(*found._reaping)


async def started(found: SafeProcess) -> int:
    while found._ready is None:
        await asyncio.sleep(0)
    assert found._ready.child is not None
    return found._ready.child.pid


async def told(found: SafeProcess) -> None:
    answer = await found.make_safe(LEASE, -1)
    assert not answer.died
    assert answer.why.startswith("out: There is no nets file at /nowhere/nets.toml")


def in_a_loop(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(limited())


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_process, "_HELD_SECONDS", 0.0)


def test_one_process_is_ready_and_answers_many_at_once() -> None:
    async def test() -> None:
        async with process() as found:
            found.held(True)
            first = await started(found)
            await asyncio.gather(*(told(found) for _ in range(3)))
            assert await started(found) == first
        await process_end(first)

    in_a_loop(test)


def test_a_process_that_died_before_it_was_needed_is_replaced() -> None:
    async def test() -> None:
        async with process() as found:
            found.held(True)
            first = await started(found)
            os.kill(first, signal.SIGKILL)
            await process_end(first)
            await told(found)

    in_a_loop(test)


def test_a_process_that_is_killed_long_after_its_start_is_replaced_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_process, "_AGAIN_SECONDS", 3600.0)

    async def test() -> None:
        async with process() as found:
            found.held(True)
            first = await started(found)
            assert found._ready is not None
            found._ready = replace(found._ready, at=time.monotonic() - 7200)
            os.kill(first, signal.SIGKILL)
            while await started(found) == first:
                await asyncio.sleep(0)

    in_a_loop(test)


async def spare(found: SafeProcess) -> int:
    while found._spare is None:
        await asyncio.sleep(0)
    assert found._spare.child is not None
    return found._spare.child.pid


def test_while_nets_are_held_a_second_process_takes_the_place_of_one_that_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(safe_process, "_SPARE_SECONDS", 0.0)
    monkeypatch.setattr(safe_process, "_IDLE_SECONDS", 0.0)

    async def test() -> None:
        async with process() as found:
            found.held(True)
            first, second = await started(found), await spare(found)
            os.kill(first, signal.SIGKILL)
            await process_end(first)
            await told(found)
            assert await started(found) == second
            third = await spare(found)
            os.kill(third, signal.SIGKILL)
            while await spare(found) == third:
                await asyncio.sleep(0)
            assert await started(found) == second
            last = await spare(found)
            found.held(False)
            await asyncio.gather(process_end(second), process_end(last))
            assert found._ready is None
            assert found._spare is None

    in_a_loop(test)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator["list[subprocess.Popen[str]]"]:
    """The processes that were begun, each of which prints what it makes safe. They end with the test."""
    found: list[subprocess.Popen[str]] = []

    def child(_: list[str], *, stdin: int, **__: Any) -> "subprocess.Popen[str]":
        found.append(printing(tmp_path, stdin))
        return found[-1]

    monkeypatch.setattr(subprocess, "Popen", child)
    yield found
    for one in found:
        one.kill()
        one.communicate()


def printing(folder: Path, stdin: int) -> "subprocess.Popen[str]":
    return POPEN([sys.executable, "-c", PROCESS, str(folder)], stdin=stdin, stdout=subprocess.PIPE, text=True)


def test_a_second_process_guards_what_the_first_one_did(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, begun: "list[subprocess.Popen[str]]"
) -> None:
    monkeypatch.setattr(safe_process, "_SPARE_SECONDS", 0.0)
    with POPEN(["cat"], stdin=subprocess.PIPE) as holder:

        async def test() -> None:
            handover = Handover(tmp_path / "handover")
            handover.take()
            async with process() as found:
                found.hand_over(handover.given)
                found.replaced = handover.replaced
                found.guard([replace(LEASE, pid=holder.pid)])
                found.held(True)
                first, second = await started(found), await spare(found)
                os.kill(first, signal.SIGKILL)
                while await started(found) != second:
                    await asyncio.sleep(0)
                holder.kill()
            handover.close()

        in_a_loop(test)
        assert begun[1].communicate(timeout=PATIENCE)[0] == "psu1\n"


def test_a_short_use_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_process, "_HELD_SECONDS", 3600.0)

    async def test() -> None:
        async with process() as found:
            found.held(True)
            found.held(False)
            await asyncio.sleep(0)
            assert found._ready is None

    in_a_loop(test)


def test_the_process_ends_some_time_after_the_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_process, "_IDLE_SECONDS", 0.0)

    async def test() -> None:
        async with process() as found:
            found.held(True)
            first = await started(found)
            found.held(False)
            await process_end(first)
            assert found._ready is None

    in_a_loop(test)


def test_the_process_ends_with_lagerd() -> None:
    """A lagerd that is killed closes nothing but what the kernel closes for it."""

    async def test() -> None:
        async with process() as found:
            found.held(True)
            first = await started(found)
            assert found._ready is not None
            found._ready.ours.shutdown(socket.SHUT_RDWR)
            await process_end(first)

    in_a_loop(test)


def test_a_process_that_reads_nothing_any_more_acts_on_nothing_later(
    tmp_path: Path, begun: "list[subprocess.Popen[str]]"
) -> None:
    with POPEN(["cat"], stdin=subprocess.PIPE) as holder:

        async def test() -> None:
            handover = Handover(tmp_path / "handover")
            handover.take()
            async with process() as found:
                found.hand_over(handover.given)
                found.replaced = handover.replaced
                found.guard([replace(LEASE, pid=holder.pid)])
                found.make_ready()
                os.kill(begun[0].pid, signal.SIGSTOP)
                while found._ready is not None:
                    found.guard([replace(LEASE, pid=holder.pid, safe=("out", "in"))])
                    found.guard([replace(LEASE, pid=holder.pid)])
                    await asyncio.sleep(0)
                found.guard([])
                holder.kill()
                os.kill(begun[0].pid, signal.SIGCONT)
                assert begun[0].stdout is not None
                assert await asyncio.to_thread(begun[0].stdout.read) == ""
            handover.close()

        in_a_loop(test)


def test_a_process_that_begins_as_lagerd_is_killed_knows_what_it_guards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun = []

    def killed(_: list[str], *, stdin: int, **__: Any) -> None:
        begun.append(printing(tmp_path, stdin))
        raise OSError("lagerd is killed")  # upon which its descriptors are closed, and nothing else is done

    monkeypatch.setattr(subprocess, "Popen", killed)
    os.mkfifo(tmp_path / "handover")
    fifo = os.open(tmp_path / "handover", os.O_RDONLY | os.O_NONBLOCK)
    with POPEN(["cat"], stdin=subprocess.PIPE) as holder:

        async def test() -> None:
            async with process() as found:
                found.hand_over([fifo])
                found.guard([replace(LEASE, pid=holder.pid)])
                found.make_ready()

        in_a_loop(test)
        holder.kill()
    try:
        assert begun[0].communicate(timeout=PATIENCE)[0] == "psu1\n"
    finally:
        begun[0].kill()
        begun[0].communicate()
        os.close(fifo)
