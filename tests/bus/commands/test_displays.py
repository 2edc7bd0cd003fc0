"""Every display on every kind of output: terminals of two sizes, without colours, on a box over ssh, and a pipe."""

import re
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import ScreenStarter, ScriptWriter, Starter
from tests.processes import LAGER

PAUSES = "import lager\nlager.pause('look here', timeout=300)\n"
ASKS = "import lager\nprint('got', lager.ask('how long?', kind='number', unit='mm', low=1, high=20), flush=True)\n"
SIZES = {"80x24": (80, 24), "160x50": (160, 50)}
WAYS = {way: size for size in SIZES for way in ((size, ()), (size, ("--box", "near")))} | {("80x24", "plain"): "80x24"}
SHOWN = {
    "banner": (["python", "pauses.py"], r"paused at pauses.py:2 .*- look here\n(.*\n)* +timeout +resumes in", "\r"),
    "question": (["python", "asks.py"], r"asks at asks.py:2 .*how long\?\n(.*\n)* +answer +type a number", "2\r"),
    "status": (["status", "--watch"], r"1 paused(.*\n)+.*look here(.*\n)+supply2 +supply +off", "q"),
    "breakpoints": (["breakpoints", "--watch"], r"ID +LABEL.*\n> \w{8} +look here +\S*pauses.py:2", "q"),
    "log": (["log", "adc1", "--every", "0.1"], r"adc1 voltage +0\.000 V  ▁▁", "\x03"),
    "scan": (["nets", "scan"], r"ADDRESS.*\n.* supply +psu1 +RIGOL", ""),
}
OWN_LINES = ("banner", "question")  # which stand among those of the script, and are wrapped by the terminal

pytestmark = pytest.mark.usefixtures("own_station", "bench")


@pytest.fixture(autouse=True)
def pausing(script: ScriptWriter, start: Starter, client: Client) -> None:
    """A script that is paused, and the scripts of the displays."""
    script(ASKS, "asks.py")
    start(LAGER, "python", script(PAUSES, "pauses.py"))
    client.paused()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: " ".join([way[0], *([way[1]] if way[1] == "plain" else way[1])]))
@pytest.mark.parametrize("display", SHOWN)
def test_a_display_is_whole_on_every_terminal(
    request: pytest.FixtureRequest, screen: ScreenStarter, display: str, way: Any
) -> None:
    words, seen, ending = SHOWN[display]
    size, options = way
    columns, rows = SIZES[size]
    if is_plain := options == "plain":
        options = ()
    elif options:
        request.getfixturevalue("near")
    env = {"NO_COLOR": "1"} if is_plain else {}
    view = screen(LAGER, words[0], *options, *words[1:], columns=columns, rows=rows, **env)
    view.until(lambda shown: re.search(seen, shown))
    view.type(ending)
    assert view.wait() == 0
    cells = [cell for row in range(rows) for cell in view.seen.buffer[row].values()]
    assert not is_plain or {(cell.fg, cell.bg) for cell in cells} <= {("default", "default")}
    text = re.sub(r"\x1b\[[0-9;]*m", "", view.screen.text)
    assert display in OWN_LINES or max(map(len, re.split(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]", text))) <= columns


def test_a_pipe_gets_lines_without_colours(start: Starter, client: Client) -> None:
    for words, seen, ended in (
        (["python", "pauses.py"], "timeout   resumes in", True),
        (["python", "asks.py"], "answer    a number from 1 to 20 mm, or: ", True),
        (["status"], "look here", False),
        (["breakpoints"], "look here", False),
        (["log", "adc1", "--for", "0.1", "--every", "0.05"], "0.000 V", False),
        (["nets", "scan"], "DP821", False),
    ):
        one = start(LAGER, *words, TERM="xterm-256color")
        out, err = "", ""
        if ended:
            err = one.err.expect(seen)
            one.kill()
        else:
            out, err = one.out.rest(), one.err.rest()
            assert seen in out
        assert "\x1b" not in out + err
