"""The order of the two outputs of a detached run, as it is written down beside them."""

import os
import select
from pathlib import Path

import pytest

from lager.process.system import MODIFIED
from lager_cli.detached.journal_copy import JournalCopy
from lager_cli.detached.output_log import OutputLog
from lager_cli.linux.inotify import Changes
from tests.processes import PATIENCE


def test_output_from_before_the_first_look_is_recorded_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    log = OutputLog("0123abcd")
    log.order.parent.mkdir(parents=True, exist_ok=True)
    with log.writer() as writer, Changes() as changes:
        os.write(writer.out, b"one\n")
        os.write(writer.err, b"two\n")
        changes.watch(log.order, MODIFIED)
        with JournalCopy(log, writer, copy=False):
            assert select.select([changes], [], [], PATIENCE)[0]
        assert log.order.read_text() == "4 4\n"
