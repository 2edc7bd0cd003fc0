"""The page sets the bench and switches it on, after a confirmation."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.box.container import Box

pytestmark = pytest.mark.slow


def test_the_bench_is_set_and_energised_only_after_a_confirmation(
    cockpit: Box, bench: None, visit: Callable[..., Any]
) -> None:
    alice = visit("alice")
    alice.page.get_by_role("tab", name="Bench").click()
    row = alice.page.locator("[data-net='supply2']")
    value = row.get_by_label("Value for supply2")
    value.fill("3.3")
    value.press("Enter")
    alice.page.get_by_role("status").get_by_text("supply2: voltage 3.3").wait_for()
    row.get_by_role("button", name="Enable supply2").click()
    dialog = alice.page.get_by_role("dialog")
    dialog.get_by_text("Switch on supply2: 3.3 V").wait_for()
    dialog.press("Escape")
    assert "off" in cockpit.run("lager", "supply", "supply2", "state", user="alice").stdout.lower()
    row.get_by_role("button", name="Enable supply2").click()
    dialog.get_by_role("button", name="Enable").click()
    row.get_by_text("3.3 V").wait_for()
    row.locator("td", has_text="on").first.wait_for()
    alice.page.get_by_role("button", name="All off").click()
    alice.page.get_by_role("status").get_by_text("Off: ").wait_for()
    row.scroll_into_view_if_needed()  # what is out of view is not read
    row.get_by_role("button", name="Enable supply2").wait_for()
    assert not alice.errors


HOLDING = """
from lager import Net, pause
supply = Net.get("supply2", type="supply")
supply.set_voltage(1.0)
pause("holding")
"""


@pytest.mark.usefixtures("bench")
def test_allowed_users_set_the_nets_of_a_paused_script_through_it(cockpit: Box, visit: Callable[..., Any]) -> None:
    cockpit.write("/opt/holds_supply.py", HOLDING)
    with cockpit.start("lager", "python", "/opt/holds_supply.py", user="alice") as process:
        process.until(r"  id +([0-9a-f]{8})$")
        bob, alice = visit("bob"), visit("alice")
        for one in (bob, alice):
            one.page.get_by_role("tab", name="Bench").click()
        row = alice.page.locator("[data-net='supply2']")
        row.get_by_text("alice, paused").wait_for()
        row.get_by_label("Value for supply2").fill("2.5")
        row.get_by_label("Value for supply2").press("Enter")
        alice.page.get_by_role("status").get_by_text("supply2: voltage 2.5").wait_for()
        bob.page.locator("[data-net='supply2']").get_by_text("alice, paused").wait_for()
        assert not bob.page.locator("[data-net='supply2'] button").count()
        cockpit.run("lager", "continue", alice.run_of(cockpit), user="alice")
        process.until(r"supply2 voltage 1.000 → 2.500 V \(alice, lager supply --through")
        assert process.ended() == 0


CRASHES = """
import os, signal
from lager import Net
supply = Net.get("supply2", type="supply")
supply.enable()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.usefixtures("bench")
def test_a_quarantine_is_ended_after_a_confirmation(cockpit: Box, visit: Callable[..., Any]) -> None:
    text = (cockpit.root / "etc/lager/nets.toml").read_text()
    own = text.replace("[nets.supply2]\n", '[nets.supply2]\nsafe = "off"\n')
    cockpit.write("/home/alice/nets.toml", own)
    cockpit.write("/etc/lager/nets.toml", text.replace("[nets.supply2]\n", "[nets.other]\n"))
    cockpit.write("/opt/crashes.py", CRASHES)
    cockpit.run("env", "LAGER_NETS=/home/alice/nets.toml", "python", "/opt/crashes.py", user="alice", check=False)
    bob = visit("bob")
    bob.page.get_by_role("tab", name="Bench").click()
    bob.page.get_by_text("psu1 is quarantined").wait_for()
    assert not bob.page.locator("[data-net='other'] button").count()
    bob.page.get_by_role("button", name="Clear").click()
    bob.page.get_by_role("dialog").get_by_role("button", name="End the quarantine").click()
    bob.page.get_by_text("psu1 is quarantined").wait_for(state="detached")
    assert "quarantined" not in cockpit.run("lager", "instruments").stdout
    bob.page.get_by_role("button", name="All off").click()
    bob.page.get_by_role("status").get_by_text("Off: ").wait_for()


@pytest.mark.usefixtures("bench")
def test_the_bench_fits_into_a_window_of_1280_pixels(cockpit: Box, visit: Callable[..., Any]) -> None:
    alice = visit("alice")
    alice.page.get_by_role("tab", name="Bench").click()
    alice.page.locator("[data-net='supply1'] path[d^=M]").wait_for(state="attached")
    wide = alice.page.locator("html").evaluate("html => [html.scrollWidth, html.clientWidth]")
    assert wide[0] <= wide[1]
