"""What the journal of a box in use has, and who may read it."""

import json
from pathlib import Path

import pytest

from lager_cli.boxes.session import lost_client
from tests.box.container import Box
from tests.box.people import NAME, PATH, Journal, call, configured, listed, paused, records, stands, start

ADMINISTRATION = Path(__file__).parents[3] / "docs/administration.md"
DBUS = "org.freedesktop.DBus"


def test_callers_that_the_bus_refused_are_in_the_history(box: Box) -> None:
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


def test_the_journal_has_the_auto_resume_with_all_its_fields_and_says_what_to_do(box: Box) -> None:
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


def test_who_did_what_is_in_the_journal(box: Box) -> None:
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


def test_the_history_of_collected_journals_names_the_box_of_each_record(box: Box) -> None:
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


def test_only_users_who_may_read_the_journal_see_the_history(box: Box) -> None:
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
    assert "no records" in box.run("lager", "history", "--since", "2000-01-01", "--until", "2000-01-02").stdout


def test_forged_records_in_the_journal_are_ignored(box: Box) -> None:
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


def test_a_killed_script_is_recorded_as_gone(box: Box) -> None:
    journal = Journal(box)
    with (script := paused(box, "alice")).process:
        journal.until("paused at")
        script.process.popen.kill()
        journal.until(f"The script of breakpoint {script.id} was lost")


def test_console_input_is_recorded_only_if_the_configuration_says_so(box: Box) -> None:
    with (
        (script := paused(box, "alice", interactive=True)).process,
        configured(box, "log_console_input = true\n"),
    ):
        box.run("lager", "python", "--console", script.id, user="alice", input="6 * 7\n")
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()
    (record,) = records(box, LAGER_EVENT="console-input", LAGER_BREAKPOINT=script.id)
    assert (record["LAGER_INPUT"], record["LAGER_BY_USER"]) == ("6 * 7", "alice")


def test_claims_refusals_and_releases_are_in_the_journal(box: Box) -> None:
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
    journal.until("released psu9")
    found = [(record["LAGER_EVENT"], record["LAGER_BY_USER"]) for record in records(box, LAGER_INSTRUMENT="psu9")]
    assert found == [("claimed", "alice"), ("refused", "bob"), ("released", "alice")]
