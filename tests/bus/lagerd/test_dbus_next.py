"""The contract on the other library: where dbus-fast is not installed, lager works on dbus-next."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONTRACT = (
    "commands/test_wrong_use.py",
    "commands/test_inspect.py",
    "lagerd/test_owner.py",
    "instruments/leases/test_leases.py",
    "console/client/test_console_pipe.py",
    *(f"console/statements/test_console_{noun}.py" for noun in ("names", "output", "interrupts")),
    *(f"console/access/test_console_{noun}.py" for noun in ("ends", "calls")),
)


@pytest.fixture
def without_dbus_fast(tmp_path):
    """The environment of a machine where it is not installed: what is found first under its name refuses to import."""
    hidden = tmp_path / "dbus_fast"
    hidden.mkdir()
    (hidden / "__init__.py").write_text("raise ImportError('hidden for this test')\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def test_the_library_that_is_there_is_the_one_used(without_dbus_fast):
    code = "from lager.bus.transport import wire; print(wire.Variant.__module__.partition('.')[0])"
    for environment, library in ((dict(os.environ), "dbus_fast"), (without_dbus_fast, "dbus_next")):
        command = [sys.executable, "-c", code]
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        assert shown.strip() == library


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_contract_holds_on_dbus_next(without_dbus_fast):
    files = [f"tests/bus/{name}" for name in CONTRACT]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-n", "2", "--dist", "loadgroup", *files]
    ran = subprocess.run(command, cwd=ROOT, env=without_dbus_fast, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2_000:]
