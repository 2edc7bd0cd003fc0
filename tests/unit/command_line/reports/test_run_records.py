"""The records of runs, also those that another program or a full disk has damaged."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from lager_cli.linux.process_id import Identity
from lager_cli.runs import records
from lager_cli.runs.records import Record

EARLIER = Identity(1, "an-earlier-boot 100")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(records, "_chosen", tmp_path)
    Record("good", "t.py", [], "/", script=EARLIER, ended=2.0, started=1.0).write()
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        {"started": "x"}, {"started": float("nan")}, {"started": None}, {"ended": [1]}, {"lasted": float("inf")},
        {"exit_code": "\x1b[2J"}, {"runnable": 7}, {"arguments": "abc", "box": 5}, {"arguments": [1]}, {"id": None},
        {"host": {}}, {"unit": 1}, {"script": None}, {"script": {"pid": -1, "born": ""}},
        {"keeper": {"pid": "1", "born": ""}}, {"script": {"pid": 1, "born": 2}}, {"unknown": 1},
    ],
)  # fmt: skip
def test_a_record_with_a_wrong_value_is_passed_over(folder: Path, change: Any) -> None:
    values = json.loads((folder / "good.json").read_text())
    (folder / "bad.json").write_text(json.dumps({**values, "id": "bad", **change}))
    assert [record.id for record in records.everyone()] == ["good"]


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 100_000, "\udcff", '{"id": "bad"}'])
def test_a_record_that_is_none_is_passed_over(folder: Path, text: str) -> None:
    (folder / "bad.json").write_text(text, errors="surrogateescape")
    assert [record.id for record in records.everyone()] == ["good"]


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_file_is_passed_over(folder: Path, make: Any) -> None:
    make(folder / "bad.json")
    assert [record.id for record in records.everyone()] == ["good"]


@pytest.mark.parametrize(("started", "ended"), [(86400, 86500), (-100, 86400), (86400, None)])
def test_after_a_clock_step_and_a_boot_no_age_is_negative(started: int, ended: int | None) -> None:
    """The run was recorded while the clock was ahead of what it is now."""
    now = time.time()
    record = Record("old", "t.py", [], "/", script=EARLIER, started=now + started)
    record.ended = None if ended is None else now + ended
    record.write()
    (read,) = [one for one in records.everyone() if one.id == "old"]
    assert read.age >= 0
    assert read.ended_ago >= 0
    assert (read.seconds or 0) >= 0
