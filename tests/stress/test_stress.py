"""A short stress run, each phase once. `make stress` is the long one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.xdist_group("stress")
@pytest.mark.parametrize("seed", [1])
def test_each_phase_once(seed):
    command = [sys.executable, "-m", "tests.stress", "--seed", str(seed), "--seconds", "0"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
