"""Every property of the tests, with the examples of some seeds. `make fuzz` searches at random, for any time."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_examples_of_eight_seeds() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--seed", "1", "--seeds", "8"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
