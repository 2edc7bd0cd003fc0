"""The contract on the other library: where dbus-fast is not installed, lager works on dbus-next."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.processes import LAGER, LAGERD

ROOT = Path(__file__).parents[3]
CONTRACT = (
    "commands/test_wrong_use.py",
    "commands/test_inspect.py",
    "lagerd/test_library.py",
    "lagerd/test_owner.py",
    "instruments/leases/test_leases.py",
    "console/client/test_console_pipe.py",
    *(f"console/statements/test_console_{noun}.py" for noun in ("names", "output", "interrupts")),
    *(f"console/access/test_console_{noun}.py" for noun in ("ends", "calls")),
)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has all that this one has, but for dbus-fast."""
    folder = tmp_path_factory.mktemp("without") / "venv"
    venv.create(folder)
    ours = Path(sysconfig.get_path("purelib"))
    theirs = folder / ours.relative_to(sys.prefix)
    for entry in ours.iterdir():
        if not entry.name.startswith("dbus_fast"):
            (theirs / entry.name).symlink_to(entry)
    for command in (Path(LAGER), Path(LAGERD)):
        file = folder / "bin" / command.name
        file.write_text(f"#!{folder}/bin/python\n" + command.read_text().partition("\n")[2])
        file.chmod(0o755)
    return folder / "bin" / "python"


@pytest.mark.parametrize("program", ["lager.bus.facade", "lagerd.main", "lager_cli.main"])
def test_the_installed_library_is_used(python: Path, program: str) -> None:
    code = f"import {program}\nfrom lager.bus.transport import wire\nprint(wire.Variant.__module__.partition('.')[0])"
    for interpreter, library in ((sys.executable, "dbus_fast"), (python, "dbus_next")):
        shown = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True).stdout
        assert shown.strip() == library


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_contract_holds_on_dbus_next(python: Path) -> None:
    files = [f"tests/bus/{name}" for name in CONTRACT]
    command = [str(python), "-m", "pytest", "-q", "-m", "not slow", "-n", "2", "--dist", "loadgroup", *files]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2_000:]
