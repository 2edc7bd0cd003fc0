"""A short stress run, each phase once, and a long one. `make stress` takes any time and seed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _stress(seed: int, seconds: int) -> None:
    command = [sys.executable, "-m", "tests.stress", "--seed", str(seed), "--seconds", str(seconds)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("stress")
def test_each_phase_once():
    _stress(1, 0)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("stress")
def test_phases_at_random_for_five_minutes():
    _stress(1, 300)
