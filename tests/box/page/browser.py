"""A real Chromium in the network of a box, where only it reaches Cockpit, by loopback."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.box import people
from tests.box.container import Box

PASSWORD = "correct horse"
ADDRESS = "http://127.0.0.1:9090"
WAIT = 60_000  # milliseconds
_FRAMES = """() => {
  let last = performance.now();
  window.longest = 0;
  const next = (now) => {
    window.longest = Math.max(window.longest, now - last);
    last = now;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""


def missing() -> str:
    """Return why no browser can be started here, or an empty text."""
    absent = [] if shutil.which("chromium") else ["chromium"]
    absent += [] if Path("/usr/share/cockpit/shell").is_dir() else ["cockpit-ws", "cockpit-bridge", "cockpit-system"]
    return f"the page needs: apt-get install {' '.join(absent)}" if absent else ""


def start_cockpit(box: Box, *users: str) -> None:
    """Let these users log in by their password, and start Cockpit, which listens in the box's own network."""
    box.run("chpasswd", input="".join(f"{user}:{PASSWORD}\n" for user in users))
    box.run("systemctl", "start", "cockpit.socket")


@contextlib.contextmanager
def chromium(box: Box, folder: Path) -> Iterator[object]:
    """A browser whose network is that of the box."""
    from playwright.sync_api import sync_playwright

    program = folder / "chromium"
    program.write_text(f'#!/bin/sh\nexec nsenter -t {box.leader} -n -- {shutil.which("chromium")} "$@"\n')
    program.chmod(0o755)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, env={**os.environ, "HOME": str(folder)})
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A person who has logged in to Cockpit and looks at the page of the bench."""

    def __init__(self, browser: Any, user: str, *, dark: bool = False) -> None:
        scheme = "dark" if dark else "light"
        self.context = browser.new_context(viewport={"width": 1280, "height": 860}, color_scheme=scheme)
        self.context.set_default_timeout(WAIT)
        self.errors: list[str] = []
        self.tab = self.context.new_page()
        self.tab.on("console", lambda one: self._logged(one.type, one.text))
        self.tab.on("pageerror", lambda one: self.errors.append(str(one)))
        self.tab.on("dialog", self._asked)
        self.tab.goto(f"{ADDRESS}/lager")
        self.log_in(user)

    def log_in(self, user: str) -> None:
        self.tab.fill("#login-user-input", user)
        self.tab.fill("#login-password-input", PASSWORD)
        self.tab.click("#login-button")
        self.page = self.frame()

    def _asked(self, dialog: Any) -> None:
        self.errors.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _logged(self, kind: str, text: str) -> None:
        if kind == "error" and "status of 401" not in text:  # which is how Cockpit asks for a login
            self.errors.append(text)

    def frame(self) -> Any:
        """The page of the bench, in the frame that Cockpit gives it."""
        return self.tab.frame_locator("iframe[name='cockpit1:localhost/lager']")

    def row(self, id: str) -> Any:
        return self.page.locator(f"[data-id='{id}']")

    def watch_frames(self) -> None:
        """Measure from now on how long the page stays without drawing."""
        self.page.locator("body").evaluate(_FRAMES)

    def longest_frame(self) -> float:
        """Return the longest time between two pictures since `watch_frames`, in milliseconds."""
        longest: float = self.page.locator("body").evaluate("() => window.longest")
        return longest

    @staticmethod
    def run_of(box: Box) -> str:
        """The run of everything that is paused."""
        (run,) = {str(pause["run_id"]) for pause in people.listed(box).values()}
        return run

    def close(self) -> None:
        self.context.close()
