"""Every property of the tests, with examples at random for some minutes. `make fuzz` takes any time and seed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_examples_at_random_for_five_minutes():
    command = [sys.executable, "-m", "tests.fuzz", "--seed", "1", "--seconds", "300"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
