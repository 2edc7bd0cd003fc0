"""The logic of the page in Cockpit, in plain Node."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import needs

TESTS = Path(__file__).with_name("logic.test.mjs")


@pytest.mark.slow
def test_the_logic_of_the_page_runs_in_plain_node() -> None:
    needs.nothing_more("" if shutil.which("node") else "There is no node. Install it with: apt-get install nodejs")
    ran = subprocess.run(["node", "--test", TESTS], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
