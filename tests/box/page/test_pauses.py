"""The page shows pauses, and resumes, answers and extends those that the user may."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.box import people
from tests.box.container import Box

pytestmark = pytest.mark.slow


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


ALLOWED = """polkit.addRule(function(action, subject) {
  if (action.id.startsWith("com.lager.") && subject.user == "bob") return polkit.Result.YES;
});"""


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
