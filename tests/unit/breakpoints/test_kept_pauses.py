"""The pauses that lagerd keeps for the next lagerd."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lager.errors import InvalidArgument
from lagerd.breakpoints.table.kept_pauses import KeptPauses
from lagerd.breakpoints.table.pauses import Pause
from tests.unit.breakpoints.test_pauses import RUN, a_pause


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "pauses"


def mine(id: Any = "0123abcd", uid: Any = 1000, pid: Any = None, **details: Any) -> Pause:
    pause = a_pause(id, uid=uid, **details)
    pause.pid = os.getpid() if pid is None else pid
    return pause


def test_a_pause_returns_to_the_next_lagerd_and_is_kept_for_the_one_after(folder: Path) -> None:
    KeptPauses(folder).keep(mine())
    second = KeptPauses(folder)
    assert second.returns(mine())
    second.keep(mine())
    assert not second.returns(mine())
    assert KeptPauses(folder).returns(mine())


def test_they_are_back_when_each_has_returned_or_ended(folder: Path) -> None:
    """Until then, for a second at most, lagerd waits with its answers."""
    first = KeptPauses(folder)
    assert first.are_back()
    for id in ("feed0000", "feed0001", "feed0002"):
        first.keep(mine(id))
    first.drop(mine("feed0002"))
    second = KeptPauses(folder)
    second.keep(mine("feed0000"))
    assert not second.are_back()
    second.drop(mine("feed0001"))
    assert second.are_back()


@pytest.mark.parametrize("other", [{"uid": 1001}, {"pid": 1}, {"uid": 0}])
def test_no_other_pause_gets_its_id_while_it_may_return(folder: Path, other: dict[str, int]) -> None:
    KeptPauses(folder).keep(mine())
    with pytest.raises(InvalidArgument, match="in use"):
        KeptPauses(folder).returns(mine(**other))


def test_the_next_lagerd_knows_who_used_the_id_of_a_run_first(folder: Path) -> None:
    first = KeptPauses(folder)
    for number, uid in enumerate((1000, 1001)):
        first.keep(mine(f"feed000{1 - number}", uid=uid, run_id=RUN))
        link = folder / f"feed000{1 - number}"
        os.utime(link, ns=(number, number), follow_symlinks=False)
    second = KeptPauses(folder)
    assert second.runs() == [(RUN, 1000), (RUN, 1001)]
    for uid, id in ((1001, "feed0000"), (1000, "feed0001")):  # the other one returns first
        second.keep(mine(id, uid=uid, run_id=RUN))
    assert KeptPauses(folder).runs() == [(RUN, 1000), (RUN, 1001)]


def test_a_pause_that_ended_is_not_kept(folder: Path) -> None:
    kept = KeptPauses(folder)
    kept.keep(mine())
    kept.drop(mine())
    assert list(folder.iterdir()) == []
    assert not KeptPauses(folder).returns(mine(uid=1001))


def test_a_pause_whose_process_ended_is_forgotten(folder: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    kept = KeptPauses(folder)
    kept.keep(mine(pid=process.pid))
    kept.keep(mine("0123abce", pid=0))
    later = KeptPauses(folder)
    process.communicate()
    assert not later.returns(mine(uid=1001))
    KeptPauses(folder)
    assert [path.name for path in folder.iterdir()] == ["0123abce"]


def test_a_pause_that_has_not_returned_yet_is_found_by_a_prefix_of_its_id(folder: Path) -> None:
    KeptPauses(folder).keep(mine(run_id=RUN))
    away = KeptPauses(folder)
    assert away.is_away("0123", 1000)
    assert away.is_away(RUN[:8], 1000)
    assert not away.is_away("0123", 1001)
    assert not away.is_away("4444", 1000)


@pytest.mark.parametrize("damage", [b"nonsense", b"x:y:z", b"1000:7", b":::"])
def test_what_is_not_a_kept_pause_is_removed(folder: Path, damage: bytes) -> None:
    folder.mkdir()
    os.symlink(damage, folder / "0123abcd")
    (folder / "file").write_bytes(damage)
    assert not KeptPauses(folder).returns(mine())
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_prevents_no_pause(folder: Path) -> None:
    kept = KeptPauses(folder)
    folder.rmdir()
    kept.keep(mine())
    kept.drop(mine())


def test_a_pause_whose_process_ends_before_it_returns_is_lost_once(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        KeptPauses(folder).keep(mine(pid=process.pid))
        later = KeptPauses(folder)
        assert later.take_lost() == {}
        process.communicate()
    assert [kept.run_id for kept in later.take_lost().values()] == [mine().run_id]
    assert later.take_lost() == {}
    assert later.are_back()
    assert list(folder.iterdir()) == []
