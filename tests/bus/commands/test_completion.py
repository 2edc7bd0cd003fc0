"""Completion in the shells themselves: ids of pauses, nets of the right type, commands; and nothing is ever started."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import Command, Starter, TerminalStarter
from tests.processes import LAGER, PATIENCE, Process
from tests.station import Station

PAUSED = "import lager\nlager.pause('before the load', timeout=0)\n"
BASH = """
source {completion}
COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_lager_completion lager && printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def bash(station: Station, lager: Command, tmp_path: Path) -> Callable[..., list[str]]:
    """What bash offers for the last of these words."""
    completion = tmp_path / "completion"
    completion.write_text(lager("completion", "bash").stdout)

    def complete(words: str, **env: str) -> list[str]:
        done = subprocess.run(
            ["bash", "--norc", "-c", BASH.format(words=words, completion=completion)],
            env={**station.env, **env}, cwd=tmp_path,
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout.split()

    return complete


@pytest.fixture
def paused(run: Starter, client: Client) -> Any:
    run(PAUSED)
    return client.paused()["id"]


def test_bash_offers_commands_options_ids_and_nets(bash: Callable[..., list[str]], paused: Any, bench: Process) -> None:
    assert bash("lager br") == ["breakpoints"]
    assert {"--continue", "--continue-all"} <= set(bash("lager python --con"))
    assert paused in bash(f"lager python --continue {paused[:2]}")
    assert bash("lager adc ''") == ["adc1", "adc2", "adc3", "adc4"]
    assert "voltage" in bash("lager supply supply2 vol")


@pytest.mark.variant
def test_bash_offers_ids_to_more_options_and_only_the_nets_of_the_type(
    bash: Callable[..., list[str]], paused: Any, bench: Process
) -> None:
    assert paused in bash(f"lager python --extend {paused[:2]}")
    assert "supply2" in bash("lager supply sup")
    assert not [net for net in bash("lager supply ''") if net.startswith("adc")]


def test_fish_shows_what_an_id_is(station: Station, start: Starter, paused: Any, tmp_path: Path) -> None:
    source = 'lager completion fish | source; complete -C "lager python --continue "'
    fish = start("fish", "--no-config", "-c", source, HOME=str(tmp_path))
    assert f"{paused}\tbefore the load (script.py:2)" in fish.out.rest()
    assert fish.wait() == 0


def test_zsh_completes_as_it_is_typed(terminal: TerminalStarter, paused: Any, tmp_path: Path) -> None:
    shell = terminal("/bin/zsh", "-f", "-i", HOME=str(tmp_path), PS1="%% ", TERM="xterm")
    shell.expect("% ")
    shell.type('autoload -Uz compinit; compinit -u -D; eval "$(lager completion zsh)"; echo rea""dy\n')
    shell.expect("ready")
    shell.type(f"lager breakp\t >/dev/null; lager python --continue {paused[:6]}\t\n")
    shell.expect(f"Resumed {paused}.")
    shell.type("exit\n")


@pytest.mark.variant
def test_a_program_completes_files(station: Station, start: Starter, tmp_path: Path) -> None:
    (tmp_path / "measure.py").touch()
    fish = start("fish", "--no-config", "-c", 'lager completion fish | source; complete -C "lager python mea"')
    assert "measure.py" in fish.out.rest()


@pytest.mark.variant
def test_a_module_is_not_taken_for_a_file(bash: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "measure.py").touch()
    assert bash("lager python -m mea") == []


@pytest.mark.variant
def test_fish_shows_what_is_said_behind_a_comma(start: Starter) -> None:
    fish = start("fish", "--no-config", "-c", 'lager completion fish | source; complete -C "lager instr"')
    assert "instruments\tList the instruments in use, and who holds them.\n" in fish.out.rest()


def test_completion_starts_nothing_and_prints_nothing_if_lagerd_does_not_answer(
    bash: Callable[..., list[str]], tmp_path: Path
) -> None:
    alone = {"LAGER_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": str(tmp_path), "LAGER_NETS": ""}
    assert bash("lager python --continue ''", **alone) == []
    assert bash("lager adc ''", **alone) == []
    assert not (tmp_path / "lager" / "bus").exists()
    assert bash("lager python --continue ''", LAGER_BUS_ADDRESS=f"unix:path={tmp_path}/none") == []


def test_no_label_reaches_the_shell_as_more_than_text(
    station: Station, start: Starter, client: Client, tmp_path: Path
) -> None:
    script = tmp_path / "evil.py"
    script.write_text("import lager\nlager.pause('a\\tb\\nplain,$(touch x)\\x1b[2J', timeout=0)\n")
    start(LAGER, "python", str(script))
    id = client.paused()["id"]
    source = f'lager completion fish | source; complete -C "lager python --continue {id}"'
    shown = start("fish", "--no-config", "-c", source, HOME=str(tmp_path)).out.rest()
    assert shown.count("\n") == 1
    assert "\x1b" not in shown
    assert not (tmp_path / "x").exists()


def test_an_unknown_shell_is_refused(lager: Command) -> None:
    refused = lager("completion", "csh")
    assert refused.returncode == 2
    assert "is not one of bash, zsh, fish." in refused.stderr


@pytest.mark.parametrize(
    "cases",
    [
        [("--kill", 4, 8), ("--reattach", 9, 36)],
        [(option, *ids) for option in ("--kill", "--reattach", "--pause") for ids in ((4, 8), (9, 36))],
    ],
    ids=["some", "all"],
)
def test_names_of_boxes_and_ids_of_runs_are_offered(
    bash: Callable[..., list[str]], lager: Command, run: Starter, client: Client, tmp_path: Path, cases: Any
) -> None:
    lager("boxes", "add", "bench3", "anna@bench3.example.com", XDG_CONFIG_HOME=str(tmp_path))
    assert bash("lager boxes remove ''", XDG_CONFIG_HOME=str(tmp_path)) == ["bench3"]
    assert bash("lager breakpoints --box be", XDG_CONFIG_HOME=str(tmp_path)) == ["bench3"]
    detached = run("import lager\nlager.pause(timeout=0)\n", options=("--detach",), XDG_STATE_HOME=str(tmp_path))
    assert detached.wait() == 0  # which has written it down
    id = client.paused()["run_id"]
    for option, typed, offered in cases:
        assert bash(f"lager python {option} {id[:typed]}", XDG_STATE_HOME=str(tmp_path)) == [id[:offered]]
    lager("python", "--continue", id)


@pytest.mark.variant
def test_only_pauses_with_a_console_are_offered_one(bash: Callable[..., list[str]], paused: Any) -> None:
    assert paused not in bash(f"lager python --console {paused}")
