"""The rules that hold for all code: it is clean, typed, and imports only in the directions of the architecture."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from lager import variables

pytestmark = pytest.mark.check
ROOT = Path(__file__).parents[3]
PACKAGES = {"lager": ROOT / "lager_runtime/lager", "lagerd": ROOT / "lagerd", "lager_cli": ROOT / "lager_cli"}

# Which rooms a room may import, beside itself. A room is a folder, or a file of its own at the top of a package; the
# leaves may be imported from everywhere in their own package and in those above it.
LEAVES = {
    "lager": {"errors", "contract", "variables", "wording", "process", "build", "world"},
    "lagerd": {"events"},
    "lager_cli": set(),
}
DIRECTIONS = {
    "lager": {
        "__init__": {"breakpoints", "inspection", "instruments", "recording"},
        "breakpoint": {"__init__"},
        "other_interpreter": set(),
        "drivers": {"instruments", "nets"},
        "pytest_plugin": {"breakpoints"},
        "bus": {"__init__"},
        "inspection": {"__init__"},
        "uncaught": set(),
        "nets": {"__init__"},
        "daemon": {"bus"},
        "stepping": {"inspection"},
        "console": {"inspection", "stepping"},
        "breakpoints": {"__init__", "bus", "console", "daemon", "inspection", "stepping", "uncaught"},
        "evidence": {"__init__"},
        "instruments": {"__init__", "daemon", "evidence", "nets"},
        "recording": {"evidence", "instruments", "nets"},
    },
    "lagerd": {
        "__init__": set(),
        "__main__": {"main"},
        "main": {
            "breakpoints",
            "callers",
            "config",
            "install",
            "instruments",
            "private_bus",
            "server",
            "service",
        },
        "service": {"callers"},
        "server": {"breakpoints", "callers", "config", "instruments", "journal", "metrics"},
        "config": set(),
        "metrics": set(),
        "callers": set(),
        "introspection": set(),
        "private_bus": {"bench", "instruments"},
        "make_safe": set(),
        "breakpoints": {"callers", "introspection"},
        "instruments": {"breakpoints", "callers", "introspection"},
        "journal": {"breakpoints", "callers", "instruments"},
        "install": {"__init__", "config"},
        "bench": set(),
    },
    "lager_cli": {
        "__init__": set(),
        "__main__": {"entry"},
        "entry": {"boxes", "commands", "display", "main"},
        "main": {"display"},
        "daemon": {"display"},
        "follower": {"daemon"},
        "linux": set(),
        "display": set(),
        "transfer": set(),
        "run_terminal": {"daemon", "display", "linux"},
        "runs": {"daemon", "display", "linux", "run_terminal", "transfer"},
        "detached": {"daemon", "display", "linux", "run_terminal", "runs", "transfer"},
        "boxes": {"display", "linux", "runs", "transfer"},
        "console": {"boxes", "daemon", "display", "linux"},
        "readings": {"daemon"},
        "scan": set(),
        "report": set(),
        "mcp": {"console"},
        "screens": {"display", "readings"},
        "watch": {"boxes", "console", "daemon", "display", "follower", "readings", "screens"},
        "notify": {"display", "follower", "linux"},
        "dap": {"boxes", "console", "follower", "runs"},
        "options": {"boxes", "runs"},
        "commands": {
            "boxes",
            "console",
            "daemon",
            "dap",
            "detached",
            "display",
            "linux",
            "mcp",
            "notify",
            "options",
            "readings",
            "report",
            "runs",
            "scan",
            "screens",
            "watch",
        },
    },
}
# lagerd and the command import lager's rooms, never each other's; what a script runs imports neither.
BELOW = {"lager": set(), "lagerd": {"lager"}, "lager_cli": {"lager"}}
# The logic that knows no bus: it must be possible to use it without one.
NO_BUS = (
    "lagerd/breakpoints/table/pauses.py",
    "lagerd/instruments/leases/table.py",
    "lagerd/instruments/leases/queues.py",
    "lagerd/instruments/lending/loans.py",
    "lager_runtime/lager/console/evaluator.py",
    "lagerd/config.py",
    "lager_cli/notify/rules.py",
    "lager_cli/notify/outbox.py",
)
PRINTERS = {
    "lager_cli/display/output.py",
    "lager_cli/console/attach.py",
    "lager_cli/commands/instruments/uart.py",
    "lagerd/main.py",
    "lagerd/install/commands.py",
}


def _files() -> list[tuple[str, Path]]:
    return [(name, path) for name, folder in PACKAGES.items() for path in sorted(folder.rglob("*.py"))]


def _module(package: str, path: Path) -> str:
    parts = path.relative_to(PACKAGES[package]).with_suffix("").parts
    return ".".join([package, *(part for part in parts if part != "__init__")])


MODULES = {_module(package, path): path for package, path in _files()}


@cache
def _tree(path: Path) -> ast.AST:
    return ast.parse(path.read_text())


@cache
def _nodes(path: Path) -> list[ast.Constant | ast.Call]:
    """The constants and calls of a file."""
    return [node for node in ast.walk(_tree(path)) if isinstance(node, ast.Constant | ast.Call)]


@cache
def _imports(path: Path) -> list[str]:
    """Every module that a file imports, for type checkers too, as far as it is known by its whole name."""
    found: list[str] = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name if name in MODULES else node.module or "" for name in whole]
    return found


def _room(module: str) -> tuple[str, str]:
    """The package of a module and its room in it."""
    package, *inside = module.split(".")
    return package, inside[0] if inside else "__init__"


def _tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


@pytest.mark.parametrize("command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]])
def test_clean_and_typed(command: list[str]) -> None:
    ran = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_each_room_imports_only_what_it_may(package: str) -> None:
    wrong = []
    for module, path in MODULES.items():
        here, room = _room(module)
        if here != package or room in LEAVES[package]:
            continue
        for imported in sorted({name for name in _imports(path) if name in MODULES}):
            there, theirs = _room(imported)
            allowed = {room, *DIRECTIONS[package][room], *LEAVES[package]}
            if (there != package and there not in BELOW[package]) or (there == package and theirs not in allowed):
                wrong.append(f"{module} imports {imported}")
    assert not wrong


@pytest.mark.parametrize("package", PACKAGES)
def test_each_direction_is_used(package: str) -> None:
    used = {
        (_room(module)[1], _room(imported)[1])
        for module, path in MODULES.items()
        for imported in _imports(path)
        if _room(module)[0] == _room(imported)[0] == package
    }
    allowed = {(room, other) for room, others in DIRECTIONS[package].items() for other in others}
    assert allowed - used <= {("__init__", "breakpoints"), ("__init__", "inspection")}  # imports them by their names


@pytest.mark.parametrize("package", PACKAGES)
def test_a_leaf_imports_only_leaves(package: str) -> None:
    wrong = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        if _room(module)[0] == package and _room(module)[1] in LEAVES[package]
        for name in _imports(path)
        if name in MODULES and _room(name)[1] not in LEAVES[_room(name)[0]]
    ]
    assert not wrong


@pytest.mark.parametrize("package", PACKAGES)
def test_the_rooms_form_no_circle(package: str) -> None:
    # Rooms ask the package itself how the process began, and it imports them when a script first uses them.
    rooms = {room: allowed - {"__init__"} for room, allowed in DIRECTIONS[package].items()}
    TopologicalSorter(rooms).prepare()


def test_the_files_form_no_circle() -> None:
    files = {
        module: {name for name in _imports(path) if name in MODULES and name != module and "." in name}
        for module, path in MODULES.items()
    }
    try:
        TopologicalSorter(files).prepare()
    except CycleError as circle:
        pytest.fail(" imports ".join(reversed(circle.args[1])))


def test_the_files_and_rooms_inside_a_room_form_no_circle() -> None:
    inside: dict[str, dict[str, set[str]]] = {}
    for module, path in MODULES.items():
        for imported in [name for name in _imports(path) if name in MODULES and "." in name]:
            room, ours, theirs = _parted(module, imported)
            if room and ours and theirs:
                inside.setdefault(room, {}).setdefault(ours, set()).add(theirs)
    for room, parts in inside.items():
        try:
            TopologicalSorter(parts).prepare()
        except CycleError as circle:
            pytest.fail(f"{room}: " + " imports ".join(reversed(circle.args[1])))


def _parted(one: str, other: str) -> tuple[str, str, str]:
    """The room that two modules share, and the part of it that each is in; "" for the room itself."""
    ours, theirs = one.split("."), other.split(".")
    shared = next((n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), None)
    if shared is None:
        return "", "", ""
    return ".".join(ours[:shared]), ours[shared], theirs[shared]


def test_one_module_imports_a_library_of_dbus() -> None:
    users = [str(path.relative_to(ROOT)) for _, path in _files() if _tops(path) & {"dbus_next", "dbus_fast"}]
    assert users == ["lager_runtime/lager/bus/transport/wire.py"]


@pytest.mark.parametrize("name", NO_BUS)
def test_the_tables_do_not_use_the_bus(name: str) -> None:
    assert not [module for module in _imports(ROOT / name) if module.startswith(("lager.bus", "dbus"))]


def test_one_module_names_the_variables() -> None:
    known = {value for name, value in vars(variables).items() if name.isupper() and isinstance(value, str)}
    assert all(value == f"LAGER_{name}" for name, value in vars(variables).items() if name.isupper() and name != "OFF")
    spellings = {*known, *map(str.encode, known)}
    spelled = {
        str(path.relative_to(ROOT))
        for _, path in _files()
        for node in _nodes(path)
        if isinstance(node, ast.Constant) and node.value in spellings
    }
    # The second runs before lager can be imported.
    assert spelled == {"lager_runtime/lager/variables.py", "lager_runtime/lager/other_interpreter/sitecustomize.py"}


def test_output_is_in_one_layer() -> None:
    def prints(path: Path) -> bool:
        calls = [node.func for node in _nodes(path) if isinstance(node, ast.Call)]
        return any(
            (isinstance(call, ast.Name) and call.id == "print")
            or (isinstance(call, ast.Attribute) and call.attr == "echo")
            for call in calls
        )

    printers = {str(path.relative_to(ROOT)) for package, path in _files() if package != "lager" and prints(path)}
    assert printers <= PRINTERS


def test_importing_lager_is_light() -> None:
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import lager"], capture_output=True, text=True, check=True
    ).stderr
    names = {line.rpartition("|")[2].strip() for line in shown.splitlines()}
    assert "lager" in names
    assert not names & {"dbus_fast", "dbus_next", "pyvisa", "asyncio", "click", "typing", "dataclasses"}
