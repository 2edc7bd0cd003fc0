import json
import pwd
import shutil
import subprocess
from pathlib import Path
from time import tzset
from types import SimpleNamespace
from typing import Any

import pytest

from lager.errors import LagerError
from lager_cli.boxes.session import lost_client
from lager_cli.commands.runs import history, history_read, history_records
from tests import needs

PAUSED = {
    "__REALTIME_TIMESTAMP": "1700000000500000",
    "MESSAGE": "Paused",
    "LAGER_EVENT": "paused",
    "LAGER_BREAKPOINT": "0123abcd",
    "LAGER_LABEL": "rail is low",
    "LAGER_FILE": "/home/ann/test.py",
    "LAGER_LINE": "12",
    "LAGER_RUN": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "LAGER_BY_USER": "ann",
    "LAGER_PAUSED_SEC": "-",
    "LAGER_REASON": "-",
    "LAGER_INSTRUMENT": "-",
}
CLAIMED = {
    "__REALTIME_TIMESTAMP": "1700000001000000",
    "LAGER_EVENT": "claimed",
    "LAGER_INSTRUMENT": "psu1",
    "LAGER_BREAKPOINT": "-",
}


def lines(*entries: Any) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


@pytest.fixture
def journalctl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # no embedded daemon has records there
    asked = SimpleNamespace(command=None, stdout=b"", stderr=b"", code=0)

    def run(command: Any, **_: Any) -> "subprocess.CompletedProcess[Any]":
        asked.command = command
        return subprocess.CompletedProcess(command, asked.code, asked.stdout, asked.stderr)

    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/journalctl")
    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_records_are_told_from_other_lines_of_the_log(journalctl: SimpleNamespace) -> None:
    journalctl.stdout = lines({"MESSAGE": "Reloaded the configuration."}, PAUSED, CLAIMED)
    first, second = history_read.read(since="1 hour ago", until="now")
    assert first["time"] == 1_700_000_000.5
    assert first["breakpoint"] == "0123abcd"
    assert second["instrument"] == "psu1"
    assert "_SYSTEMD_UNIT=lagerd.service" in journalctl.command
    assert {"--since=1 hour ago", "--until=now"} <= set(journalctl.command)


def test_a_lost_connection_is_what_its_own_user_says(journalctl: SimpleNamespace) -> None:
    true = {
        "__REALTIME_TIMESTAMP": "1700000002000000",
        "MESSAGE_ID": lost_client.MESSAGE_ID,
        "_UID": "0",
        "LAGER_EVENT": "connection-lost",
        "LAGER_BY_USER": "root",
        "LAGER_RUN": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    }
    lies = {"_UID": "1"}, {"_UID": "4294967294"}, {"_UID": "x"}, {"LAGER_EVENT": "resumed"}, {"LAGER_BY_USER": "ann"}
    journalctl.stdout = lines(*({**true, **lie} for lie in lies), true)
    (only,) = history_read.read()
    assert (only["event"], only["by_user"]) == ("connection-lost", "root")
    assert journalctl.command[-2:] == ["+", f"MESSAGE_ID={lost_client.MESSAGE_ID}"]


LOST = {
    "__REALTIME_TIMESTAMP": "1700000002000000",
    "MESSAGE_ID": lost_client.MESSAGE_ID,
    "_UID": "0",
    "_SYSTEMD_UNIT": "session-1.scope",
    "LAGER_EVENT": "connection-lost",
    "LAGER_BY_USER": "root",
}


def test_of_a_session_only_its_user_and_its_run_are_taken() -> None:
    run = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    lies = {"LAGER_TIME": "x", "LAGER_FILE": "/etc", "LAGER_LABEL": "\x1b[2J", "LAGER_INSTRUMENT": "psu1"}
    (only,) = history_records.parse(lines({**LOST, **lies, "LAGER_RUN": run.upper()}))
    assert only == {"time": 1700000002.0, "event": "connection-lost", "run": run, "by_uid": "0", "by_user": "root"}
    (only,) = history_records.parse(lines({**LOST, "LAGER_RUN": "\x1b[31m ../../x"}))
    assert only["run"] == "-"


@pytest.mark.parametrize(
    "lie",
    [
        {"LAGER_EVENT": ["connection-lost", "resumed"]},
        {"MESSAGE_ID": [lost_client.MESSAGE_ID, "3bc0bfd4ab4c4cad89add08b74b6cb4d"], "LAGER_EVENT": "resumed"},
        {"MESSAGE_ID": ["3bc0bfd4ab4c4cad89add08b74b6cb4d", lost_client.MESSAGE_ID], "LAGER_EVENT": "resumed"},
        {"MESSAGE_ID": "3bc0bfd4ab4c4cad89add08b74b6cb4d", "LAGER_EVENT": "resumed"},
        {"LAGER_BY_USER": ["root", "ann"]},
        {"LAGER_BY_UID": "1000"},
        {"_UID": ["0", "x"]},
        {"_UID": None},
        {"_UID": "9" * 30},
        {"LAGER_EVENT": None},
        {"__REALTIME_TIMESTAMP": "soon"},
    ],
)
def test_records_that_another_user_forges_are_ignored(lie: Any) -> None:
    assert list(history_records.parse(lines({**LOST, **lie}))) == []


@pytest.mark.parametrize(
    "odd",
    [
        {"LAGER_TIME": "x"},
        {"LAGER_PAUSED_SEC": "nan"},
        {"LAGER_PAUSED_SEC": "1e999"},
        {"LAGER_PAUSED_SEC": "9" * 400},
        {"LAGER_PAUSED_SEC": ["1", "2"]},
        {"LAGER_LABEL": [27, 91, 50, 74]},
        {"LAGER_LABEL": [[27, 91], [255, 0]]},
        {"LAGER_LABEL": [300, -1]},
        {"LAGER_LABEL": []},
        {"LAGER_LABEL": [True, False]},
        {"LAGER_LABEL": {"a": [1]}},
        {"LAGER_FILE": None, "LAGER_LINE": [1, [2]]},
        {"LAGER_": "x", "LAGER_EVENT": ""},
    ],
)
def test_a_record_of_any_kind_is_a_row_and_loses_no_other(odd: Any) -> None:
    found = list(history_records.parse(lines(PAUSED, {**PAUSED, **odd}, CLAIMED)))
    assert [record["time"] for record in found] == [1_700_000_000.5, 1_700_000_000.5, 1_700_000_001.0]
    assert all(isinstance(cell, str) for record in found for cell in history.row(record))


def test_lines_that_are_no_records_lose_no_other() -> None:
    noise = b"\n\xff\xfe\n{\nnull\n[1]\n3\n" + b"[" * 100_000 + b"\n"
    found = list(history_records.parse(lines(PAUSED) + noise + lines(CLAIMED)))
    assert [record["event"] for record in found] == ["paused", "claimed"]


@pytest.mark.parametrize("time", [None, "x", float("nan"), float("inf"), 1e300, -1e300, [1]])
def test_a_record_of_another_machine_has_a_row_whatever_its_time(time: Any) -> None:
    assert history.row({"time": time, "event": "paused"})[:2] == ("-", "paused")


def test_records_become_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    tzset()
    paused, claimed = history_records.parse(lines(PAUSED, CLAIMED))
    assert history.row(paused) == (
        "2023-11-14 22:13:20", "paused", "ann", "0123abcd rail is low", "/home/ann/test.py:12", "f81d4fae", "-", "-",
    )  # fmt: skip
    assert history.row(claimed)[1:4] == ("claimed", "-", "psu1")
    assert history.row({**paused, "paused_sec": "61.0"})[6] == "1m01s"


@pytest.mark.parametrize(("value", "text"), [("a", "a"), ([104, 105], "hi"), (["x", "y"], "y"), (None, "None")])
def test_what_journalctl_makes_of_a_value(value: Any, text: str) -> None:
    (record,) = history_records.parse(lines({**PAUSED, "LAGER_LABEL": value}))
    assert record["label"] == text


def test_a_user_who_may_not_read_the_journal_learns_what_to_request(journalctl: SimpleNamespace) -> None:
    journalctl.stderr = b"Hint: You are currently not seeing messages from other users and the system.\n"
    with pytest.raises(LagerError, match=r"may not read the journal.*systemd-journal"):
        history_read.read()


def test_a_wrong_time_is_one_sentence(journalctl: SimpleNamespace) -> None:
    journalctl.code, journalctl.stderr = 1, b"Failed to parse timestamp: soon\n"
    with pytest.raises(LagerError, match="Failed to parse timestamp: soon"):
        history_read.read(since="soon")


def test_no_journal_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_read, "_embedded", lambda: None)  # as on a box
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(LagerError, match="no journalctl"):
        history_read.read()


BUS = {
    "_SYSTEMD_UNIT": "dbus.service", "__REALTIME_TIMESTAMP": "1795714682522835",
    "MESSAGE": '[system] Rejected send message, 2 matched rules; type="method_call", sender=":1.6" (uid=4242 pid=120'
    ' comm="busctl call com.lager.Breakpoints / org.freedeskto") interface="com.lager.Breakpoints" member="Continue"'
    ' error name="(unset)" requested_reply="0" destination="com.lager.Breakpoints" (bus)',
}  # fmt: skip


def test_whom_the_bus_refuses_is_in_the_history() -> None:
    (only,) = history_records.parse(lines(BUS))
    assert (only["event"], only["by_user"], only["by_uid"]) == ("denied", "4242", "4242")
    assert only["reason"].startswith("Continue")
    assert history.row(only)[1:3] == ("denied", "4242")


STARTED = (
    "[system] Activating via systemd: service name='com.lager.Breakpoints' unit='lagerd.service' requested by ':1.23'"
    ' (uid=4242 pid=650 comm="busctl call org.freedesktop.DBus / org.freedesktop")'
)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [("", "", True), ("Breakpoints", "Instruments", True), ("com.lager.Breakpoints", "org.example.Other", False),
     ("[system]", "x [system]", False), ("uid=4242", "uid=x", False)],
)  # fmt: skip
def test_who_had_the_bus_start_lagerd_is_in_the_history(before: str, after: str, told: bool) -> None:
    records = list(
        history_records.parse(lines({**BUS, "MESSAGE": STARTED.replace(before, after) if before else STARTED}))
    )
    assert [(one["event"], one["by_uid"]) for one in records] == [("started", "4242")] * told


LAGERDS = 'destination=":1.3" (uid=4243 pid=106 comm="lagerd")'


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        # By the unique name of lagerd, a property, and a signal that looks like one of lagerd.
        ('destination="com.lager.Breakpoints" (bus)', LAGERDS, True),
        ('com.lager.Breakpoints" member="Continue"', 'org.freedesktop.DBus.Properties" member="Set"', True),
        ('type="method_call"', 'type="signal"', True),
        ('com.lager.Breakpoints" member="Continue"', 'org.example.Other" member="Go"', True),
        # What the recipient is called is no evidence against the caller.
        ('interface="com.lager.Breakpoints" member="Continue" error name="(unset)" requested_reply="0"'
         ' destination="com.lager.Breakpoints" (bus)',
         'interface="a.b" member="Go" error name="(unset)" requested_reply="0" destination=":1.9" (uid=1 pid=2 comm=") '
         'interface="com.lager.X" member="Y" error name="" requested_reply="0" destination="com.lager.Breakpoints" (")',
         False),
    ],
)  # fmt: skip
def test_a_refusal_is_known_by_its_interface_or_its_destination(
    before: str, after: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lagerd = pwd.struct_passwd(("lager", "x", 4243, 4243, "", "/", "/bin/false"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _: lagerd)
    assert before in BUS["MESSAGE"]
    assert (
        bool(list(history_records.parse(lines({**BUS, "MESSAGE": BUS["MESSAGE"].replace(before, after)})))) == refused
    )


@pytest.mark.parametrize(
    "change",
    [
        {
            "MESSAGE": BUS["MESSAGE"]
            .replace('interface="com.lager.Breakpoints"', 'interface="a.b"')
            .replace('com.lager.Breakpoints" (bus)', 'org.example.Other" (bus)')
        },
        {"MESSAGE": "x " + BUS["MESSAGE"]},
        {"MESSAGE": "[system] Successfully activated service 'com.lager.Breakpoints'"},
        {"_SYSTEMD_UNIT": "evil.service"},
        {"_SYSTEMD_UNIT": "lagerd.service"},
        {"MESSAGE": [1, 2, 300]},
        {"MESSAGE": None},
    ],
)
def test_no_other_log_line_counts_as_a_refusal(change: Any) -> None:
    assert list(history_records.parse(lines({**BUS, **change}))) == []


@pytest.mark.parametrize("uid", [0, 4242, 65534])
def test_a_refused_signal_is_not_explained_by_the_group(uid: int) -> None:
    message = BUS["MESSAGE"].replace("method_call", "signal").replace("Continue", "Resumed").replace("4242", str(uid))
    (only,) = history_records.parse(lines({**BUS, "MESSAGE": message}))
    assert (only["by_uid"], only["reason"]) == (str(uid), "Resumed: only lagerd may send this signal")


def test_a_caller_whose_name_looks_like_a_refusal_is_recorded_as_the_caller() -> None:
    lie = BUS["MESSAGE"].replace("busctl call", 'x") (uid=0 pid=1 comm="root')
    (only,) = history_records.parse(lines({**BUS, "MESSAGE": lie}))
    assert only["by_uid"] == "4242"


@pytest.mark.parametrize("given", ["", " ", "\t\n"])
def test_an_empty_time_is_refused(journalctl: Any, given: str) -> None:
    for since, until in ((given, None), (None, given)):
        with pytest.raises(LagerError, match=r"is not a valid time\. Give one like"):
            history_read.read(since, until)


def test_records_of_other_boxes_name_the_box_and_no_user_of_this_one(journalctl: SimpleNamespace) -> None:
    own = Path("/etc/machine-id").read_text().strip()
    lost = {
        "__REALTIME_TIMESTAMP": "1700000002000000",
        "_HOSTNAME": "bench7",
        "_MACHINE_ID": "0" * 32,
        "MESSAGE_ID": lost_client.MESSAGE_ID,
        "_UID": "0",
        "LAGER_EVENT": "connection-lost",
        "LAGER_BY_USER": "anna",
    }
    here = {"_HOSTNAME": "bench3", "_MACHINE_ID": own, "LAGER_BY_USER": "root"}
    journalctl.stdout = lines({**lost, **here}, lost, {**lost, "_MACHINE_ID": own})
    shown = history_read.read(journals=["--directory=/var/log/journal/remote"])
    assert [(one["box"], one["by_user"]) for one in shown] == [("bench3", "root"), ("bench7", "0")]
    assert "--directory=/var/log/journal/remote" in journalctl.command
    assert "box" not in history_read.read()[0]


def test_what_a_box_has_uploaded_twice_is_shown_once() -> None:
    first = {**CLAIMED, "_SYSTEMD_UNIT": "lagerd.service", "_HOSTNAME": "bench3", "__MONOTONIC_TIMESTAMP": "7"}
    entries = [
        {**first, "__CURSOR": "s=a;i=1", "__SEQNUM": "1"},
        {**first, "__CURSOR": "s=a;i=2", "__SEQNUM": "2"},
        {**first, "__CURSOR": "s=a;i=3", "__MONOTONIC_TIMESTAMP": "8"},
        {**first, "__CURSOR": "s=a;i=4", "_HOSTNAME": "bench4"},
    ]
    records = list(history_records.parse(lines(*entries), with_box=True))
    assert [record["box"] for record in records] == ["bench3", "bench3", "bench4"]
    assert len(list(history_records.parse(lines(*entries)))) == 4


def test_a_journal_that_cannot_be_read_is_told_and_a_folder_without_any_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs.nothing_more("" if shutil.which("journalctl") else "the history needs: apt-get install systemd")
    folder = tmp_path / "remote"
    folder.mkdir()
    (folder / "notes.txt").write_text("no journal")
    with pytest.raises(LagerError, match="There are no journals in "):
        history.history.main(["--directory", str(folder)], standalone_mode=False)
    (folder / "remote-bench7.journal").write_bytes(b"\0" * 5000)
    history.history.main(["--directory", str(folder)], standalone_mode=False)
    shown = capsys.readouterr()
    assert "no records" in shown.out
    assert shown.err.count("the history may be incomplete: ") == 1
    assert "remote-bench7.journal" in shown.err
