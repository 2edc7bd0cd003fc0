"""The textfile for Prometheus: on change, at most each five seconds, as a whole, and only if it is wanted."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lagerd.metrics import NAME, Metrics, text

VALUES: dict[str, float] = {
    "pauses": 2, "oldest_pause_timestamp_seconds": 1.5e9, "waiting_claims": 3, "leases": 4, "quarantined": 1,
    "auto_resumes": 7, "denials": 9,
}  # fmt: skip
DASHBOARD = Path(__file__).parents[3] / "docs" / "grafana.json"


class Loop:
    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[tuple[float, Any]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Any, *args: Any) -> "Loop":
        self.due.append((self.now + delay, callback))
        return self

    def cancel(self) -> None:
        self.due.clear()

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        due, self.due = self.due, []
        for when, callback in due:
            if when <= self.now:
                callback()
            else:
                self.due.append((when, callback))


def read(data: bytes) -> dict[str, float]:
    return {one.name: one.value for family in text_string_to_metric_families(data.decode()) for one in family.samples}


def test_the_file_is_written_at_once_and_then_each_five_seconds_at_most(tmp_path: Path) -> None:
    loop, values = Loop(), dict(VALUES)
    metrics = Metrics(loop, lambda: values, tmp_path)
    metrics.changed()
    loop.pass_by(9)
    assert not list(tmp_path.iterdir())
    metrics.switch(True)
    loop.pass_by(0)
    file = tmp_path / NAME
    assert read(file.read_bytes())["lager_pauses"] == 2
    assert (file.stat().st_mode & 0o777, tmp_path.stat().st_mode & 0o777) == (0o644, 0o755)
    for count in (5, 6, 7):
        values["pauses"] = count
        metrics.changed()
        loop.pass_by(1)
    assert read(file.read_bytes())["lager_pauses"] == 2
    loop.pass_by(2)
    assert read(file.read_bytes())["lager_pauses"] == 7
    assert [one.name for one in tmp_path.iterdir()] == [NAME]
    metrics.switch(False)
    assert not list(tmp_path.iterdir())


def test_a_lagerd_without_metrics_leaves_the_file_of_another(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("another's")
    metrics = Metrics(Loop(), lambda: VALUES, tmp_path)
    metrics.switch(False)
    metrics.close()
    assert (tmp_path / NAME).exists()


def test_what_cannot_be_written_is_removed_told_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop = Loop()
    metrics = Metrics(loop, lambda: VALUES, tmp_path)
    metrics.switch(True)
    loop.pass_by(0)
    blocked = (tmp_path / NAME).with_suffix(".new")
    blocked.mkdir()
    for _ in range(3):
        metrics.changed()
        loop.pass_by(70)
    assert [one.name for one in tmp_path.iterdir()] == [blocked.name]  # no numbers rather than old ones
    blocked.rmdir()
    loop.pass_by(70)
    assert read((tmp_path / NAME).read_bytes())["lager_pauses"] == 2
    assert [record.message.count("There are no metrics") for record in caplog.records] == [1]


def test_the_dashboard_shows_each_metric() -> None:
    shown = " ".join(
        target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]
    )
    assert [name for name in read(text(VALUES)) if name.removesuffix("_created") not in shown] == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs: apt-get install prometheus")
def test_promtool_finds_nothing_to_complain_about() -> None:
    done = subprocess.run(["promtool", "check", "metrics"], input=text(VALUES), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
