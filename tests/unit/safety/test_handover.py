"""From one lagerd to the next: what the process between them changed is read, and its file is not kept open."""

import asyncio
import json
import os
from pathlib import Path

from lagerd.instruments.safety.handover import Handover
from tests.processes import links

CHANGES = [{"net": "supply2", "what": "output", "old": True, "new": False}]


def open_files(folder: Path) -> list[str]:
    """What this process has open of a folder."""
    return sorted(link.removeprefix(f"{folder}/") for link in links(os.getpid()) if link.startswith(f"{folder}/"))


def written(folder: Path) -> None:
    line = json.dumps({"instrument": "psu1", "changes": CHANGES})
    (folder / "handover-changes").write_text(f'{line}\n{{"instrument": "psu')


def test_the_changes_of_a_process_that_has_ended_are_read_at_once(tmp_path: Path) -> None:
    async def test() -> None:
        written(tmp_path)
        handover = Handover(tmp_path / "handover")
        handover.take()
        assert open_files(tmp_path) == ["handover", "handover-changes"]
        await handover.finished()
        assert handover.changed("psu1") == CHANGES
        assert handover.changed("psu1") == []
        handover.close()
        assert open_files(tmp_path) == []

    asyncio.run(test())


def test_the_changes_of_a_process_that_ends_now_are_read_when_it_has_ended(tmp_path: Path) -> None:
    async def test() -> None:
        written(tmp_path)
        os.mkfifo(tmp_path / "handover")
        process = os.open(tmp_path / "handover", os.O_RDONLY | os.O_NONBLOCK)
        handover = Handover(tmp_path / "handover")
        handover.take()
        assert os.read(process, 10) == b"\0"
        finished = asyncio.create_task(handover.finished())
        await asyncio.sleep(0)
        assert not finished.done()
        os.close(process)
        await finished
        assert open_files(tmp_path) == ["handover", "handover-changes"]
        assert handover.changed("psu1") == CHANGES
        handover.close()
        assert open_files(tmp_path) == []

    asyncio.run(test())
