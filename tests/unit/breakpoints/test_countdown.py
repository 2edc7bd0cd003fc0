"""The text of the line below a banner, and whether a process has written to a terminal."""

import math
import os
import pty
from pathlib import Path
from typing import Any

import pytest

from lager_cli.linux.tty_writes import TtyWrites
from lager_cli.run_terminal.countdown import words


@pytest.mark.parametrize(
    ("count", "left", "attached", "of_run", "text"),
    [
        (1, 250.0, [], False, "4m10s"),
        (1, 249.1, ["anna"], False, "4m10s, 1 console: anna"),
        (1, 250.0, ["anna", "bob"], False, "4m10s, 2 consoles: anna, bob"),
        (1, 250.0, ["anna", "anna"], False, "4m10s, 2 consoles: anna"),
        (1, math.inf, ["anna"], False, "no limit, 1 console: anna"),
        (3, 250.0, [], False, "3 paused, next in 4m10s"),
        (3, math.inf, ["bob"], False, "3 paused, no limit, 1 console: bob"),
        (1, 20.0, [], True, "20s until the run is ended"),
        (2, 20.0, ["bob"], True, "2 paused, 20s until the run is ended, 1 console: bob"),
    ],
)
def test_the_countdown_words_the_time_left(count: int, left: Any, attached: Any, of_run: bool, text: str) -> None:
    assert words(count, left, attached, of_run=of_run) == f"  time left {text}"


def test_every_write_to_the_terminal_is_noticed_and_nothing_else() -> None:
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    writes = TtyWrites(path)
    try:
        assert not writes.any()
        os.write(master, b"typed\n")
        assert not writes.any()
        os.write(slave, b"x")
        assert writes.any()
        assert not writes.any()
        other = os.open(path, os.O_WRONLY | os.O_NOCTTY)
        os.write(other, b"x")
        os.close(other)
        assert writes.any()
    finally:
        writes.close()
        os.close(slave)
        os.close(master)
    writes.close()


def test_a_descriptor_that_is_not_a_terminal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TtyWrites(str(tmp_path / "none"))
