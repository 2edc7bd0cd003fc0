"""The page of the bench in Cockpit, in a real Chromium on a booted box."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.box import people
from tests.box.container import Box
from tests.box.page import browser as browsers
from tests.box.page.browser import Visit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cockpit(box: Box) -> Iterator[Box]:
    needs.nothing_more(browsers.missing())
    browsers.start_cockpit(box, "alice", "bob", "mallory")
    yield box
    box.run("systemctl", "stop", "cockpit.socket", "cockpit.service")


@pytest.fixture(scope="module")
def chromium(cockpit: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    with browsers.chromium(cockpit, tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def visit(chromium: object) -> Iterator[Callable[..., Any]]:
    """Log in as a user; each visit must end without an error on the page."""
    visits = []

    def begin(user: Any, **more: Any) -> Visit:
        visits.append(browsers.Visit(chromium, user, **more))
        return visits[-1]

    yield begin
    for one in visits:
        one.close()


def test_a_pause_appears_at_once_and_is_continued(cockpit: Box, visit: Callable[..., Any]) -> None:
    alice = visit("alice")
    alice.page.get_by_text("Nothing is paused.").wait_for()
    alice.page.locator("body").evaluate(
        "body => new MutationObserver(() => body.querySelector('[data-id]') && (window.came ??= Date.now() / 1000))"
        ".observe(body, { childList: true, subtree: true })"
    )
    paused = people.paused(cockpit, "alice")
    with paused.process:
        alice.row(paused.id).wait_for()
        since = people.listed(cockpit)[paused.id]["since"]
        took = alice.page.locator("body").evaluate("() => window.came") - since
        print(f"a pause was shown after {took * 1000:.0f} ms")
        assert took < 5
        alice.row(paused.id).press("Enter")
        alice.page.get_by_role("button", name="Continue").click()
        assert "alice" in paused.goes_on()
        alice.page.get_by_text("Nothing is paused.").wait_for()


def test_an_outsider_is_told_so_and_offered_nothing(cockpit: Box, visit: Callable[..., Any]) -> None:
    paused = people.paused(cockpit, "alice")
    with paused.process:
        mallory = visit("mallory")
        mallory.page.get_by_role("alert").get_by_text("not a member of the group lager").wait_for()
        assert not mallory.row(paused.id).count()
        assert not mallory.page.get_by_role("button", name="Continue").count()
        people.call(cockpit, "alice", "Continue", "s", paused.id)
        paused.goes_on()


QUESTION = """
from lager import ask
print("answered", repr(ask("Is the LED green?", kind="yes-no")), flush=True)
print("answered", repr(ask("Which level?", kind="number", unit="V", low=0, high=5)), flush=True)
"""


@pytest.fixture
def asking(cockpit: Box) -> Iterator[Any]:
    cockpit.write("/opt/asking.py", QUESTION)
    with cockpit.start("lager", "python", "/opt/asking.py", user="alice") as process:
        yield process


def test_questions_are_answered(asking: Any, visit: Callable[..., Any]) -> None:
    alice = visit("alice")
    alice.page.get_by_role("option", name="Is the LED green?").click()
    assert not alice.page.get_by_role("button", name="Continue").count()  # it has no default
    alice.page.get_by_role("button", name="yes").click()
    asking.until("answered True")
    alice.page.get_by_role("option", name="Which level?").click()
    answer = alice.page.get_by_label("Answer")
    answer.fill("9")
    answer.press("Enter")
    alice.page.get_by_role("status").get_by_text("5").wait_for()  # lagerd's own sentence, which names the bounds
    answer.fill("3.3")
    answer.press("Enter")
    asking.until("answered 3.3")


def test_a_console_accepts_input_and_the_page_shows_the_source(cockpit: Box, visit: Callable[..., Any]) -> None:
    paused = people.paused(cockpit, "alice", interactive=True)
    with paused.process:
        alice = visit("alice")
        alice.row(paused.id).click()
        alice.page.get_by_label("Source").get_by_text("pause(").first.wait_for()
        alice.page.get_by_role("button", name="Console").click()
        console = alice.page.get_by_role("textbox", name="Console")
        console.get_by_text(">>> ").first.wait_for()
        console.press_sequentially("print(6 * 7, len(sys.argv))\n")
        console.get_by_text("42 3").wait_for()
        console.press("Control+d")
        console.get_by_text("The console ended").wait_for()
        assert paused.id in people.listed(cockpit)
        bob = visit("bob")
        bob.row(paused.id).click()
        bob.page.get_by_text("Only alice and root see the variables").wait_for()
        assert not bob.page.get_by_role("button", name="Console").count()
        bob.page.get_by_role("button", name="Continue").click()
        assert "bob" in paused.goes_on()


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


def test_a_pause_is_extended_by_a_valid_duration_only(cockpit: Box, visit: Callable[..., Any]) -> None:
    paused = people.paused(cockpit, "alice")
    with paused.process:
        alice = visit("alice")
        alice.row(paused.id).click()
        time = alice.page.get_by_label("More time")
        time.fill("soon")
        time.press("Enter")
        alice.page.get_by_role("status").get_by_text("That is not a valid duration").wait_for()
        time.fill("30m")
        time.press("Enter")
        alice.page.get_by_role("status").get_by_text(f"Extended {paused.id}").wait_for()
        alice.row(paused.id).get_by_text(re.compile("(29|30|34|35)m")).wait_for()
        alice.page.get_by_role("button", name="No timeout").click()
        alice.page.get_by_role("dialog").get_by_role("button", name="Remove the timeout").click()
        alice.row(paused.id).get_by_text("no timeout").wait_for()
        assert people.listed(cockpit)[paused.id]["remaining"] == 0
        people.call(cockpit, "alice", "Continue", "s", paused.id)
        paused.goes_on()


HOLDING = """
from lager import Net, pause
supply = Net.get("supply2", type="supply")
supply.set_voltage(1.0)
pause("holding")
"""
ALLOWED = """polkit.addRule(function(action, subject) {
  if (action.id.startsWith("com.lager.") && subject.user == "bob") return polkit.Result.YES;
});"""


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


def test_a_user_whom_polkit_allows_is_offered_the_console_of_another(cockpit: Box, visit: Callable[..., Any]) -> None:
    cockpit.write("/etc/polkit-1/rules.d/50-page.rules", ALLOWED)
    people.restart_polkit(cockpit)
    paused = people.paused(cockpit, "alice", interactive=True)
    try:
        with paused.process:
            bob = visit("bob")
            bob.row(paused.id).click()
            bob.page.get_by_label("Source").get_by_text("pause(").first.wait_for()
            bob.page.get_by_role("button", name="Console").click()
            console = bob.page.get_by_role("textbox", name="Console")
            console.get_by_text(">>> ").first.wait_for()
            console.press_sequentially("print('polkit', 6 * 7)\n")
            console.get_by_text("polkit 42").wait_for()
            people.call(cockpit, "alice", "Continue", "s", paused.id)
            paused.goes_on()
    finally:
        cockpit.run("rm", "/etc/polkit-1/rules.d/50-page.rules")
        people.restart_polkit(cockpit)


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
