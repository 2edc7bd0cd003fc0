import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lager_cli.boxes.session import lost_client
from lager_cli.commands.runs import history_records
from lager_cli.notify import record
from lagerd.events import Event
from lagerd.journal import audit
from lagerd.journal.audit import Audit

CATALOG = (Path(__file__).parents[4] / "units" / "lager.catalog").read_text()


def catalog_entries() -> dict[Any, Any]:
    parts = re.split(r"^-- ([0-9a-f]{32})$", CATALOG, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_kind_has_a_catalog_entry_and_every_entry_a_kind() -> None:
    assert catalog_entries().keys() == {
        *(kind.message_id for kind in Event), lost_client.MESSAGE_ID, *record.MESSAGE_IDS.values()
    }  # fmt: skip
    assert len({kind.message_id for kind in Event}) == len(Event)


@pytest.mark.parametrize("kind", Event, ids=lambda kind: kind.name)
def test_a_record_has_every_field_that_its_texts_use(kind: Any) -> None:
    sent: list[Any] = []
    Audit(sent.append).record(kind, input="1 + 1", remaining=60.0, answer="yes")
    fields = dict(sent[0])
    text = catalog_entries()[kind.message_id]
    assert set(re.findall(r"@(\w+)@", text)) <= fields.keys()
    assert "{" not in fields["MESSAGE"]
    assert re.match(r"\nSubject: .+\nDefined-By: lagerd\n\n\S", text)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Audit]:
    records = audit.to_journal(tmp_path / "socket")
    yield records
    records.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        server.settimeout(5)
        yield server


def test_journald_gets_all_fields_of_a_record(journal: socket.socket, records: Audit) -> None:
    records.record(
        Event.AUTO_RESUMED,
        breakpoint="0123abcd",
        run=None,
        label="a\nFORGED=1",
        line=7,
        paused_sec=1.23456,
        by_uid=0,
        outcome="resumed automatically",
    )
    lines = journal.recv(100_000).decode().splitlines()
    assert "MESSAGE=Breakpoint 0123abcd resumed automatically after 1.235 s" in lines
    assert "MESSAGE_ID=f370292b038e4e6ab0f787b42e01f8d3" in lines
    assert "PRIORITY=5" in lines
    assert "LAGER_EVENT=auto-resumed" in lines
    assert r"LAGER_LABEL=a\nFORGED=1" in lines
    assert "LAGER_RUN=-" in lines
    assert "LAGER_BY_UID=0" in lines
    assert "LAGER_PAUSED_SEC=1.235" in lines


def test_no_value_can_be_a_terminal_escape_or_break_the_encoding(journal: socket.socket, records: Audit) -> None:
    records.record(Event.PAUSED, label="\x1b[2J\udcff\u202eé", file="x" * 1_000_000)
    record = journal.recv(1_000_000).decode()
    assert r"LAGER_LABEL=\x1b[2J\udcff\u202eé" in record
    assert len(record) < 20_000


def test_without_journald_only_records_are_lost(tmp_path: Path, records: Audit) -> None:
    records.record(Event.GONE)
    records.record(Event.GONE)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        records.record(Event.GONE)
        records.record(Event.GONE)
        assert b"\nLAGER_LOST=2\n" in server.recv(10_000)
        assert b"LAGER_LOST" not in server.recv(10_000)
    assert records.lost == 2


def test_a_journald_that_does_not_read_never_blocks(journal: socket.socket, records: Audit) -> None:
    for _ in range(2000):
        records.record(Event.CLAIMED, instrument="psu1")
    assert records.lost > 0


def test_an_object_whose_str_raises_is_a_lost_record() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

    records = Audit(lambda entry: None)
    records.record(Event.PAUSED, label=Hostile())
    assert records.lost == 1


def test_without_a_journal_a_record_is_a_plain_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    records = audit.to_log(logging.getLogger("lagerd.audit"))
    records.record(Event.RELEASED, instrument="psu1", by_user="ann", reason="gone")
    assert caplog.messages == ["ann released psu1: gone"]


def test_an_embedded_daemon_keeps_its_latest_records_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_LONGEST_FILE", 3000)
    file = tmp_path / "records"
    records = audit.to_file(logging.getLogger("lagerd.audit"), file)
    for number in range(20):
        records.record(Event.PAUSED, breakpoint=f"{number:08x}", label="über\n")
    text = audit.older(file).read_bytes() + file.read_bytes()
    kept = [record["breakpoint"] for record in history_records.parse(text)]
    assert kept == [f"{number:08x}" for number in range(20 - len(kept), 20)]
    assert 5 < len(kept) < 20
    assert file.stat().st_mode & 0o077 == 0
