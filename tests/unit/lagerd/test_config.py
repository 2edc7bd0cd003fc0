import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lagerd import config
from lagerd.config import Config, ConfigError, ConsolePolicy, UserLimits
from lagerd.install import commands
from tests.processes import LAGERD

UNITS = Path(__file__).parents[3] / "units"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Any]:
    def write(text: Any) -> Path:
        path = tmp_path / "lagerd.toml"
        path.write_text(text)
        return path

    return write


def test_without_a_file_the_defaults_are_used(tmp_path: Path) -> None:
    assert config.load(tmp_path / "none.toml") == Config()


def test_the_shipped_file_and_its_comments_have_the_defaults(write: Callable[..., Any]) -> None:
    text = (UNITS / "lagerd.toml").read_text()
    assert config.load(write(text)) == Config()
    uncommented = "\n".join(
        line.removeprefix("# ") if " = " in line and line.startswith("# ") else line for line in text.splitlines()
    )
    assert config.load(write(uncommented)) == Config()
    assert uncommented.count(" = ") == 9


def test_every_key(write: Callable[..., Any]) -> None:
    text = """
        default_timeout = 0
        max_run_timeout = 3600
        console = "owner"
        log_console_input = true
        metrics = true
        [limits]
        pauses = 1
        consoles = 2
        claims = 3
        calls = 4
    """
    assert config.load(write(text)) == Config(0.0, 3600.0, ConsolePolicy.OWNER, True, True, UserLimits(1, 2, 3, 4))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("default_timeout = -1", "default_timeout must be a number of seconds, 0 or more, not -1"),
        ("default_timeout = nan", "default_timeout must be"),
        ("default_timeout = inf", "default_timeout must be"),
        ("default_timeout = true", "default_timeout must be"),
        ('default_timeout = "5"', "default_timeout must be a number of seconds, 0 or more, not '5'"),
        ("max_run_timeout = 0", "max_run_timeout must be a number of seconds greater than 0, not 0"),
        ('console = "all"', 'console must be "polkit" or "owner", not \'all\''),
        ("console = []", "console must be"),
        ("log_console_input = 1", "log_console_input must be true or false, not 1"),
        ("limits = 3", "limits must be a table"),
        ("[limits]\npauses = 0", "limits.pauses must be a whole number, 1 or more, not 0"),
        ("[limits]\npauses = 1.5", "limits.pauses must be a whole number"),
        ("[limits]\npause = 1", "unknown key limits.pause (did you mean limits.pauses?)"),
        ("defualt_timeout = 1", "unknown key defualt_timeout (did you mean default_timeout?)"),
        ("zzz = 1", "unknown key zzz"),
        ("=", "it is not valid TOML"),
    ],
)
def test_a_mistake_is_named(write: Callable[..., Any], text: str, says: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert caught.value.what.startswith(f"{path} is invalid: ")
    assert says in caught.value.what
    assert caught.value.exit_code == 78


def test_all_mistakes_are_named_at_once(write: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(write('default_timeout = "x"\nzzz = 1\n[limits]\nclaims = -1'))
    assert all(word in caught.value.what for word in ("default_timeout", "zzz", "limits.claims"))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lagerd.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError):
        config.load(path)


def test_a_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("default_timeout = 5\n", 0, "is correct"),
        ("", 0, "is correct"),
        (None, 2, "lagerd.toml' does not exist"),
        (
            "default_timeout = -1\nlimit = 3\n",
            78,
            "default_timeout must be a number of seconds, 0 or more, not -1; unknown key limit (did you mean limits?)",
        ),
        ("[limits\n", 78, "it is not valid TOML"),
    ],
)
def test_a_file_is_checked_before_lagerd_reads_it(tmp_path: Path, text: str | None, code: int, says: str) -> None:
    path = tmp_path / "lagerd.toml"
    if text is not None:
        path.write_text(text)
    done = subprocess.run([LAGERD, "check-config", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert (done.stdout == "") == (code != 0)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["check-config", "lagrd.toml"], 2, "'lagrd.toml' does not exist"),
        (["check-config", ""], 2, "Invalid value for"),
        (["--config", "lagrd.toml"], 78, "There is no lagrd.toml. Write it, or start lagerd without --config."),
    ],
)
def test_a_missing_file_that_was_named_is_refused(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    done = subprocess.run([LAGERD, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_without_the_configuration_file_of_the_box_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "PATH", tmp_path / "lagerd.toml")
    done = CliRunner().invoke(commands.check_config, [])
    assert (done.exit_code, done.output) == (0, f"There is no {tmp_path / 'lagerd.toml'}; lagerd uses the defaults.\n")


def drop_in(path: Any, name: Any, text: Any) -> Any:
    folder = Path(f"{path}.d")
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_of_the_drop_ins_the_last_one_that_has_a_key_wins(write: Callable[..., Any]) -> None:
    path = write("default_timeout = 7\n[limits]\npauses = 1\nconsoles = 2\n")
    drop_in(path, "20-more.toml", "default_timeout = 9\n[limits]\nconsoles = 5\n")
    drop_in(path, "10-less.toml", "default_timeout = 8\nmetrics = true\n")
    assert config.load(path) == Config(default_timeout=9.0, metrics=True, limits=UserLimits(pauses=1, consoles=5))
    path.unlink()
    assert config.load(path) == Config(default_timeout=9.0, metrics=True, limits=UserLimits(consoles=5))


def test_a_broken_drop_in_of_the_configuration_is_left_out_and_said(write: Callable[..., Any]) -> None:
    path = write("default_timeout = 7\n")
    broken = drop_in(path, "10-broken.toml", "default_timeout = 8\nmetric = true\n")
    good = drop_in(path, "20-good.toml", "metrics = true\n")
    found = config.load(path)
    assert (found.default_timeout, found.metrics) == (7.0, True)
    assert [str(error).partition(". ")[0] for error in found.rejected] == [
        f"{broken} is invalid: unknown key metric (did you mean metrics?)"
    ]
    done = CliRunner().invoke(commands.check_config, [str(path)])
    assert done.exit_code == 78
    assert done.stdout == f"{path} is correct.\n{good} is correct.\n"
    assert done.stderr.startswith(f"Error: {broken} is invalid: unknown key metric")


def test_the_configuration_is_checked_with_the_benches_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "PATH", tmp_path / "lagerd.toml")
    monkeypatch.setenv("LAGER_NETS", str(tmp_path / "nets.toml"))
    instrument = '[instruments.psu]\nmodel = "DP821"\naddress = "TCPIP::10.0.0.1::INSTR"\n'
    thermal = drop_in(tmp_path / "nets.toml", "thermal.toml", f'[bench]\ngroup = "heat"\n{instrument}')
    done = CliRunner().invoke(commands.check_config, [])
    assert done.exit_code == 0
    assert f"bench thermal: 1 instrument in {thermal}, only for the group heat\n" in done.output
    second = drop_in(tmp_path / "nets.toml", "twin.toml", instrument)
    done = CliRunner().invoke(commands.check_config, [])
    assert done.exit_code == 78
    assert f"{second} is not used, because {thermal} has the instrument psu, too." in done.output
