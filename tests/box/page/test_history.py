"""The page shows and filters what happened."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.box import people
from tests.box.container import Box

pytestmark = pytest.mark.slow


@pytest.fixture
def reader(cockpit: Box) -> Iterator[None]:
    """alice may read the journal, for one test."""
    cockpit.run("gpasswd", "-a", "alice", "systemd-journal")
    yield
    cockpit.run("gpasswd", "-d", "alice", "systemd-journal")


@pytest.mark.usefixtures("bench", "reader")
def test_the_history_is_filtered_and_shows_the_changes_of_a_pause(cockpit: Box, visit: Callable[..., Any]) -> None:
    paused = people.paused(cockpit, "alice")
    with paused.process:
        cockpit.run("lager", "supply", "supply2", "voltage", "1.8", user="bob")
        people.call(cockpit, "alice", "Continue", "s", paused.id)
        paused.goes_on()
    alice = visit("alice")
    alice.page.get_by_role("tab", name="History").click()
    rows = alice.page.locator("#history tbody tr")
    alice.page.get_by_role("searchbox", name="Filter").fill(f"{paused.id} resumed")
    alice.page.locator("tr.during", has_text="supply2").get_by_text("by bob").wait_for()
    assert rows.count() == 2
    alice.page.get_by_label("Event").select_option("paused")
    alice.page.get_by_role("searchbox", name="Filter").fill(paused.id)
    assert rows.count() == 1


MOMENTS = """
from lager import pause
for number in range(300): pause(f"moment-{number}", timeout=0.001)
"""


@pytest.mark.usefixtures("reader")
def test_more_than_five_hundred_records_are_filtered_while_one_types(cockpit: Box, visit: Callable[..., Any]) -> None:
    cockpit.write("/opt/moments.py", MOMENTS)
    cockpit.run("lager", "python", "/opt/moments.py", user="alice")
    alice = visit("alice")
    alice.page.get_by_role("tab", name="History").click()
    alice.page.get_by_role("status").get_by_text(re.compile("The latest 500 of [0-9]+ records")).wait_for()
    rows = alice.page.locator("#history tbody tr")
    assert rows.count() >= 500
    alice.watch_frames()
    alice.page.get_by_role("searchbox", name="Filter").focus()
    alice.tab.keyboard.type("moment-299")  # no id, which are random, has this in it
    alice.page.get_by_role("status").get_by_text("2 records").wait_for()
    assert rows.count() == 2
    print(f"600 records: at most {alice.longest_frame():.0f} ms without a picture")
    assert alice.longest_frame() < 2000
