"""The records of claims and quarantines on the disk."""

import dataclasses
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lagerd.instruments.leases.files import kept_claims
from lagerd.instruments.leases.files.kept_claims import Claims
from lagerd.instruments.leases.lease import Lease
from tests.processes import links

LEASE = Lease("k", "psu1", "out", "", "test.py", ":1.5", 7, "anna", 1, 5.0, safe=("out",), nets_file="/tmp/nets.toml")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Claims]:
    made = Claims(tmp_path)
    yield made
    made.close()


def test_a_record_outlives_its_writer_and_is_read_as_it_was(kept: Claims, tmp_path: Path) -> None:
    kept.keep(LEASE)
    kept.quarantine(LEASE, "no answer.")
    another = Claims(tmp_path)
    ((lease, reason),) = another.kept()
    assert (lease.safe, lease.user, lease.nets_file, reason) == (("out",), "anna", "/tmp/nets.toml", "")
    assert [why for _, why in another.quarantined()] == ["no answer."]
    another.drop("k")
    another.clear("k")
    another.drop("k")  # which is gone
    assert (kept.kept(), kept.quarantined()) == ([], [])
    another.close()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"lease": 5}', '{"lease": {"instrument": "other"}}', "\x00" * 9]
)
def test_a_record_that_cannot_be_read_is_in_doubt(
    kept: Claims, tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "claims/k").write_text(text)
    ((lease, reason),) = kept.kept()
    assert [(name, level) for name, level, _ in caplog.record_tuples] == [("lagerd", logging.ERROR)]
    assert f"{tmp_path}/claims/k cannot be read: " in caplog.text
    assert (lease.instrument, lease.name, lease.owner, lease.user) == ("k", "k", "", "unknown")
    assert (lease.uid, lease.pid) == (0, 0)
    assert lease.since == pytest.approx(time.time(), abs=30)
    assert "cannot read its record" in reason


def test_a_record_under_the_name_of_another_instrument_is_in_doubt(kept: Claims, tmp_path: Path) -> None:
    kept.keep(LEASE)
    (tmp_path / "claims/k").rename(tmp_path / "claims/j")
    ((lease, reason),) = kept.kept()
    assert (lease.instrument, lease.safe, lease.user) == ("j", (), "unknown")
    assert "cannot read its record" in reason


def test_what_was_being_written_is_no_record(kept: Claims, tmp_path: Path) -> None:
    (tmp_path / "claims/.k").write_text("{")
    assert kept.kept() == []
    assert not (tmp_path / "claims/.k").exists()


def test_a_record_of_a_newer_lagerd_is_read(kept: Claims, tmp_path: Path) -> None:
    kept.keep(LEASE)
    path = tmp_path / "claims/k"
    record = json.loads(path.read_text())
    record["lease"]["newer"] = record["newer"] = 1
    path.write_text(json.dumps(record))
    assert [lease.name for lease, _ in kept.kept()] == ["psu1"]


def test_the_records_of_a_simulated_bench_end_with_it(kept: Claims, tmp_path: Path) -> None:
    kept.keep(LEASE)
    kept.quarantine(LEASE, "no answer.")
    kept_claims.forget(tmp_path, Path("/etc/lager/nets.toml"))
    assert (len(kept.kept()), len(kept.quarantined())) == (1, 1)
    kept_claims.forget(tmp_path, Path("/tmp/nets.toml"))
    assert (kept.kept(), kept.quarantined()) == ([], [])
    kept_claims.forget(tmp_path / "none", Path("/tmp/nets.toml"))


@pytest.mark.parametrize(("ago", "since"), [(100.0, 100.0), (-100.0, 0.0)], ids=["before", "after the clock was set"])
def test_a_record_says_how_long_ago_its_lease_began(kept: Claims, ago: float, since: float) -> None:
    kept.keep(dataclasses.replace(LEASE, since=time.time() - ago))
    ((lease, _),) = kept.kept()
    assert lease.began == pytest.approx(time.monotonic() - since, abs=10)


def test_a_record_that_is_too_long_is_in_doubt(kept: Claims, tmp_path: Path) -> None:
    kept.keep(LEASE)
    path = tmp_path / "claims/k"
    path.write_text(" " * 66_000 + path.read_text())
    assert [reason for _, reason in kept.kept()] == ["lagerd cannot read its record of the last claim."]


def test_a_record_and_its_end_are_written_to_the_disk(
    kept: Claims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def here(fd: int) -> None:  # and not what another test still writes
        if (path := os.readlink(f"/proc/self/fd/{fd}")).startswith(str(tmp_path)):
            written.append(path)

    monkeypatch.setattr(os, "fsync", here)
    kept.keep(LEASE)
    kept._disk.submit(lambda: None).result(30)
    assert sorted(written) == [str(tmp_path / "claims"), str(tmp_path / "claims/k")]
    kept.drop("k")
    kept._disk.submit(lambda: None).result(30)
    assert written[2:] == [str(tmp_path / "claims")]
    assert open_below(tmp_path) == []
    kept.close()
    with pytest.raises(RuntimeError):
        kept._disk.submit(lambda: None)
    kept.keep(LEASE)  # while lagerd ends
    assert len(kept.kept()) == 1


def test_lagerd_ends_without_waiting_for_the_disk(kept: Claims) -> None:
    written = threading.Event()
    disk = kept._disk.submit(written.wait)
    kept.close()
    assert not disk.done()
    written.set()


def open_below(folder: Path) -> list[str]:
    return [path for path in links(os.getpid()) if path.startswith(str(folder))]


def test_the_folder_tells_whether_a_claim_was_never_released(kept: Claims, tmp_path: Path) -> None:
    assert not kept_claims.any_kept(tmp_path / "none")
    assert not kept_claims.any_kept(tmp_path)
    kept.keep(LEASE)
    assert kept_claims.any_kept(tmp_path)
    for folder in ("claims", "quarantine"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700
    Claims(tmp_path / "not/there/yet").close()
    assert not kept_claims.any_kept(tmp_path / "not/there/yet")
