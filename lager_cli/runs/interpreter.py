"""The Python that runs a script: lager's own, or that of the script's environment.

The first of these that exists: --python, LAGER_PYTHON, the environment that uv makes of the script's own metadata (PEP
723), VIRTUAL_ENV, and .venv beside the script, if it belongs to the user or root; for a module, which has no script,
that in the current folder. On a box, for a user elsewhere, only the first two count. If an environment has no lager,
its interpreter gets lager's packages after its own; both must have the same minor version of Python.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import lager
from lager import variables
from lager.errors import RunError
from lager.wording.text import printable
from lager_cli.display import output

_ASK = (
    "import importlib.util as util, json, sys;"
    "print(json.dumps([sys.implementation.cache_tag, sys.prefix, util.find_spec('lager_startup') is not None]))"
)
_SECONDS = 30.0
_UV_SECONDS = 600.0  # it may have to download packages
_METADATA = "# /// script"
_START_BYTES = 65536  # the metadata is in the first lines of a script


@dataclass(frozen=True)
class Interpreter:
    """`path` starts it. `other`: it is not lager's own. `needs_lager`: its environment has no lager."""

    path: str
    other: bool = False
    needs_lager: bool = False

    def within(self, environment: dict[str, str]) -> dict[str, str]:
        """Return the environment of a run with the variables that bring lager into this interpreter."""
        marks = {variables.INTERPRETER: self.path if self.other else "", variables.OWN_PATHS: ""}
        if self.needs_lager:
            here = os.path.join(os.path.dirname(os.path.abspath(str(lager.__file__))), "other_interpreter")
            given = environment.get("PYTHONPATH", "").split(os.pathsep)
            marks["PYTHONPATH"] = os.pathsep.join([here, *(path for path in given if path and path != here)])
            marks[variables.OWN_PATHS] = ":".join([_TAG, *_own_paths()])
        return {**environment, **marks}


_TAG = str(sys.implementation.cache_tag)
OWN = Interpreter(sys.executable)


def choose(named: str | None, runnable: str, flag: str) -> Interpreter:
    """Return the interpreter for a script. Raises RunError if the one that was chosen cannot run it."""
    given = named if named is not None else os.environ.get(variables.PYTHON) or None
    if given is not None:
        by = "--python" if named is not None else variables.PYTHON
        return _checked(_path(given, by), f"{by} names")
    if os.environ.get(variables.BOX) or os.environ.get(variables.RUN_FOLDER):
        return OWN
    script = "" if flag or runnable == "-" else runnable
    place = os.curdir if flag == "-m" else script  # Python searches for a module in the current folder first
    return _by_its_metadata(script) or _active() or _from_beside(place) or OWN


def _by_its_metadata(script: str) -> Interpreter | None:
    """Return the interpreter of the environment that uv makes for a script that names its packages."""
    if not script or not _has_metadata(script):
        return None
    if uv := shutil.which("uv"):
        return _checked(_of_metadata(uv, script), "uv has made")
    output.note(
        f"{printable(script, 200)} names the packages that it needs, but uv, which installs them, is not installed"
    )
    return None


def _active() -> Interpreter | None:
    """Return the interpreter of the active environment."""
    active = os.environ.get("VIRTUAL_ENV")
    if not active:
        return None
    python = os.path.join(active, "bin", "python")
    if os.path.exists(python):
        return _checked(python, "VIRTUAL_ENV names")
    output.note(f"VIRTUAL_ENV names {printable(active, 200)}, which has no Python")
    return None


def _from_beside(place: str) -> Interpreter | None:
    beside = _beside(place) if place else ""
    found = "In the current folder is" if place == os.curdir else "Beside the script is"
    return _checked(beside, found) if beside else None


def _path(given: str, by: str) -> str:
    """Return the path of an interpreter that is given as a path, an environment, or a command."""
    inside = os.path.join(given, "bin", "python")
    path = inside if os.path.isdir(given) and os.path.exists(inside) else given
    if os.sep not in path:
        path = shutil.which(path) or path
    if os.path.isdir(path) or not os.access(path, os.X_OK):
        what = f"{by} names {printable(given, 200) or 'nothing'}, which is not a Python that can be run."
        raise RunError(what, "Give the path of an interpreter, or of an environment with a bin/python.")
    return os.path.abspath(path)  # no symbolic link is followed: it decides which environment it is


def _beside(script: str) -> str:
    """Return the Python of the .venv beside a script or in its folder; empty if there is none of the user or root."""
    folder = Path(script) if os.path.isdir(script) else Path(script).parent
    environment = folder / ".venv"
    python = environment / "bin" / "python"
    try:
        owners = {os.stat(environment).st_uid, os.stat(python.parent).st_uid, os.lstat(python).st_uid}
    except OSError:
        return ""
    if owners <= {os.getuid(), 0}:
        return os.path.abspath(python)
    output.note(f"{printable(str(environment), 200)} belongs to another user, so it is not used")
    return ""


def _checked(path: str, found: str) -> Interpreter:
    """Return this interpreter with the variables that bring lager in, if it has no lager. Raises RunError."""
    if os.path.dirname(path) == os.path.dirname(sys.executable):
        return OWN
    try:
        done = subprocess.run(
            [path, "-I", "-c", _ASK], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_SECONDS,
            env={name: value for name, value in os.environ.items() if not name.startswith(("LAGER_", "PYTHON"))},
            check=False,
        )  # fmt: skip
        tag, prefix, has_lager = json.loads(done.stdout)
    except (OSError, ValueError, TypeError, subprocess.TimeoutExpired) as error:
        what = f"{found} {printable(path, 200)}, which does not run as a Python 3"
        reason = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
        raise RunError(f"{what}{reason}.", f"Choose another one; lager's own: --python {sys.executable}") from None
    if prefix == sys.prefix:
        return Interpreter(path)
    if has_lager:
        return Interpreter(path, other=True)
    if tag != _TAG:
        what = f"{found} {printable(path, 200)}, which is {printable(tag, 40)}; lager's is {_TAG}."
        old = f"lager needs Python 3.11 or newer. Choose another one; lager's own: --python {sys.executable}"
        new = f"Install lager into that environment: {path} -m pip install lager-box"
        raise RunError(what, old if _is_old(str(tag)) else new)
    return Interpreter(path, other=True, needs_lager=True)


def _is_old(tag: str) -> bool:
    """Return whether the tag of an interpreter (cpython-310) belongs to a version that lager does not support."""
    version = tag.rpartition("-")[2]
    return version.isdigit() and (int(version[:1]), int(version[1:] or 0)) < (3, 11)


def _own_paths() -> list[str]:
    """Return the folders from which this process imports lager and its libraries, without the standard library."""
    import sysconfig

    stdlib = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), os.path.dirname(sys.executable)}
    found = [os.path.abspath(path) for path in sys.path if path and os.path.isdir(path)]
    return [path for path in found if path not in stdlib and os.path.basename(path) != "lib-dynload"]


def _has_metadata(script: str) -> bool:
    try:
        with open(script, "rb") as file:
            lines = file.read(_START_BYTES).splitlines()
    except OSError:  # a folder, or no such file
        return False
    return any(line.rstrip() == _METADATA.encode() for line in lines)


def _of_metadata(uv: str, script: str) -> str:
    """Return the Python of the environment that uv makes for this script. Raises RunError with what uv says."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    words = ["--quiet", "--python", version, "--script", script]
    _uv([uv, "sync", *words])
    return _uv([uv, "python", "find", "--script", script]).strip()


def _uv(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_UV_SECONDS, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise RunError(f"uv took longer than {_UV_SECONDS:g} s.", "Run it yourself: uv sync --script FILE") from None
    if done.returncode:
        said = printable(" ".join(done.stderr.split()), 500)
        raise RunError(
            f"uv cannot make the environment of the script: {said}", "Fix its metadata, or use --python PATH."
        )
    return done.stdout
