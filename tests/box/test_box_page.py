"""The page of the bench in Cockpit, in a real Chromium on a booted box."""

import browser as browsers
import people
import pytest

from tests import needs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cockpit(box):
    needs.nothing_more(browsers.missing())
    browsers.start_cockpit(box, "alice", "bob", "mallory")
    yield box
    box.run("systemctl", "stop", "cockpit.socket", "cockpit.service")


@pytest.fixture(scope="module")
def chromium(cockpit, tmp_path_factory):
    with browsers.chromium(cockpit, tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def visit(chromium):
    """Log in as a user; each visit must end without an error on the page."""
    visits = []

    def begin(user, **more):
        visits.append(browsers.Visit(chromium, user, **more))
        return visits[-1]

    yield begin
    for one in visits:
        one.close()


def test_a_pause_appears_at_once_and_is_continued(cockpit, visit):
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


def test_an_outsider_is_told_so_and_offered_nothing(cockpit, visit):
    paused = people.paused(cockpit, "alice")
    with paused.process:
        mallory = visit("mallory")
        mallory.page.get_by_role("alert").get_by_text("not a member of the group lager").wait_for()
        assert not mallory.row(paused.id).count()
        assert not mallory.page.get_by_role("button", name="Continue").count()
        people.call(cockpit, "alice", "Continue", "s", paused.id)
        paused.goes_on()
