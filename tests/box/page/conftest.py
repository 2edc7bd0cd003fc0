"""The page of the bench in Cockpit, in a real Chromium on a booted box."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import needs
from tests.box.container import Box
from tests.box.page import browser as browsers
from tests.box.page.browser import Visit


@pytest.fixture(scope="package")
def cockpit(box: Box) -> Iterator[Box]:
    needs.nothing_more(browsers.missing())
    browsers.start_cockpit(box, "alice", "bob", "mallory")
    yield box
    box.run("systemctl", "stop", "cockpit.socket", "cockpit.service")


@pytest.fixture(scope="package")
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
