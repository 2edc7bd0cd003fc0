"""The metrics of a booted box: a textfile that everybody reads, while lagerd runs."""

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests import needs
from tests.box.container import Box
from tests.box.people import call, paused

FILE = "/run/lager-metrics/lager.prom"

pytestmark = pytest.mark.slow


@pytest.fixture
def measured(box: Box) -> Iterator[Box]:
    """A box whose lagerd writes metrics, as a drop-in says; and prometheus_client."""
    import prometheus_client

    needs.nothing_more("" if shutil.which("promtool") else "apt-get install prometheus")
    package = box.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    place = box.root / package.lstrip("/") / "prometheus_client"
    shutil.copytree(prometheus_client.__path__[0], place, ignore=shutil.ignore_patterns("__pycache__"))
    box.write("/etc/lager/lagerd.toml.d/metrics.toml", "metrics = true\n")
    box.run("systemctl", "reload", "lagerd")
    yield box
    box.run("rm", "-r", "/etc/lager/lagerd.toml.d")
    box.run("systemctl", "restart", "lagerd")
    shutil.rmtree(place)


def pauses_written(box: Box, count: Any) -> None:
    """Wait until the file says how many pauses there are; each version of it is a new file with that name."""
    program = (
        f"import sys, time\nwhile 'lager_pauses {count}.0\\n' not in open({FILE!r}).read():\n    time.sleep(0.05)\n"
    )
    box.run("timeout", "60", "python", "-c", program, user="mallory")


def test_the_textfile_follows_the_bench_and_is_removed_with_lagerd(measured: Box) -> None:
    box = measured
    box.run("timeout", "60", "sh", "-c", f"until test -e {FILE}; do sleep 0.05; done")
    pauses_written(box, 0)
    with (script := paused(box, "alice")).process:
        pauses_written(box, 1)
        text = box.run("cat", FILE, user="mallory").stdout
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
        assert box.run("stat", "--format=%a %U", FILE, "/run/lager-metrics").stdout == "644 lager\n755 lager\n"
        assert box.run("ls", "-A", "/run/lager-metrics").stdout == "lager.prom\n"
        box.run("systemctl", "restart", "lagerd")
        pauses_written(box, 1)
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()
    pauses_written(box, 0)
    box.run("systemctl", "stop", "lagerd")
    assert box.run("ls", "-A", "/run/lager-metrics", check=False).stdout == ""
    box.run("systemctl", "start", "lagerd")
