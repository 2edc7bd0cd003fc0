"""A short stress run, each phase once, and a long one of fixed seed and length. `make stress` takes any."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.stress.phases import FAULTS

ROOT = Path(__file__).parents[2]


def _stress(seed: int, phases: int) -> None:
    command = [sys.executable, "-m", "tests.stress", "--seed", str(seed), "--phases", str(phases)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("stress")
def test_each_phase_once() -> None:
    _stress(1, len(FAULTS))


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.xdist_group("stress")
def test_a_hundred_phases_at_random() -> None:
    _stress(2, 100)
