import json
import subprocess
from types import SimpleNamespace

import pytest

from lager.errors import LagerError
from lager_cli.boxes import lost_client
from lager_cli.commands import history

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


def lines(*entries):
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


@pytest.fixture
def journalctl(monkeypatch):
    asked = SimpleNamespace(command=None, stdout=b"", stderr=b"", code=0)

    def run(command, **_):
        asked.command = command
        return subprocess.CompletedProcess(command, asked.code, asked.stdout, asked.stderr)

    monkeypatch.setattr(history.shutil, "which", lambda _: "/usr/bin/journalctl")
    monkeypatch.setattr(history.subprocess, "run", run)
    return asked


def test_records_are_told_from_other_lines_of_the_log(journalctl):
    journalctl.stdout = lines({"MESSAGE": "Read the configuration again."}, PAUSED, CLAIMED)
    first, second = history.read(since="1 hour ago", until="now")
    assert first["time"] == 1_700_000_000.5
    assert first["breakpoint"] == "0123abcd"
    assert second["instrument"] == "psu1"
    assert "_SYSTEMD_UNIT=lagerd.service" in journalctl.command
    assert {"--since=1 hour ago", "--until=now"} <= set(journalctl.command)


def test_a_lost_connection_is_what_its_own_user_says(journalctl):
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
    (only,) = history.read()
    assert (only["event"], only["by_user"]) == ("connection-lost", "root")
    assert journalctl.command[-2:] == ["+", f"MESSAGE_ID={lost_client.MESSAGE_ID}"]


def test_rows(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    history.time.tzset()
    paused, claimed = history.parse(lines(PAUSED, CLAIMED))
    assert history.row(paused) == (
        "2023-11-14 22:13:20", "paused", "ann", "0123abcd rail is low", "/home/ann/test.py:12", "f81d4fae", "-", "-",
    )  # fmt: skip
    assert history.row(claimed)[1:4] == ("claimed", "-", "psu1")
    assert history.row({**paused, "paused_sec": "61.0"})[6] == "1m01s"


@pytest.mark.parametrize(("value", "text"), [("a", "a"), ([104, 105], "hi"), (["x", "y"], "y"), (None, "None")])
def test_what_journalctl_makes_of_a_value(value, text):
    (record,) = history.parse(lines({**PAUSED, "LAGER_LABEL": value}))
    assert record["label"] == text


def test_who_may_not_read_the_journal_is_told_what_to_ask_for(journalctl):
    journalctl.stderr = b"Hint: You are currently not seeing messages from other users and the system.\n"
    with pytest.raises(LagerError, match=r"may not read the journal.*systemd-journal"):
        history.read()


def test_a_wrong_time_is_one_sentence(journalctl):
    journalctl.code, journalctl.stderr = 1, b"Failed to parse timestamp: soon\n"
    with pytest.raises(LagerError, match="Failed to parse timestamp: soon"):
        history.read(since="soon")


def test_no_journal_at_all(monkeypatch):
    monkeypatch.setattr(history.shutil, "which", lambda _: None)
    with pytest.raises(LagerError, match="no journalctl"):
        history.read()
