"""The page is used as well with five hundred pauses and nets."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.box import people
from tests.box.container import Box

pytestmark = pytest.mark.slow


# The system bus allows 128 pending calls for each connection.
MANY = """
import os, threading
from lager import pause
children = []
while len(children) < 5:
    children.append(os.fork())
    if not children[-1]:
        threads = [threading.Thread(target=pause, args=(f"pause {number}",)) for number in range(100)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        os._exit(0)
for child in children: os.waitpid(child, 0)
"""


def test_five_hundred_pauses_are_used_by_the_keyboard_alone(cockpit: Box, visit: Callable[..., Any]) -> None:
    cockpit.write("/opt/many.py", MANY)
    with cockpit.start("lager", "python", "/opt/many.py", user="alice") as process:
        alice = visit("alice")
        alice.page.locator("[data-id]").nth(499).wait_for(state="attached")
        alice.page.get_by_role("tab", name="Pauses").focus()
        keyboard = alice.tab.keyboard
        for key in ("Tab", "End", "ArrowUp", "Enter"):
            keyboard.press(key)
        alice.page.get_by_role("article", name="Pause").get_by_role("heading", level=2).wait_for()
        chosen = alice.page.locator("[aria-selected=true][data-id]").get_attribute("data-id")
        keyboard.press("Tab")
        keyboard.press("Enter")  # the first button of the pause is Continue
        alice.row(chosen).wait_for(state="detached")
        assert len(people.listed(cockpit)) == 499
        cockpit.run("lager", "continue", alice.run_of(cockpit), user="alice")
        assert process.ended() == 0
        alice.page.get_by_text("Nothing is paused.").wait_for()


@pytest.fixture
def many_nets(cockpit: Box, bench: None) -> None:
    """500 more nets on the bench, all inputs of one instrument."""
    nets = [cockpit.run("cat", "/etc/lager/nets.toml").stdout]
    for number in range(500):
        nets.append(f"[nets.many{number}]\ntype = 'adc'\ninstrument = 'daq1'\nchannel = 'AIN{number % 14}'\n")
    cockpit.write("/etc/lager/nets.toml", "".join(nets))


@pytest.mark.usefixtures("many_nets")
def test_only_the_nets_in_view_are_read(visit: Callable[..., Any]) -> None:
    alice = visit("alice")
    alice.page.get_by_role("tab", name="Bench").click()
    last = alice.page.locator("[data-net='many499']")
    last.wait_for(state="attached")
    alice.page.locator("[data-net='adc1'] .reading", has_text=" V").wait_for()
    assert last.locator(".reading").text_content() == "-"
    alice.watch_frames()
    last.scroll_into_view_if_needed()
    last.locator(".reading", has_text=" V").wait_for()
    last.locator("path[d*=L]").wait_for(state="attached")  # it was read more than once
    print(f"500 nets: at most {alice.longest_frame():.0f} ms without a picture")
    assert alice.longest_frame() < 2000
