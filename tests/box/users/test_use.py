"""A box in use: who may do what, and what is recorded."""

import json
import shlex
from pathlib import Path

import pytest

from lager.contract import path_of
from lager_cli.boxes.session import lost_client
from tests.box.people import INSTRUMENTS, NAME, PATH, Journal, call, configured, listed, paused, stands, start
from tests.contract import SERVED
from tests.hostile.marshal import types

ADMINISTRATION = Path(__file__).parents[3] / "docs/administration.md"
DBUS = "org.freedesktop.DBus"
UNREACHABLE = "Access denied"
VALUES = {"s": ["deadbeef"], "d": [5], "u": [0], "as": [0], "a{sv}": [0], "v": ["s", "yes"]}


def calls(*interfaces):
    """Every method of these with arguments for busctl, which has no descriptors to give: those are left out."""
    for interface in interfaces:
        for member, signature in SERVED[interface].items():
            signature = signature.replace("h", "")
            values = [value for kind in types(signature) for value in VALUES[kind]]
            yield interface, member, ([signature, *values] if signature else [])


def errors(box, user):
    """Every method of lagerd, and what busctl prints as the error of a call of this user, or nothing."""
    methods, commands = [], []
    for interface, member, words in calls(NAME, INSTRUMENTS):
        methods.append(member)
        command = ["busctl", "call", interface, path_of(interface), interface, member, *map(str, words)]
        commands.append(f"{shlex.join(command)} 2>&1 >/dev/null | tr '\\n' ' '; echo")
    return zip(methods, box.run("sh", "-c", "\n".join(commands), user=user).stdout.splitlines(), strict=True)


def records(box, **fields):
    """The journal's records that have these fields, oldest first."""
    listed(box)  # what lagerd has answered before it has recorded by then
    box.run("journalctl", "--sync")
    matches = [f"{key}={value}" for key, value in fields.items()]
    lines = box.run("journalctl", "--output=json", "_SYSTEMD_UNIT=lagerd.service", *matches).stdout.splitlines()
    return [json.loads(line) for line in lines]


def test_busctl_resumes_a_script_of_the_group(box):
    with (script := paused(box, "alice")).process:
        assert script.id in listed(box, "bob")
        assert script.id in call(box, "bob", "Continue", "s", script.id)
        assert "resumed by bob over D-Bus" in script.goes_on()
    assert script.id not in listed(box)


def test_lager_python_runs_and_resumes_a_script(box):
    box.write("/home/alice/measure.py", "from lager import pause\npause('here')\nprint('done')\n")
    with box.start("lager", "python", "measure.py", user="alice") as run:
        id = run.until(r"  id +([0-9a-f]{8})$")[1]
        assert id in box.run("lager", "breakpoints", user="bob").stdout
        box.run("lager", "python", "--continue", id, user="bob")
        run.until("resumed by bob with lager python --continue")
        run.until("^done$")
        assert run.ended() == 0


def test_outsiders_may_not_call_lagerd(box):
    for method, error in errors(box, "mallory"):
        assert UNREACHABLE in error, method
    for method, error in errors(box, "bob"):
        assert UNREACHABLE not in error, method


def test_callers_that_the_bus_refused_are_in_the_history(box):
    call(box, "mallory", "ContinueAll", check=False)
    owner = box.run("busctl", "call", DBUS, "/", DBUS, "GetNameOwner", "s", NAME).stdout.split('"')[1]
    box.run("busctl", "call", owner, PATH, NAME, "Extend", "sd", "abcd", "1", user="mallory", check=False)
    level = ("/org/freedesktop/LogControl1", "org.freedesktop.LogControl1", "LogLevel", "s", "debug")
    box.run("busctl", "set-property", NAME, *level, user="bob", check=False)
    box.run("journalctl", "--sync")
    told = json.loads(box.run("lager", "history", "--json").stdout)
    denied = [(record["by_user"], record["by_uid"], record["reason"]) for record in told if record["event"] == "denied"]
    assert ("mallory", "2003", "ContinueAll: not a member of the group lager") in denied
    assert ("mallory", "2003", "Extend: not a member of the group lager") in denied
    assert ("bob", "2002", "Set: only root may do this") in denied


START_SOCKET = "/run/lager-start.socket"
CONNECT = """
import socket, sys
for _ in range(int(sys.argv[1])):
    with socket.socket(socket.AF_UNIX) as start:
        start.settimeout(60)
        start.connect("/run/lager-start.socket")
        if len(sys.argv) > 2:
            try: print(start.recv(1))
            except ConnectionResetError: pass
"""


@pytest.fixture
def stopped(box):
    """The box with a stopped lagerd, which anybody who may can start."""
    box.run("systemctl", "stop", "lagerd")
    yield box
    box.run("systemctl", "start", "lagerd")


def active(box, unit="lagerd"):
    return box.run("systemctl", "is-active", unit, check=False).stdout.strip()


def test_an_outsider_starts_a_stopped_lagerd_in_no_way(stopped):
    for method, error in errors(stopped, "mallory"):
        assert "not provided" in error, method
    for name in (NAME, INSTRUMENTS):
        done = stopped.run(
            "busctl", "call", DBUS, "/", DBUS, "StartServiceByName", "su", name, "0", user="mallory", check=False
        )
        assert "not provided" in done.stderr
    assert "PermissionError" in stopped.run("python", "-c", CONNECT, "1", user="mallory", check=False).stderr
    systemctl = ("systemctl", "--no-ask-password", "start", "lagerd")
    assert stopped.run(*systemctl, user="mallory", check=False).returncode != 0
    for words in (
        ("breakpoints",),
        ("python", "--continue", "deadbeef"),
        ("instruments",),
        ("breakpoints", "show", "deadbeef"),
    ):
        said = stopped.run("lager", *words, user="mallory", check=False).stderr
        assert "Ask to be added to the group lager." in said
    assert active(stopped) == "inactive"


@pytest.mark.parametrize("user", ["bob", "root"])
@pytest.mark.parametrize(
    "words",
    [
        ("breakpoints",),
        pytest.param(("status",), marks=pytest.mark.variant),
        pytest.param(("python", "--continue", "deadbeef"), marks=pytest.mark.variant),
    ],
    ids=["breakpoints", "status", "continue"],
)
def test_a_command_of_root_or_a_member_starts_a_stopped_lagerd(stopped, user, words):
    stopped.run("lager", *words, user=user, check=False)  # the box has no nets and no pauses
    assert active(stopped) == "active"
    (last,) = [one for one in records(stopped, LAGER_EVENT="started") if one["LAGER_BY_USER"] == user][-1:]
    assert last["LAGER_REASON"] == "needed it while it was not running"


def test_a_script_of_a_member_starts_a_stopped_lagerd_by_its_claim(stopped):
    with (script := stands(start(stopped, "alice", 300, holding="psu1"))).process:
        assert active(stopped) == "active"
        call(stopped, "alice", "Continue", "s", script.id)
        script.goes_on()


def test_many_connections_of_a_member_leave_a_socket_that_starts_lagerd_again(stopped):
    before = stopped.run("systemctl", "show", "--property=NRestarts", "lagerd").stdout
    for _ in range(2):
        stopped.run("python", "-c", CONNECT, "3000", user="bob")
        assert stopped.run("lager", "breakpoints", user="bob").stderr == ""
        assert (active(stopped), active(stopped, "lager-start.socket")) == ("active", "active")
        stopped.run("systemctl", "stop", "lagerd")
        assert active(stopped) == "inactive"  # none that lagerd has left unanswered starts it again
    assert stopped.run("systemctl", "show", "--property=NRestarts", "lagerd").stdout == before


def test_a_lagerd_that_cannot_start_is_reported_and_not_started_again_and_again(stopped):
    with configured(stopped, "nonsense = 1\n", reload=False):
        done = stopped.run("lager", "breakpoints", user="bob", check=False)
        assert done.stderr.endswith("lagerd does not start. See why: systemctl status lagerd\n")
        stopped.run("python", "-c", CONNECT, "6", "wait", user="bob")  # systemd's own limit is five in ten seconds
        starts = stopped.run("journalctl", "--unit=lagerd", "--output=cat").stdout.count("nonsense")
        assert (active(stopped), active(stopped, "lager-start.socket")) == ("failed", "active")
        stopped.run("journalctl", "--sync")
        assert stopped.run("journalctl", "--unit=lagerd", "--output=cat").stdout.count("nonsense") - starts <= 1
    assert stopped.run("lager", "breakpoints", user="bob").stderr == ""


def test_the_start_socket_is_for_the_group_and_can_be_stopped_with_lagerd(stopped):
    assert stopped.run("stat", "--format=%A %U %G", START_SOCKET).stdout == "srw-rw---- root lager\n"
    stopped.run("systemctl", "stop", "lager-start.socket", "lagerd")
    done = stopped.run("lager", "breakpoints", user="bob", check=False)
    assert "Start it with: sudo systemctl start lagerd" in done.stderr
    assert active(stopped) == "inactive"
    stopped.run("systemctl", "start", "lagerd")
    assert active(stopped, "lager-start.socket") == "active"


def test_outsiders_see_no_property_and_no_interface(box):
    call(box, "root", "ContinueAll")  # a script that another test has killed may still be paused
    get = ("get-property", NAME, PATH, NAME, "Count")
    assert box.run("busctl", *get, user="bob").stdout == "u 0\n"
    assert UNREACHABLE in box.run("busctl", *get, user="mallory", check=False).stderr
    introspect = ("introspect", "--list", NAME, PATH)
    assert "Continue" in box.run("busctl", *introspect, user="bob").stdout
    assert UNREACHABLE in box.run("busctl", *introspect, user="mallory", check=False).stderr


LISTENER = """
import asyncio
from lager.bus.facade import Bus

async def main():
    bus = await Bus.connect("unix:path=/run/dbus/system_bus_socket")
    owner = await bus.owner("com.lager.Breakpoints")
    for member in ("Paused", "Resumed", "Extended", "PropertiesChanged"):
        bus.listen(member, lambda signal: print(signal.member, *signal.args[:1], flush=True), of=owner)
        await bus.add_match(f"type='signal',member='{member}',path_namespace='/com/lager'")
    print("listening", flush=True)
    await asyncio.to_thread(input)
    await bus.owner("com.lager.Breakpoints")
    print("end", flush=True)

asyncio.run(main())
"""


def test_outsiders_hear_no_signal(box):
    box.write("/opt/listen.py", LISTENER)
    listen = ("python", "/opt/listen.py")
    with box.start(*listen, user="bob") as bob, box.start(*listen, user="mallory") as mallory:
        bob.until("listening")
        mallory.until("listening")
        with (script := paused(box, "alice")).process:
            call(box, "alice", "Continue", "s", script.id)
            script.goes_on()
        bob.until(f"Paused {script.id}")
        bob.until(f"Resumed {script.id}")
        # The bus keeps the order: what it had for mallory before this answer would have come before it.
        mallory.type("")
        mallory.until("^end$")
        assert [line.strip() for line in mallory.seen] == ["listening", "end"]


FORGER = """
import asyncio, sys
from lager.bus.facade import Bus

async def main():
    bus = await Bus.connect("unix:path=/run/dbus/system_bus_socket")
    print("named", bus.name, flush=True)
    to = (await asyncio.to_thread(input)).strip()
    for path, interface in (("/com/lager/Breakpoints", "com.lager.Breakpoints"), ("/x", "com.lager.Breakpoints"),
                            ("/com/lager/Instruments", "com.lager.Instruments"), ("/com/lager/Breakpoints", "x.y"),
                            ("/x", "com.lager.Instruments")):
        for one in ("", to):
            bus.emit(path, interface, "Resumed", "ssa{sv}", "0123abcd", "continued", {}, to=one)
    bus.emit("/x", "x.y", "Allowed", "", to=to)
    await bus.owner("com.lager.Breakpoints")
    await asyncio.to_thread(input)

asyncio.run(main())
"""
VICTIM = """
import asyncio, sys
from lager.bus.facade import Bus

async def main():
    bus = await Bus.connect("unix:path=/run/dbus/system_bus_socket")
    for member in ("Resumed", "Allowed"):
        bus.listen(member, lambda signal: print("heard", signal.member, flush=True), of=sys.argv[1])
    await bus.add_match(f"type='signal',sender='{sys.argv[1]}'")
    print("named", bus.name, flush=True)
    await asyncio.to_thread(input)

asyncio.run(main())
"""


@pytest.mark.parametrize("user", ["bob", "mallory"])
def test_the_bus_refuses_forged_signals_of_lagerd(box, user):
    box.write("/opt/forge.py", FORGER)
    box.write("/opt/victim.py", VICTIM)
    with box.start("python", "/opt/forge.py", user=user) as forger:
        name = forger.until("named (.*)")[1]
        with box.start("python", "/opt/victim.py", name, user="alice") as victim:
            forger.type(victim.until("named (.*)")[1])
            victim.until("heard Allowed")
            assert [line for line in victim.seen if "Resumed" in line] == []


def test_outsiders_cannot_pause_a_script(box):
    process, _ = start(box, "mallory")
    with process:
        process.until("cannot pause here; continuing")
        process.until("went on")


def test_no_other_user_can_own_the_names(box):
    for user in ("alice", "mallory"):
        done = box.run(
            "busctl", "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName", "su",
            "com.lager.Instruments", "0", user=user, check=False,
        )  # fmt: skip
        assert UNREACHABLE in done.stderr or "not allowed to own" in done.stderr


def test_only_its_user_and_root_and_users_with_the_polkit_action_get_a_console(box):
    with (script := paused(box, "alice", interactive=True)).process:
        for user in ("alice", "root"):
            done = box.run("lager", "python", "--console", script.id, user=user, input="__import__('os').getuid()\n")
            assert "2001" in done.stdout
        refused = box.run("lager", "python", "--console", script.id, user="bob", input="1\n", check=False)
        assert refused.returncode == 1
        assert "runs code as alice, and you are bob" in refused.stderr
        denied = records(box, LAGER_EVENT="denied", LAGER_BREAKPOINT=script.id)
        assert [(record["LAGER_BY_USER"], record["LAGER_BY_UID"]) for record in denied] == [("bob", "2002")]
        rule = (
            'polkit.addRule(function(action, subject) { if (action.id == "com.lager.breakpoints.console" &&'
            ' subject.user == "bob") return polkit.Result.YES; });'
        )
        box.write("/etc/polkit-1/rules.d/50-bob.rules", rule)
        box.run("systemctl", "restart", "polkit")
        try:
            assert "2" in box.run("lager", "python", "--console", script.id, user="bob", input="1 + 1\n").stdout
        finally:
            box.run("rm", "/etc/polkit-1/rules.d/50-bob.rules")
            box.run("systemctl", "restart", "polkit")
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()
    opened = records(box, LAGER_EVENT="console-opened", LAGER_BREAKPOINT=script.id)
    assert [record["LAGER_BY_USER"] for record in opened] == ["alice", "root", "bob"]
    assert len(records(box, LAGER_EVENT="console-closed", LAGER_BREAKPOINT=script.id)) == 3
    assert records(box, LAGER_EVENT="console-input", LAGER_BREAKPOINT=script.id) == []


def test_the_journal_has_the_auto_resume_with_all_its_fields_and_says_what_to_do(box):
    with (script := paused(box, "alice", timeout=0.2)).process:
        assert "timed out" in script.goes_on()
    (record,) = records(box, MESSAGE_ID="f370292b038e4e6ab0f787b42e01f8d3", LAGER_RUN=script.run_id)
    assert record["LAGER_BREAKPOINT"] == script.id
    assert record["LAGER_LABEL"] == "box test"
    assert (record["LAGER_FILE"], record["LAGER_LINE"]) == ("/opt/pausing.py", "4")
    assert record["LAGER_REASON"] == "timeout"
    assert 0.2 <= float(record["LAGER_PAUSED_SEC"]) < 5
    assert {"LAGER_BY_UID", "LAGER_BY_USER", "LAGER_INSTRUMENT", "LAGER_NET"} <= record.keys()
    explained = box.run("journalctl", "-x", "--output=short", f"LAGER_BREAKPOINT={script.id}").stdout
    assert f"Breakpoint {script.id} resumed automatically" in explained
    assert "The pause at /opt/pausing.py:4 (box test)" in explained
    assert f"lager python --continue {script.id}" in explained
    assert "@" not in explained


def test_who_did_what_is_in_the_journal(box):
    with (script := paused(box, "alice")).process:
        (left,) = json.loads(call(box, "bob", "Extend", "sd", script.id, 600))["data"]
        call(box, "root", "Continue", "s", script.id)
        script.goes_on()
    found = {record["LAGER_EVENT"]: record for record in records(box, LAGER_BREAKPOINT=script.id)}
    assert list(found) == ["paused", "extended", "resumed"]
    assert found["paused"]["LAGER_BY_USER"] == "alice"
    assert 600 < left <= 900
    assert found["extended"]["LAGER_BY_USER"] == "bob"
    assert float(found["extended"]["LAGER_REMAINING"]) == pytest.approx(left, abs=1.0)
    assert (found["resumed"]["LAGER_BY_USER"], found["resumed"]["LAGER_REASON"]) == ("root", "continued")


def test_the_history_of_collected_journals_names_the_box_of_each_record(box):
    with (script := paused(box, "alice")).process:
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()
    box.run("journalctl", "--sync")
    name = box.run("hostname").stdout.strip()
    box.run(
        "sh", "-c", "mkdir -p /root/collected && cp -r /run/log/journal/* /var/log/journal/* /root/collected || true"
    )
    for words in (["--merge"], ["--directory", "/root/collected"]):
        records = json.loads(box.run("lager", "history", "--json", *words).stdout)
        assert script.id in [record.get("breakpoint") for record in records]
        assert {record["box"] for record in records} == {name}
        head, first, *_ = box.run("lager", "history", *words).stdout.splitlines()
        assert head.split()[0] == "BOX"
        assert first.split()[0] == name
    refused = box.run("lager", "history", "--merge", "--directory", "/root/collected", check=False)
    assert (refused.returncode, refused.stdout) == (2, "")


def test_only_users_who_may_read_the_journal_see_the_history(box):
    with (script := paused(box, "alice")).process:
        call(box, "bob", "Continue", "s", script.id)
        script.goes_on()
    listed(box)
    box.run("journalctl", "--sync")
    history = json.loads(box.run("lager", "history", "--json", "--since", "1 hour ago").stdout)
    assert [record["event"] for record in history if record.get("breakpoint") == script.id] == ["paused", "resumed"]
    lines = box.run("lager", "history").stdout.splitlines()
    (line,) = [line for line in lines if "resumed" in line and script.id in line]
    assert "bob" in line
    assert "/opt/pausing.py:4" in line
    assert "may not read the journal" in box.run("lager", "history", user="alice", check=False).stderr
    assert "recorded nothing" in box.run("lager", "history", "--since", "2000-01-01", "--until", "2000-01-02").stdout


def test_forged_records_in_the_journal_are_ignored(box):
    with (script := paused(box, "alice")).process:
        call(box, "bob", "Continue", "s", script.id)
        script.goes_on()
    run = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    paused_id, resumed_id = "433497d70d7241eda48a4e98730f6302", "3bc0bfd4ab4c4cad89add08b74b6cb4d"
    lost = f"MESSAGE_ID={lost_client.MESSAGE_ID}\nLAGER_EVENT=connection-lost\nLAGER_BY_USER=mallory\n"
    forged = "MESSAGE=forged\nLAGER_TIME=x\nLAGER_BREAKPOINT=f0f0f0f0\nLAGER_LABEL=forged\nLAGER_PAUSED_SEC=1e999\n"
    for entry in (
        f"MESSAGE_ID={paused_id}\nLAGER_EVENT=paused\nLAGER_BY_USER=root\n",
        f"MESSAGE_ID={resumed_id}\nMESSAGE_ID={lost_client.MESSAGE_ID}\nLAGER_EVENT=auto-resumed\nLAGER_BY_USER=root\n",
        lost + f"LAGER_RUN={run}\n",
    ):
        box.run("logger", "--journald", user="mallory", input=forged + entry)
    listed(box)
    box.run("journalctl", "--sync")
    said = box.run("lager", "history", "--json", "--since", "1 hour ago").stdout
    assert "forged" not in said
    assert script.id in said
    (record,) = [record for record in json.loads(said) if record["event"] == "connection-lost"]
    assert record.items() >= {"by_user": "mallory", "run": run}.items()
    assert "f0f0f0f0" not in box.run("lager", "history").stdout
    shown = [line[2:] for line in ADMINISTRATION.read_text().splitlines() if line.startswith("$ journalctl")]
    assert shown
    for command in shown:
        assert "forged" not in box.run(*command.split(), "--no-pager").stdout


def test_a_killed_script_is_recorded_as_gone(box):
    journal = Journal(box)
    with (script := paused(box, "alice")).process:
        journal.until("Paused at")
        script.process.popen.kill()
        journal.until(f"Lost the script of breakpoint {script.id}")


def test_console_input_is_recorded_only_if_the_configuration_says_so(box):
    with (
        (script := paused(box, "alice", interactive=True)).process,
        configured(box, "log_console_input = true\n"),
    ):
        box.run("lager", "python", "--console", script.id, user="alice", input="6 * 7\n")
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()
    (record,) = records(box, LAGER_EVENT="console-input", LAGER_BREAKPOINT=script.id)
    assert (record["LAGER_INPUT"], record["LAGER_BY_USER"]) == ("6 * 7", "alice")


def test_claims_refusals_and_releases_are_in_the_journal(box):
    claim = (
        *[
            "busctl",
            "call",
            "com.lager.Instruments",
            "/com/lager/Instruments",
            "com.lager.Instruments",
            "Claim",
            "sa{sv}",
        ],
    )
    journal = Journal(box, "LAGER_INSTRUMENT=psu9")
    with (script := stands(start(box, "alice", holding="psu9"))).process:
        refused = box.run(*claim, "psu9", "1", "net", "s", "supply7", user="bob", check=False)
        assert script.id in refused.stderr
        call(box, "bob", "Continue", "s", script.id)
        script.goes_on()
    journal.until("Released psu9")
    found = [(record["LAGER_EVENT"], record["LAGER_BY_USER"]) for record in records(box, LAGER_INSTRUMENT="psu9")]
    assert found == [("claimed", "alice"), ("refused", "bob"), ("released", "alice")]


RULE = (
    'polkit.addRule(function(action, subject) { if (action.id == "com.lager.runs.kill" && subject.user == "bob")'
    " return polkit.Result.YES; });"
)
FINALLY = """
import lager, time
try:
    lager.pause("held", timeout=0)
    time.sleep(1000)
finally:
    print("tidied", flush=True)
"""


def test_root_and_users_with_the_polkit_action_end_another_users_run(box):
    box.write("/home/alice/held.py", FINALLY)
    box.write("/etc/polkit-1/rules.d/50-kill.rules", RULE)
    box.run("systemctl", "restart", "polkit")
    try:
        for user in ("root", "bob"):
            with box.start("lager", "python", "held.py", user="alice") as run:
                id = run.until(r"  id +([0-9a-f]{8})$")[1]
                run_id = str(listed(box)[id]["run_id"])
                assert box.run("lager", "python", "--kill", run_id, user="mallory", check=False).returncode == 1
                assert run.popen.poll() is None
                said = box.run("lager", "python", "--kill", run_id[:13], user=user).stdout
                assert f"Ended {run_id[:8]}" in said
                run.until("tidied")
                assert run.ended() != 0
        (record,) = records(box, LAGER_EVENT="killed", LAGER_RUN=run_id)
        assert record["LAGER_BY_USER"] == "bob"
    finally:
        box.run("rm", "/etc/polkit-1/rules.d/50-kill.rules")
        box.run("systemctl", "restart", "polkit")


def test_a_member_without_the_polkit_action_cannot_end_another_users_run(box):
    with (script := paused(box, "alice")).process:
        done = box.run("lager", "python", "--kill", script.run_id, user="bob", check=False)
        assert done.returncode == 1
        assert "com.lager.runs.kill" in done.stderr
        assert script.id in listed(box)
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()


def test_only_the_safe_socket_listens_and_no_network_is_used(box):
    """lagerd alone may connect to that socket, which systemd holds for it. Each paused process has one that only its
    user may use."""
    with (script := paused(box, "alice", interactive=True)).process:
        with box.start("lager", "python", "--console", script.id, user="alice") as console:
            console.type("print('in', 'console')")
            console.until("in console")
            sockets = box.run("ss", "--listening", "--processes", "--no-header", "--tcp", "--udp", "--unix").stdout
        ours = [line for line in sockets.splitlines() if "python" in line or "lager" in line]
        places = [line.split()[4] for line in ours]
        places = [place for place in places if not place.startswith("@lager-enter-")]
        assert sorted(places) == ["/run/lager-safe/socket", START_SOCKET]
        assert box.run("stat", "--format=%A %U", "/run/lager-safe/socket").stdout == "srw------- lager\n"
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()


def test_only_root_changes_the_log_level(box):
    for level in ("debug", "info"):
        box.run("systemctl", "service-log-level", "lagerd", level)
        assert box.run("systemctl", "service-log-level", "lagerd").stdout.strip() == level
    set_level = (
        "busctl", "set-property", NAME, "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1", "LogLevel",
        "s", "debug",
    )  # fmt: skip
    assert UNREACHABLE in box.run(*set_level, user="bob", check=False).stderr
