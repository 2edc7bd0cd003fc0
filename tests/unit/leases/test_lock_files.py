"""The lock files of leases: whose lock is held, what outlives lagerd, and what a full disk leaves behind."""

import asyncio
import contextlib
import dataclasses
import fcntl
import json
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lager.contract import LEASE_WATCHED
from lager.errors import Failed
from lager.process import system
from lagerd.instruments.leases.files.kept_claims import Claims
from lagerd.instruments.leases.files.lock_files import LeaseFiles, process_end
from lagerd.instruments.leases.lease import Lease
from tests.processes import links

PLAIN = Lease("k", "psu1", "out", "", "test.py", ":1.5", 7, "anna", 1, 5.0, began=3.25)
SAFE = dataclasses.replace(PLAIN, safe=("out",))
OTHER = dataclasses.replace(PLAIN, instrument="longer-name.of-another", name="dmm")
LONG = 30.0


class Folder:
    """The lock files below a folder; `closed` has the instruments whose lease may have ended."""

    def __init__(self, folder: Path) -> None:
        self.path, self.closed = folder / "leases", asyncio.Queue[str]()
        self.claims = Claims(folder / "state")
        self.files = LeaseFiles(self.path, self.closed.put_nowait, self.claims)

    async def heard(self) -> str:
        return await asyncio.wait_for(self.closed.get(), LONG)

    def mode(self, instrument: str = "k") -> int:
        return (self.path / instrument).stat().st_mode & 0o777


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Folder]:
    made = Folder(folder)
    try:
        yield made
    finally:
        made.files.close()


def run(folder: Path, test: Callable[[Folder], Awaitable[Any]]) -> None:
    async def main() -> None:
        with opened(folder) as made:
            await test(made)

    asyncio.run(main())


def descriptors() -> list[str]:
    """What waits for files and processes is open here. The disk's thread of another test may still have a file."""
    return sorted(path for path in links(os.getpid()) if path.startswith("anon_inode:"))


def test_a_lease_is_a_locked_file_that_its_holder_can_only_read(tmp_path: Path) -> None:
    async def test(folder: Folder) -> None:
        assert folder.files.is_free("k")
        fd = folder.files.take(PLAIN)
        assert not folder.files.is_free("k")
        assert folder.files.is_file_of("k", fd)
        assert not folder.files.is_file_of("other", fd)
        assert fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
        assert not os.get_inheritable(fd)
        assert json.loads((folder.path / "k").read_text()) == PLAIN.kept()
        assert (folder.path / "k").stat().st_mtime_ns == 3_250_000_000  # when the lease began
        assert (folder.mode(), folder.path.stat().st_mode & 0o777) == (0o600, 0o700)
        again = folder.files.take(PLAIN)
        assert (folder.files.is_file_of("k", fd), folder.files.is_file_of("k", again)) == (False, True)
        os.close(fd)
        assert not folder.files.is_free("k")
        folder.files.drop("k")
        folder.files.drop("k")  # which is gone
        assert folder.files.is_free("k")
        os.close(again)

    run(tmp_path, test)


def test_the_end_of_a_lease_is_heard_and_a_look_at_it_is_not(tmp_path: Path) -> None:
    async def test(folder: Folder) -> None:
        kept, first = folder.files.take(SAFE), folder.files.take(OTHER)
        assert not folder.files.is_free("k")
        os.close(first)
        assert await folder.heard() == OTHER.instrument
        second = folder.files.take(OTHER)
        os.close(kept)
        os.close(second)
        assert {await folder.heard(), await folder.heard()} == {"k", OTHER.instrument}
        assert folder.files.is_free("k")
        assert folder.closed.empty()

    run(tmp_path, test)


def test_the_mode_of_the_file_says_whether_others_are_paused(tmp_path: Path) -> None:
    async def test(folder: Folder) -> None:
        os.close(folder.files.take(PLAIN))
        folder.files.mark("k", True)
        assert folder.mode() == 0o600 | LEASE_WATCHED
        folder.files.mark("k", False)
        assert folder.mode() == 0o600
        folder.files.mark("gone", True)
        folder.files.is_watched = lambda owner: owner == PLAIN.owner
        os.close(folder.files.take(PLAIN))
        assert folder.mode() == 0o600 | LEASE_WATCHED

    run(tmp_path, test)


def test_a_claim_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    async def test(folder: Folder) -> None:
        shutil.rmtree(folder.path)
        with pytest.raises(Failed, match=r"psu1 cannot be claimed: .*leases/k cannot be written \(No such file") as no:
            folder.files.take(SAFE)
        assert no.value.hint == "Free some space there, then try again."
        assert folder.claims.kept() == []
        with pytest.raises(Failed):
            folder.files.take(dataclasses.replace(SAFE, making_safe=True))
        assert len(folder.claims.kept()) == 1  # of the holder that crashed
        (folder.path / "k").mkdir(parents=True)  # which cannot be removed like a file
        with pytest.raises(Failed, match="leases/k"):
            folder.files.take(SAFE)
        (folder.path / "k").rmdir()
        shutil.rmtree(tmp_path / "state/claims")
        with pytest.raises(Failed, match="state/claims"):
            folder.files.take(SAFE)
        with pytest.raises(Failed, match="state/claims"):
            folder.files.keep_record(SAFE)
        assert not any(folder.path.iterdir())

    run(tmp_path, test)


def test_only_what_is_made_safe_has_a_record(tmp_path: Path) -> None:
    async def test(folder: Folder) -> None:
        os.close(folder.files.take(PLAIN))
        assert folder.claims.kept() == []
        os.close(folder.files.take(SAFE))
        assert [lease.safe for lease, _ in folder.claims.kept()] == [("out",)]
        folder.files.keep_record(dataclasses.replace(SAFE, safe=("a", "b")))
        assert [lease.safe for lease, _ in folder.claims.kept()] == [("a", "b")]
        folder.files.keep_quarantine(SAFE, "no answer.")
        folder.files.drop_record("k")
        assert (folder.claims.kept(), [why for _, why in folder.claims.quarantined()]) == ([], ["no answer."])
        folder.files.drop_quarantine("k")
        assert folder.claims.quarantined() == []

    run(tmp_path, test)


def test_a_lent_lease_keeps_its_lock(tmp_path: Path) -> None:
    async def test(folder: Folder) -> None:
        fd = folder.files.take(PLAIN)
        with opened(tmp_path / "lent") as lent:
            folder.files.move("k", lent.files)
            folder.files.move("k", lent.files)  # which is gone
            assert (folder.files.is_free("k"), lent.files.is_free("k")) == (True, False)
            assert lent.files.is_file_of("k", fd)
        os.close(fd)

    run(tmp_path, test)


def test_the_next_lagerd_finds_the_leases_that_are_still_held(tmp_path: Path) -> None:
    async def test(folder: Folder) -> None:
        held = [folder.files.take(PLAIN), folder.files.take(OTHER)]
        for name, text in {
            "lie": json.dumps(PLAIN.kept()),
            "no": "{",
            "long": " " * 66_000 + json.dumps(dataclasses.replace(PLAIN, instrument="long").kept()),
        }.items():
            held.append(folder.files.take(dataclasses.replace(PLAIN, instrument=name)))
            (folder.path / name).write_text(text)
        os.close(folder.files.take(dataclasses.replace(PLAIN, instrument="ended")))
        assert list(folder.files.held()) == [PLAIN, OTHER]
        assert sorted(path.name for path in folder.path.iterdir()) == ["k", OTHER.instrument]
        for fd in held:
            os.close(fd)

    run(tmp_path, test)


@pytest.mark.parametrize(("ago", "since"), [(100.0, 100.0), (-100.0, 0.0)], ids=["before", "after the clock was set"])
def test_a_lease_of_an_older_lagerd_began_by_the_clock_on_the_wall(tmp_path: Path, ago: float, since: float) -> None:
    async def test(folder: Folder) -> None:
        fd = folder.files.take(dataclasses.replace(PLAIN, since=time.time() - ago))
        os.utime(folder.path / "k")  # as that one leaves it
        (lease,) = folder.files.held()
        assert lease.began == pytest.approx(time.monotonic() - since, abs=10)
        os.close(fd)

    run(tmp_path, test)


def test_without_inotify_lagerd_warns_and_leases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none_left(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(system, "inotify", none_left)
    before = descriptors()

    async def test(folder: Folder) -> None:
        os.close(folder.files.take(PLAIN))
        assert folder.files.is_free("k")

    with caplog.at_level(logging.WARNING, "lagerd"):
        run(tmp_path, test)
    assert f"{tmp_path / 'leases'} cannot be watched: Too many open files. Raise fs.inotify" in caplog.text
    assert descriptors() == before


def test_a_closed_folder_leaves_no_descriptor(tmp_path: Path) -> None:
    before = descriptors()

    async def test(folder: Folder) -> None:
        assert folder.files.is_free("k")

    run(tmp_path, test)
    assert descriptors() == before


def test_the_folder_is_made_with_those_above_it_or_is_there(tmp_path: Path) -> None:
    async def test(folder: Folder) -> None:
        for _ in range(2):
            LeaseFiles(tmp_path / "not/there/yet", folder.closed.put_nowait, folder.claims).close()
        assert (tmp_path / "not/there/yet").stat().st_mode & 0o777 == 0o700

    run(tmp_path, test)


def test_the_end_of_a_process_is_waited_for() -> None:
    async def test() -> None:
        with subprocess.Popen(["sleep", "600"]) as child:
            before = descriptors()
            end = asyncio.ensure_future(process_end(child.pid))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not end.done()
            child.kill()
            await asyncio.wait_for(end, LONG)
            assert descriptors() == before
        await process_end(child.pid)  # which is gone
        await process_end(-1)

    asyncio.run(test())


def test_a_process_that_cannot_be_watched_is_not_taken_for_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(pid: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", none_left)
    with pytest.raises(OSError, match="Too many"):
        asyncio.run(process_end(os.getpid()))
