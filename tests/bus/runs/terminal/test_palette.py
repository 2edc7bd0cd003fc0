"""The banner's first line and the last minute stand out, in colours that can be read on black and on white."""

import re
import subprocess
from typing import Any

import pytest

from lager.wording.palette import SGR
from tests.client import Client
from tests.fixtures import ScreenStarter, ScriptWriter, Starter
from tests.processes import LAGER
from tests.station import Station

SCRIPT = "import lager\nlager.pause('here', timeout={})\n"
COLOURS = {"91": (255, 0, 0), "94": (92, 92, 255), "95": (255, 0, 255)}  # xterm's


def first_line(view: Any) -> list[Any]:
    """The cells of the banner's first line."""
    row = next(number for number, line in enumerate(view.seen.display) if line.startswith("lager: paused at"))
    return [view.seen.buffer[row][column] for column in range(len(view.seen.display[row].rstrip()))]


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (160, 50)])
def test_the_first_line_of_the_banner_stands_out(
    screen: ScreenStarter, script: ScriptWriter, client: Client, columns: int, rows: int
) -> None:
    view = screen(LAGER, "python", script(SCRIPT.format(300)), columns=columns, rows=rows)
    id = client.paused()["id"]
    view.sees("timeout   resumes")
    cells = first_line(view)
    assert all(cell.bold and cell.fg not in ("default", "white", "black") for cell in cells)
    below = view.seen.buffer[next(n for n, line in enumerate(view.seen.display) if line.startswith("  id"))][2]
    assert (below.bold, below.fg) == (False, "default")
    client.call("Continue", "s", id)
    assert view.wait() == 0


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colours_nothing_is_marked(
    screen: ScreenStarter, script: ScriptWriter, client: Client, env: dict[str, str]
) -> None:
    view = screen(LAGER, "python", script(SCRIPT.format(300)), **env)
    client.paused()
    view.sees("timeout   resumes")
    assert not any(cell.bold or cell.fg != "default" for cell in first_line(view))
    assert not re.search(r"\x1b\[\d*;?9\dm", view.screen.text)


@pytest.mark.variant
def test_a_file_gets_no_colours(run: Starter, client: Client) -> None:
    process = run(SCRIPT.format(300), TERM="xterm-256color")
    id = client.paused()["id"]
    client.call("Continue", "s", id)
    assert process.wait() == 0
    assert "\x1b" not in process.err.rest()


@pytest.mark.variant
def test_a_printed_command_works_when_it_is_typed(run: Starter, client: Client, station: Station) -> None:
    process = run("import lager\nlager.pause('here')\n", PATH="/usr/bin:/bin")
    client.paused()
    line = process.err.expect("--continue") + process.err.expect("\n")
    typed = line.rpartition("resume    ")[2].strip()
    assert typed.startswith(f"{LAGER} python --continue ")
    done = subprocess.run(["/bin/sh", "-c", typed], env={**station.env, "PATH": "/usr/bin:/bin"}, check=False)
    assert done.returncode == 0
    assert process.wait() == 0


def test_the_last_minute_stands_out(screen: ScreenStarter, script: ScriptWriter, client: Client) -> None:
    view = screen(LAGER, "python", script(SCRIPT.format(50)))
    client.paused()
    view.sees("time left")
    row = next(number for number, line in enumerate(view.seen.display) if "time left" in line)
    assert view.seen.buffer[row][3].fg not in ("default", "white", "black")
    view.type("\r")
    assert view.wait() == 0


def test_every_colour_is_readable_on_black_and_on_white() -> None:
    def light(colour: Any) -> Any:
        parts = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for codes in SGR.values():
        for code in set(codes.split(";")) - {"1"}:
            own = light(COLOURS[code])
            assert 1.05 / (own + 0.05) > 3  # on white; WCAG 2.2, 1.4.3: large or bold text
            assert (own + 0.05) / 0.05 > 3  # on black
