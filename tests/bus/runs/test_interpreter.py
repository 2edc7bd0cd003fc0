"""Scripts run with the Python of their own environment, which has no lager, and are paused there like any other."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.bus.runs.detached.known_runs import Runs, recorded
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.loopback import Loopback
from tests.processes import LAGER, Process
from tests.station import Station

TAG = f"python{sys.version_info[0]}.{sys.version_info[1]}"
LOOK = """
import json, sys
import only_here, click, serial
from lager import Net, NetType, pause
pause("here")
voltage = Net.get("supply2", type=NetType.PowerSupply).set_voltage(1.5)
print(json.dumps([sys.prefix, only_here.answer, click.__file__, serial.__file__, voltage]))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with a package of its own, another click, and another package named lager."""
    folder = tmp_path_factory.mktemp("project") / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = folder / "lib" / TAG / "site-packages"
    (packages / "only_here.py").write_text("answer = 42")
    (packages / "click.py").write_text("")
    (packages / "sitecustomize.py").write_text("import sys; sys.theirs = 'ran'")
    (packages / "lager").mkdir()
    (packages / "lager" / "__init__.py").write_text("raise ImportError('this is another lager')")
    return folder


def looked(text: str, environment: Path) -> None:
    prefix, answer, click, serial, voltage = json.loads(text)
    assert (prefix, answer, voltage) == (str(environment), 42, 1.5)
    assert click == str(environment / "lib" / TAG / "site-packages" / "click.py")
    assert not serial.startswith(str(environment))


WAYS = {
    "option": (["--python", "{}/bin/python"], {}),
    "environment": (["--python", "{}"], {}),
    "variable": ([], {"LAGER_PYTHON": "{}/bin/python", "VIRTUAL_ENV": "/nowhere"}),
    "active": ([], {"VIRTUAL_ENV": "{}"}),
    "user's PYTHONPATH": (["--env", "PYTHONPATH=/nowhere"], {"VIRTUAL_ENV": "{}"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_packages_of_the_environment_come_first_and_those_of_lager_behind(
    way: str, start: Starter, script: ScriptWriter, client: Client, bench: Process, environment: Path
) -> None:
    words, variables = WAYS[way]
    filled = {name: value.format(environment) for name, value in variables.items()}
    command = [LAGER, "python", *(word.format(environment) for word in words), script(LOOK)]
    process = start(*command, **filled)
    pause = client.paused()
    process.err.expect(f"  python    {environment}/bin/python")
    client.call("Continue", "s", pause["id"])
    looked(process.out.rest(), environment)
    assert process.wait() == 0


def test_an_environment_beside_the_script_is_used(
    start: Starter, tmp_path: Path, script: ScriptWriter, client: Client, environment: Path, station: Station,
    lager: Command, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / ".venv").symlink_to(environment)
    monkeypatch.setitem(station.env, "XDG_STATE_HOME", str(tmp_path / "state"))
    runs = Runs(station, lager, tmp_path / "state/lager/runs")
    with recorded(runs):
        process = start(LAGER, "python", script("import only_here\nfrom lager import pause\npause('here')\n"))
    pause = client.paused()
    run = runs.known(pause["run_id"])
    assert run["interpreter"] == f"{tmp_path}/.venv/bin/python"
    assert f"script.py (with {tmp_path}/.venv/bin/python)" in lager("runs").stdout
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0


def test_an_environment_in_the_current_folder_is_used_for_a_module(
    lager: Command, tmp_path: Path, script: ScriptWriter, environment: Path
) -> None:
    (tmp_path / ".venv").symlink_to(environment)
    script("import sys; print(sys.executable)", "whose.py")
    assert lager("python", "-m", "whose").stdout == f"{tmp_path}/.venv/bin/python\n"
    assert lager("python", "-c", "import sys; print(sys.executable)").stdout == f"{sys.executable}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_an_environment_of_another_user_beside_the_script_is_not_used(
    lager: Command, tmp_path: Path, script: ScriptWriter
) -> None:
    bin = tmp_path / ".venv" / "bin"
    bin.mkdir(parents=True)
    (bin / "python").write_text("#!/bin/sh\necho owned")
    (bin / "python").chmod(0o755)
    os.lchown(bin / "python", 12345, 12345)
    done = lager("python", script("import sys; print(sys.prefix)"))
    assert done.stdout == f"{sys.prefix}\n"
    assert ".venv belongs to another user, so it is not used" in done.stderr


@pytest.mark.variant
@pytest.mark.parametrize(
    "command",
    [["--detach", "look.py"], ["child.py"], ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]],
    ids=["in the background", "in a child", "in pytest"],
)
def test_it_is_the_same_in_the_background_in_a_child_and_in_pytest(
    start: Starter,
    script: ScriptWriter,
    client: Client,
    bench: Process,
    environment: Path,
    lager: Command,
    command: list[str],
) -> None:
    script("import subprocess, sys; sys.exit(subprocess.run([sys.executable, 'look.py']).returncode)", "child.py")
    script(LOOK, "look.py")
    script("import only_here\nfrom lager import pause\ndef test_it():\n    pause('in a test')\n", "test_it.py")
    process = start(LAGER, "python", "--python", str(environment), *command)
    pause = client.paused()
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0
    text = process.out.rest()
    if "--detach" in command:
        text = lager("python", "--reattach", pause["run_id"]).stdout
    if "pytest" in command:
        assert "1 passed" in text
    else:
        looked(text.splitlines()[-1] if "look.py" in command else text, environment)


@pytest.mark.variant
def test_on_a_box_only_the_option_and_the_variable_of_the_box_count(
    lager: Command, near: Loopback, script: ScriptWriter, environment: Path
) -> None:
    name = script("import sys; print(sys.prefix)")
    own = lager("python", name, "--box", "near", VIRTUAL_ENV=str(environment))
    assert (own.returncode, own.stdout) == (0, f"{sys.prefix}\n")
    chosen = lager("python", "--python", str(environment), name, "--box", "near")
    assert (chosen.returncode, chosen.stdout) == (0, f"{environment}\n"), chosen.stderr


@pytest.mark.variant
def test_an_error_there_pauses_with_its_variables_in_a_console(
    start: Starter, script: ScriptWriter, client: Client, environment: Path, lager: Command
) -> None:
    text = "import only_here\ndef work():\n    value = only_here.answer\n    raise ValueError('bad')\nwork()\n"
    process = start(LAGER, "python", "--pause-on-error", "--python", str(environment), script(text))
    pause = client.paused()
    assert (pause["function"], pause["line"]) == ("work", 4)
    shown = lager("python", "--console", pause["id"], stdin="value + 1\n")
    assert "43" in shown.stdout
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 1


@pytest.mark.variant
def test_the_sitecustomize_of_the_environment_still_runs(
    lager: Command, script: ScriptWriter, environment: Path
) -> None:
    text = "import sys; print(sys.theirs, [path for path in sys.path if 'other_interpreter' in path])"
    assert lager("python", "--python", str(environment), script(text)).stdout == "ran []\n"


@pytest.mark.variant
def test_a_child_in_the_python_of_lager_finds_what_it_finds_without_lager(
    lager: Command, script: ScriptWriter, environment: Path
) -> None:
    text = f"import subprocess; subprocess.run([{sys.executable!r}, '-c', 'import click; print(click.__file__)'])"
    found = lager("python", "--python", str(environment), script(text)).stdout.strip()
    assert (
        found
        == subprocess.check_output([sys.executable, "-c", "import click; print(click.__file__)"], text=True).strip()
    )


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("/nowhere/python", "--python names /nowhere/python, which is not a Python that can be run."),
        ("/bin/true", "--python names /bin/true, which does not run as a Python 3."),
        ("{}/cpython-27", "which is cpython-27; lager's is cpython-3"),
        ("{}/cpython-310", "lager needs Python 3.11 or newer."),
        ("{}/cpython-399", "Install lager into that environment: "),
    ],
)
def test_an_interpreter_that_cannot_run_the_script_is_refused(
    lager: Command, script: ScriptWriter, tmp_path: Path, python: str, said: str
) -> None:
    other = tmp_path / Path(python).name
    other.write_text(f"""#!/bin/sh\necho '["{other.name}", "/usr", false]'\n""")
    other.chmod(0o755)
    done = lager("python", "--python", python.format(tmp_path), script("print('ran')"))
    assert (done.returncode, done.stdout) == (1, "")
    assert said.format(tmp_path) in done.stderr


def test_an_interpreter_without_a_name_is_refused(lager: Command, script: ScriptWriter) -> None:
    done = lager("python", "--python", "", script("print('ran')"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "--python names nothing, which is not a Python that can be run." in done.stderr


def test_metadata_in_a_script_needs_uv(start: Starter, script: ScriptWriter, tmp_path: Path, environment: Path) -> None:
    text = "# /// script\n# dependencies = ['only-here']\n# ///\nimport sys; print(sys.prefix)"
    without = start(LAGER, "python", script(text), PATH="/usr/bin:/bin")
    assert without.wait() == 0
    assert (
        "script.py names the packages that it needs, but uv, which installs them, is not installed"
        in without.err.rest()
    )
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        f"""#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncase $1 in python) echo {environment}/bin/python;; esac\n"""
    )
    uv.chmod(0o755)
    with_it = start(LAGER, "python", "script.py", PATH=f"{uv.parent}:/usr/bin:/bin")
    assert (with_it.wait(), with_it.out.rest()) == (0, f"{environment}\n")
    version = TAG.removeprefix("python")
    assert (tmp_path / "asked").read_text().splitlines() == [
        f"sync --quiet --python {version} --script script.py",
        "python find --script script.py",
    ]
