"""What ps shows of a command with a secret in its arguments."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SHOW = """
import json, sys
from lager_cli.linux.hide_arguments import hide_values
hide_values(json.loads(input()))
print("ready", sys.argv[-1], flush=True)
input()
"""


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (["--env", "TOKEN=s3cret", "x.py"], ["TOKEN=s3cret"]),
        (["--env=TOKEN=s3cret", "x.py"], ["TOKEN=s3cret"]),
        (["--env", "A=s3cret", "--env=B=s3cret=ü", "s"], ["A=s3cret", "B=s3cret=ü"]),
        (["--env", "TOKEN=", "x.py"], ["TOKEN="]),
    ],
)
def test_values_are_overwritten_and_nothing_else(words: list[str], settings: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SHOW, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(settings) + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == f"ready {words[-1]}\n"
    shown = Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")[:-1]
    process.communicate("\n")
    assert "s3cret" not in " ".join(shown)
    assert len(shown) == len(words) + 3
    assert shown[-1] == words[-1]
    assert all(setting.partition("=")[0] + "=" in " ".join(shown) for setting in settings)
