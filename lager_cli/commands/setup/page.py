"""`lager page`: prints the address of the page of the bench, which Cockpit shows in a browser."""

import re
import socket
import subprocess
from pathlib import Path

import click

from lager.bus import address
from lager.contract import PAGE_FOLDER
from lager.errors import LagerError
from lager_cli.display import output
from lager_cli.options.box_option import box_option

_PAGE = Path(PAGE_FOLDER)
_SOCKET = "cockpit.socket"
_PORT = re.compile(r"^Listen=.*?(\d+) \(Stream\)$", re.MULTILINE)
_SECONDS = 10.0


@click.command()
@box_option
def page() -> None:
    """Print the address of the page of the bench, which Cockpit shows in a browser.

    \b
    Example:
      lager page --box bench3
    """
    if address.choose().text != address.SYSTEM:
        raise LagerError(
            "There is no page here: this bench is only yours, on a bus of its own. The page is behind Cockpit's login, "
            "which knows the users of a box; without a login, every user of this machine could reach your bench.",
            "See it in a terminal: lager status --watch",
        )
    if not _PAGE.is_dir():
        if not _PAGE.with_name("base1").is_dir():
            raise LagerError(
                "Cockpit is not installed on this box.", "Type: sudo apt-get install cockpit && sudo lagerd install"
            )
        raise LagerError("The page is not installed on this box.", "Type: sudo lagerd install")
    output.say(f"https://{socket.getfqdn()}:{_port()}/{_PAGE.name}")


def _port() -> int:
    """Return the port that Cockpit listens on. Raises LagerError if it does not listen."""
    command = ["systemctl", "show", "--property=ActiveState,Listen", _SOCKET]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    found = _PORT.search(said)
    if found is None or "ActiveState=active" not in said:
        raise LagerError("Cockpit does not run on this box.", f"Type: sudo systemctl enable --now {_SOCKET}")
    return int(found[1])
