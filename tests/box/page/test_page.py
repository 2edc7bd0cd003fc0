"""The page stays itself: text stays text, lost connections come back, it is readable."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.box import people
from tests.box.container import Box

pytestmark = pytest.mark.slow


HOSTILE = """
import threading
from lager import pause
LABELS = [
    "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "&lt;b onmouseover='alert(3)'&gt; \\u202e\\u2066gpj.exe\\x00\\x1b[31m",
    "javascript:alert(4) ${alert(5)} {{7*7}} \\u200b",
]
evil = "</pre><script>alert(6)</script>"
threads = [threading.Thread(target=pause, args=(label,), kwargs={"interactive": True}) for label in LABELS]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_markup_in_labels_and_values_stays_text(cockpit: Box, visit: Callable[..., Any]) -> None:
    cockpit.write("/opt/hostile.py", HOSTILE)
    alice = visit("alice")
    with cockpit.start("lager", "python", "/opt/hostile.py", user="alice") as process:
        rows = alice.page.locator("[data-id]")
        alice.page.get_by_text("<script>alert(2)</script>").wait_for()
        alice.page.get_by_text("\\u202e\\u2066gpj.exe\\x00\\x1b[31m").wait_for()
        alice.page.get_by_text("{{7*7}} \\u200b").wait_for()
        for number in range(rows.count()):
            rows.nth(number).click()
            alice.page.get_by_label("Source").wait_for()
        assert alice.page.locator("main :is(script, img, b, iframe), [onerror], [onmouseover]").count() == 0
        assert not alice.errors
        cockpit.run("lager", "continue", alice.run_of(cockpit), user="alice")
        assert process.ended() == 0


def test_the_page_comes_back_with_lagerd(cockpit: Box, visit: Callable[..., Any]) -> None:
    alice = visit("alice")
    paused = people.paused(cockpit, "alice")
    with paused.process:
        alice.row(paused.id).wait_for()
        cockpit.run("systemctl", "stop", "lagerd")
        alice.page.get_by_role("alert").get_by_text("lagerd is not running").wait_for()
        cockpit.run("systemctl", "start", "lagerd")
        alice.page.get_by_role("alert").wait_for(state="hidden")
        alice.row(paused.id).click()
        alice.page.get_by_role("button", name="Continue").click()
        assert "alice" in paused.goes_on()
        alice.row(paused.id).wait_for(state="detached")


def test_a_lost_connection_to_the_box_comes_back(cockpit: Box, visit: Callable[..., Any]) -> None:
    alice = visit("alice")
    paused = people.paused(cockpit, "alice")
    with paused.process:
        alice.row(paused.id).wait_for()
        cockpit.run("systemctl", "stop", "cockpit.service", "cockpit-wsinstance-http.service")
        alice.tab.get_by_role("button", name="Reconnect").click()
        alice.log_in("alice")
        alice.row(paused.id).click()
        alice.page.get_by_role("button", name="Continue").click()
        assert "alice" in paused.goes_on()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_is_readable_and_its_pictures_are_those_of_the_docs(
    cockpit: Box, bench: None, visit: Callable[..., Any], tmp_path: Path, dark: bool
) -> None:
    shots = Path(os.environ.get("LAGER_SCREENSHOTS", tmp_path))
    cockpit.write("/opt/thermal_test.py", PICTURED)
    cockpit.run("lager", "supply", "supply2", "voltage", "3.3", user="alice")
    with cockpit.start("lager", "python", "/opt/thermal_test.py", user="alice") as process:
        alice = visit("alice", dark=dark)
        alice.page.get_by_role("option", name="before the load test").click()
        alice.page.get_by_label("Source").wait_for()
        colours = alice.page.locator("body").evaluate(
            "body => [getComputedStyle(body).color, getComputedStyle(body).backgroundColor]"
        )
        ink, paper = (int(colour.split("(")[1].split(",")[0]) for colour in colours)
        assert (ink > paper) is dark
        assert abs(ink - paper) > 150
        alice.tab.screenshot(path=shots / f"page-pause-{'dark' if dark else 'light'}.png")
        alice.page.get_by_role("tab", name="Bench").click()
        row = alice.page.locator("[data-net='supply2']")
        row.get_by_role("button", name="Enable supply2").click()
        alice.page.get_by_role("dialog").get_by_role("button", name="Enable").click()
        row.get_by_role("button", name="Off supply2").wait_for()
        alice.page.locator("[data-net='adc1']").get_by_text("alice, paused").wait_for()
        alice.tab.screenshot(path=shots / f"page-bench-{'dark' if dark else 'light'}.png")
        alice.page.get_by_role("button", name="All off").click()
        alice.page.get_by_role("status").get_by_text("Off: ").wait_for()
        cockpit.run("lager", "continue", alice.run_of(cockpit), user="alice")
        assert process.ended() == 0


PICTURED = """
from lager import Net, NetType, pause

adc1 = Net.get("adc1", type=NetType.ADC)
limits = {"voltage": 3.3, "current": 0.5}
before = adc1.input()
pause("before the load test", interactive=True)
after = adc1.input()
"""


def test_the_command_prints_the_address_of_the_page(cockpit: Box) -> None:
    assert cockpit.run("lager", "page", user="alice").stdout.rstrip().endswith(":9090/lager")
    cockpit.run("systemctl", "stop", "cockpit.socket")
    refused = cockpit.run("lager", "page", user="alice", check=False)
    cockpit.run("systemctl", "start", "cockpit.socket")
    assert refused.returncode == 1
    assert "systemctl enable --now cockpit.socket" in refused.stderr
