"""The box of a command, valid names of boxes, and the errors of a box that cannot be used."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lager.errors import BoxError
from lager_cli import main
from lager_cli.boxes.names import box_table
from lager_cli.boxes.several import fan_out
from lager_cli.boxes.ssh import CONNECT_SECONDS, explain
from tests.client import Client
from tests.fixtures import Command, Starter, TerminalStarter
from tests.loopback import Loopback
from tests.processes import LAGER
from tests.station import Station

HOSTILE = [
    "-oProxyCommand=touch {}",
    "-F/dev/null",
    "a b",
    "a\nb",
    "a\tb",
    "--",
    "\x1b[2J",
    "$(touch {})",
    "`touch {}`",
    "",
    "a'b",
    "a;id",
    "-",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_an_invalid_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(BoxError, match=r"not a valid box name|is empty|No configured box"):
        box_table.find(name)
    (tmp_path / "lager").mkdir()
    (tmp_path / "lager/config.toml").write_text(f"[boxes.near]\nssh = {json.dumps(name)}\n")
    with pytest.raises(BoxError, match=r"not a valid box name|is empty"):
        box_table.find("near")


@pytest.mark.parametrize("how", ["option", "several", "variable", "default", "ssh"])
def test_an_invalid_name_is_refused_before_anything_runs(
    lager: Command, near: Loopback, tmp_path: Path, how: str
) -> None:
    started, touched = tmp_path / "started", tmp_path / "touched"
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\necho "$@" > {started}\n')
    program.chmod(0o755)
    name = f"-oProxyCommand=touch {touched}\x1b[2J"
    near.table(f"default = {json.dumps(name)}\n" if how == "default" else f"[boxes.near]\nssh = {json.dumps(name)}\n")
    words = {"option": [f"--box={name}"], "several": ["--box", f"refusing,{name}"], "ssh": ["--box=near"]}
    more = {"LAGER_BOX": name} if how == "variable" else {}
    done = lager("breakpoints", *words.get(how, []), LAGER_SSH=str(program), **more)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "\x1b" not in done.stderr
    assert not started.exists()
    assert not touched.exists()


def test_an_empty_variable_and_an_empty_default_are_none(lager: Command, near: Loopback) -> None:
    near.table('default = ""\n')
    assert lager("breakpoints", LAGER_BOX="").stdout == "No script is paused.\n"


SAID = {
    "stranger": (255, "host key of the box stranger is unknown", "ssh stranger"),
    "keyless": (255, "accepts none of your keys", "ssh-copy-id keyless"),
    "refusing": (255, "The box refusing refuses ssh", "sudo systemctl start ssh"),
    "nobody.invalid": (255, "The box nobody.invalid cannot be reached: unknown host nobody.invalid.", "user@host"),
}


CHANGED = """@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@
Add correct host key in /home/anna/.ssh/known_hosts to get rid of this message.
Host key for [192.0.2.2]:2222 has changed and you have requested strict checking.
Host key verification failed.
"""


def test_a_changed_host_key_is_removed_under_the_name_that_ssh_knows() -> None:
    said = str(explain(box_table.Box("bench3", "anna@bench"), 255, CHANGED))
    assert said.endswith("If that is expected, type: ssh-keygen -R '[192.0.2.2]:2222' && ssh anna@bench")


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        ("ssh: Could not resolve hostname bench.invalid: Name or service not known", "unknown host bench.invalid."),
        ("ssh: connect to host jump port 22: Connection refused", "The box bench3 refuses ssh (jump)."),
        ("ssh: connect to host bench3 port 22: Connection refused", "The box bench3 refuses ssh."),
        ("ssh: connect to host 192.0.2.1 port 22: No route to host", "The box bench3 does not answer (192.0.2.1)."),
        ("anna@jump: Permission denied (publickey).", "accepts none of your keys (jump)."),
    ],
)
def test_the_host_that_fails_is_named(complaint: str, said: str) -> None:
    assert said in str(explain(box_table.Box("bench3", "anna@bench.invalid"), 255, f"{complaint}\r\n"))


@pytest.mark.parametrize("name", ["typo", "nera", "user@typo.invalid", "ssh://"])
def test_an_unknown_default_box_is_refused(lager: Command, near: Loopback, name: str) -> None:
    done = lager("boxes", "default", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"lager: Unknown box {name}: ")
    assert done.stderr.endswith("Did you mean near?\n" if name == "nera" else f"boxes add {name} USER@HOST\n")
    assert "none" in lager("boxes", "default").stdout


@pytest.mark.parametrize("name", ["near", "stranger", "127.0.0.1", "ssh://user@127.0.0.1:22"])
def test_a_default_box_is_in_the_table_or_known_to_ssh(lager: Command, near: Loopback, name: str) -> None:
    assert lager("boxes", "default", name).stdout == f"The default box is {name}.\n"


@pytest.mark.parametrize(
    "words", [["breakpoints"], ["python", "--continue", "7f3a"], ["python", "--console", "7f3a"], ["python", "-c.py"]]
)
def test_a_box_that_cannot_be_used_says_what_named_it(
    lager: Command, near: Loopback, tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "-c.py").touch()
    words = ["python", "--", "-c.py"] if words[-1] == "-c.py" else words
    near.table('default = "refusing"\n')
    told = "(it is your default box; change it with: lager boxes default NAME, or --none)\n"
    assert lager(*words).stderr.endswith(told)
    assert lager(*words, LAGER_BOX="refusing").stderr.endswith("(LAGER_BOX names this box)\n")
    assert "default box" not in lager(words[0], "--box", "refusing", *words[1:]).stderr


def test_an_invalid_ssh_destination_is_reported(lager: Command, near: Loopback) -> None:
    done = lager("breakpoints", "--box", "ssh://")
    assert (done.returncode, done.stderr.count("\n")) == (255, 1)
    assert "ssh:// is not a valid ssh destination" in done.stderr


@pytest.mark.variant
@pytest.mark.parametrize(("mine", "used"), [("", CONNECT_SECONDS), (" ConnectTimeout 77\n", 77)])
def test_the_connect_timeout_is_the_users_or_short(lager: Command, near: Loopback, mine: str, used: Any) -> None:
    config = near.folder / "ssh.conf"
    config.write_text(f"Host waiting\n{mine}" + config.read_text())
    program = near.folder / "ssh"
    program.write_text(f'#!/bin/sh\n[ "$1" != -G ] || exec {near.env["LAGER_SSH"]} "$@"\necho "$@" >&2\n')
    program.chmod(0o755)
    done = lager("breakpoints", "--box", "waiting", LAGER_SSH=str(program))
    assert ("ConnectTimeout" in done.stderr) == (used == CONNECT_SECONDS)


@pytest.mark.parametrize("name", SAID)
def test_a_failed_connection_is_explained(lager: Command, near: Loopback, name: str) -> None:
    done = lager("python", "--continue", "7f3a19e2", "--box", name)
    code, what, hint = SAID[name]
    assert (done.returncode, done.stdout) == (code, "")
    assert what in done.stderr
    assert hint in done.stderr
    assert done.stderr.count("\n") == 1


GREETING = "import sys\nprint('lager session protocol {}, version 0.19.0', flush=True)\n"
ANSWERS = {
    "old": (GREETING.format(99), "has lager 0.19.0, which speaks another protocol"),
    "older": (
        "import sys\nsys.exit(\"Error: No such command 'session'.\")\n",
        "does not answer: Error: No such command",
    ),
    "silent": ("", "does not answer"),
    "noise": ("while True:\n    print('x' * 65000)\n", "The program that answers on the box is not lager"),
    "garbage": (GREETING.format(1) + "sys.stdout.buffer.write(b'\\xff' * 100)\n", "unknown kind"),
}


@pytest.mark.variant
@pytest.mark.parametrize("kind", ANSWERS)
def test_a_program_that_is_not_lager_is_reported(lager: Command, near: Loopback, kind: str) -> None:
    program, what = ANSWERS[kind]
    near.answering(program)
    done = lager("breakpoints", "--box", "other")
    assert (done.returncode, done.stdout) == (1, "")
    assert what in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_box_without_lager_is_reported(lager: Command, near: Loopback) -> None:
    near.table('[boxes.near]\nssh = "near"\ncommand = "/nowhere/lager"\n')
    done = lager("breakpoints", "--box", "near")
    assert done.returncode == 1
    assert "There is no command /nowhere/lager on the box near" in done.stderr
    assert "lagerd install" in done.stderr
    assert lager("boxes", "check").stdout.endswith("or here: lager boxes add near near --command PATH\n")


@pytest.mark.variant
def test_output_of_a_login_script_does_no_harm(lager: Command, near: Loopback) -> None:
    near.answering(f"import os\nprint('Welcome!', flush=True)\nos.execv({LAGER!r}, ['lager', 'session'])\n")
    done = lager("breakpoints", "--box", "other")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No script is paused.\n", "")


def test_an_invalid_table_is_reported(lager: Command, near: Loopback) -> None:
    for text, what in [("boxes = 3\n", "not tables"), ("[boxes\n", "is not valid TOML")]:
        near.table(text)
        done = lager("breakpoints", "--box", "near")
        assert done.returncode == 1
        assert what in done.stderr


def test_the_table_keeps_the_users_comments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "lager/config.toml"
    file.parent.mkdir()
    file.write_text("# mine\n[other]\nkey = 1\n")

    def boxes(*words: Any, code: Any = 0) -> str:
        assert main.run(["boxes", *words]) == code
        return capsys.readouterr().out

    boxes("add", "bench3", "anna@bench3")
    boxes("add", "bench4", "--command", "/opt/lager/bin/lager")
    assert "bench3" in boxes("default", "bench3")
    assert json.loads(boxes("list", "--json")) == [
        {"name": "bench3", "ssh": "anna@bench3", "command": "lager", "default": True},
        {"name": "bench4", "ssh": "bench4", "command": "/opt/lager/bin/lager", "default": False},
    ]
    assert "bench3" in boxes()
    boxes("remove", "bench3")
    boxes("remove", "bench3", code=1)
    assert "none" in boxes("default")
    text = file.read_text()
    assert text.startswith("# mine\n")
    assert "[other]\nkey = 1\n" in text
    assert "bench3" not in text
    boxes("add", "-x", code=2)
    boxes("add", "x", "-oProxyCommand=x", code=2)
    boxes("add", "x", "--command", "a; b", code=1)


def test_boxes_added_at_the_same_time_are_all_kept(start: Starter, lager: Command, tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    names = [f"bench{number}" for number in range(8)]
    adding = [start(LAGER, "boxes", "add", name, "bench.example.com", **env) for name in names]
    assert [(one.wait(), one.err.rest()) for one in adding] == [(0, "")] * len(names)
    assert {one["name"] for one in json.loads(lager("boxes", "--json", **env).stdout)} == set(names)


def test_commands_run_on_the_default_box(lager: Command, near: Loopback, client: Client, run: Starter) -> None:
    near.table(f'default = "near"\n[boxes.near]\nssh = "near"\ncommand = "{LAGER}"\n')
    script = near.folder / "told.py"
    script.write_text("import os\nprint(os.environ.get('LAGER_BOX'))\n")
    assert lager("python", str(script)).stdout == "near\n"
    assert lager("--here", "python", str(script)).stdout == "None\n"
    assert lager("python", str(script), LAGER_PROCESS_ID="x").stdout == "None\n"


def test_several_boxes_in_one_table(lager: Command, near: Loopback, client: Client, run: Starter) -> None:
    process = run("import lager\nlager.pause('both see it')\n")
    id = client.paused()["id"]
    done = lager("breakpoints", "--box", "near,refusing,other")
    assert done.returncode == 1
    header, *rows = done.stdout.splitlines()
    assert header.split()[:2] == ["BOX", "ID"]
    assert sorted(row.split()[:2] for row in rows) == [["near", id], ["other", id], ["refusing", "The"]]
    assert any(re.match("refusing +The box refusing refuses ssh", row) for row in rows)
    assert done.stderr.count("\n") == 1
    assert "refusing" in done.stderr
    both = json.loads(lager("breakpoints", "--json", "--box", "near,other").stdout)
    assert [(one["box"], one["id"]) for one in both] == [("near", id), ("other", id)]
    client.call("ContinueAll")
    assert process.wait() == 0
    refused = lager("adc", "adc1", "--box", "near,other")
    assert (refused.returncode, "one box" in refused.stderr) == (1, True)


@pytest.mark.variant
def test_runs_and_an_empty_list_of_several_boxes_are_shown(
    lager: Command, near: Loopback, client: Client, run: Starter
) -> None:
    process = run("import lager\nlager.pause('both see it')\n")
    client.paused()
    both = json.loads(lager("runs", "--json", "--box", "near,other").stdout)
    assert len(both) >= 2
    assert [one["box"] for one in both] == ["near"] * (len(both) // 2) + ["other"] * (len(both) // 2)
    client.call("ContinueAll")
    assert process.wait() == 0
    assert lager("instruments", "--box", "near,other").stdout == "Nothing to list on these boxes.\n"


@pytest.mark.variant
def test_an_answer_that_cannot_be_read_hides_no_other(lager: Command, near: Loopback) -> None:
    near.answering(
        "import os\nfrom lager_cli.boxes.session.protocol import *\nos.write(1, greeting('1'))\n"
        "os.write(1, head(FrameKind.DATA, Stream.OUT, 12) + b'[{\"id\": 1}]\\n' + encode(FrameKind.EXIT, 0))\n"
        "while os.read(0, 4096):\n    pass\n",
        beside="near",
    )
    done = lager("instruments", "--json", "--box", "near,other")
    assert (done.returncode, json.loads(done.stdout)) == (1, [])
    assert "The answer of the box other cannot be read" in done.stderr


def test_a_box_that_never_answers_times_out_without_a_terminal(near: Loopback, start: Starter) -> None:
    near.answering("import os\nwhile os.read(0, 4096):\n    pass\n")
    hurried = (
        "from lager_cli import main\nfrom lager_cli.boxes import remote\nremote._UNASKED_SECONDS = 0.5\nmain.main()"
    )
    process = start(sys.executable, "-c", hurried, "python", "--box", "other", "--continue", "0123abcd")
    assert process.wait() == 255
    assert "on the box other does not answer. Try: ssh other " in process.err.rest()


@pytest.mark.variant
def test_a_box_that_never_answers_does_not_block_the_others(near: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    near.answering("import os\nwhile os.read(0, 4096):\n    pass\n")
    for name, value in near.env.items():
        monkeypatch.setenv(name, value)
    (answer,) = fan_out.ask([box_table.find("other")], ["boxes", "state"], dict, 0.5)
    assert "The box other did not answer within 0.5 s. Try: ssh other " in str(answer.problem)
    assert answer.problem is not None
    assert answer.problem.exit_code == 255


LATE = """import os, time
from lager_cli.boxes.session.protocol import *
os.write(1, greeting('1'))
while True:
    os.write(1, encode(FrameKind.BEAT))
    time.sleep(0.1)
"""
FLOOD = """import os
from lager_cli.boxes.session.protocol import *
os.write(1, greeting('1'))
while True:
    os.write(1, head(FrameKind.DATA, Stream.{}, 1 << 16) + bytes(1 << 16))
"""


def test_a_box_that_hangs_has_a_row_of_its_own_and_hides_no_other(
    near: Loopback, start: Starter, run: Starter, client: Client
) -> None:
    near.answering(LATE, beside="near")
    run("import lager\nlager.pause('on the bench')\n")
    id = client.paused()["id"]
    process = start(LAGER, "breakpoints", "--box", "other,near", "--limit", "5")
    process.out.expect(f"near  {id}")  # as soon as it is there
    process.out.expect("\nother  no answer within 5 s")
    assert process.wait() == 1
    assert "The box other did not answer within 5 s. Try: ssh other " in process.err.rest()


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["OUT", "ERR"])
def test_a_box_cannot_fill_the_users_memory(near: Loopback, lager: Command, stream: str) -> None:
    near.answering(FLOOD.format(stream), beside="near")
    done = lager("breakpoints", "--box", "other,near")
    assert done.returncode == 1
    assert "The box other sent more than 4 MB. Do not trust that box." in done.stderr


ODD = ["[]", "{}", "null", "7", '{"version": [], "lagerd": "runs", "group": true}', "[" * 9000]
ODD += ['{"version": "1", "lagerd": "runs", "group": {}}', '{"version": "1", "lagerd": 0, "group": null}']


@pytest.mark.variant
@pytest.mark.parametrize("said", ODD)
def test_an_odd_answer_does_not_stop_the_check(near: Loopback, lager: Command, said: str) -> None:
    near.answering(
        "import os\nfrom lager_cli.boxes.session.protocol import *\n"
        f"said = {said!r}.encode()\n"
        "os.write(1, greeting('1') + head(FrameKind.DATA, Stream.OUT, len(said)) + said + encode(FrameKind.EXIT, 0))\n"
        "while os.read(0, 4096):\n    pass\n",
        beside="near",
    )
    done = lager("boxes", "check", "other", "near")
    assert (done.returncode, done.stderr) == (1, "")
    assert "The answer of the box other cannot be read" in " ".join(done.stdout.split())


def test_a_machine_without_lagerd_says_so_and_starts_none(station: Station, tmp_path: Path) -> None:
    env = {key: value for key, value in station.env.items() if key != "LAGER_BUS_ADDRESS"}
    env |= {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run([LAGER, "boxes", "state"], env=env, capture_output=True, text=True, check=True)
    assert "No lagerd is installed there." in json.loads(done.stdout)["lagerd"]
    assert done.stderr == ""
    assert not (tmp_path / "lager" / "bus").exists()


def test_the_check_compares_versions_with_their_commits(near: Loopback, lager: Command) -> None:
    for theirs, advice in (("0.1.0", "update other"), ("99.0", "update it"), ("0.22.0+gabc", "install the same")):
        said = json.dumps({"version": theirs, "lagerd": "runs", "group": True})
        near.answering(
            "import os\nfrom lager_cli.boxes.session.protocol import *\n"
            f"said = {said!r}.encode()\n"
            "os.write(1, greeting('1') + head(FrameKind.DATA, Stream.OUT, len(said)) + said)\n"
            "os.write(1, encode(FrameKind.EXIT, 0))\n"
            "while os.read(0, 4096):\n    pass\n",
            beside="near",
        )
        (state,) = json.loads(lager("boxes", "check", "other", "--json").stdout)
        assert state["version"] == theirs
        assert advice in state["to_do"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["python", "--continue", "0bad"], "List them with: lager breakpoints --box near\n"),
        (["python", "--kill", "0bad"], "See: lager runs --all --box near\n"),
        (["extend", "0bad", "5"], "List them with: lager breakpoints --box near\n"),
        (["breakpoints", "show", "0bad"], "List them with: lager breakpoints --box near\n"),
    ],
)
def test_a_suggested_command_names_the_box(lager: Command, near: Loopback, words: list[str], said: str) -> None:
    assert lager(*words, "--box", "near").stderr.endswith(said)


def test_check_says_of_each_box_what_is_right_and_what_to_do(lager: Command, near: Loopback) -> None:
    done = lager("boxes", "check")
    assert done.returncode == 1
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines["near"].split()[1:] == ["ok", lager("--version").stdout.split()[-1], "runs", "ok", "-"]
    assert "ssh-copy-id keyless" in lines["keyless"]
    assert lines["refusing"].split()[1] == "no"
    one = lager("boxes", "check", "near", "--json")
    (state,) = json.loads(one.stdout)
    assert (one.returncode, state["ssh"], state["lagerd"]) == (0, "ok", "runs")


@pytest.mark.variant
def test_the_check_of_a_healthy_box_succeeds(lager: Command, near: Loopback) -> None:
    assert lager("boxes", "check", "near").returncode == 0


def test_a_session_refuses_a_terminal(terminal: TerminalStarter) -> None:
    screen = terminal(LAGER, "session")
    screen.expect("not for interactive use")
    assert screen.wait() == 2
