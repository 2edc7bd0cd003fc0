"""The rules that hold for all code: it is clean, typed, and imports only in the directions of the design."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"lager": ROOT / "lager_runtime/lager", "lagerd": ROOT / "lagerd", "lager_cli": ROOT / "lager_cli"}
MAY_IMPORT = {"lager": {"lager"}, "lagerd": {"lagerd", "lager"}, "lager_cli": {"lager_cli", "lager"}}
# The logic that knows no bus: it must be possible to use it without one.
NO_BUS = (
    "lagerd/breakpoints/pauses.py",
    "lagerd/instruments/leases.py",
    "lager_runtime/lager/console/evaluator.py",
    "lagerd/config.py",
)
PRINTERS = {
    "lager_cli/display/output.py",
    "lager_cli/console/attach.py",
    "lager_cli/commands/uart.py",
    "lagerd/main.py",
    "lagerd/install/commands.py",
}


def _files() -> list[tuple[str, Path]]:
    return [(name, path) for name, folder in PACKAGES.items() for path in sorted(folder.rglob("*.py"))]


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def _tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


@pytest.mark.parametrize("command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]])
def test_clean_and_typed(command):
    ran = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_package_imports_only_what_it_may():
    wrong = [
        f"{path.relative_to(ROOT)} imports {sorted(tops)}"
        for package, path in _files()
        if (tops := _tops(path) & PACKAGES.keys() - MAY_IMPORT[package])
    ]
    assert not wrong


def test_one_module_imports_a_library_of_dbus():
    users = [str(path.relative_to(ROOT)) for _, path in _files() if _tops(path) & {"dbus_next", "dbus_fast"}]
    assert users == ["lager_runtime/lager/bus/wire.py"]


@pytest.mark.parametrize("name", NO_BUS)
def test_the_logic_knows_no_bus(name):
    assert not [module for module in _imports(ROOT / name) if module.startswith(("lager.bus", "dbus"))]


def test_output_is_in_one_layer():
    def prints(path: Path) -> bool:
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        return any(
            (isinstance(call, ast.Name) and call.id == "print")
            or (isinstance(call, ast.Attribute) and call.attr == "echo")
            for call in calls
        )

    printers = {str(path.relative_to(ROOT)) for package, path in _files() if package != "lager" and prints(path)}
    assert printers <= PRINTERS


def test_importing_lager_is_light():
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import lager"], capture_output=True, text=True, check=True
    ).stderr
    names = {line.rpartition("|")[2].strip() for line in shown.splitlines()}
    assert "lager" in names
    assert not names & {"dbus_fast", "dbus_next", "pyvisa", "asyncio", "click", "typing", "dataclasses"}
