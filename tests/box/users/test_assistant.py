"""`lager mcp --box`: an assistant at a desk, as a user of the box, within what lagerd and polkit allow that user."""

import asyncio
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.box.container import Box
from tests.box.people import paused, records
from tests.bus.commands.test_mcp import assistant, said

DOOR = """#!/bin/sh
# In place of ssh: its options, the box, and what to run there.
while [ "$1" != -- ]; do shift; done
shift 2
exec {command} sh -c "$*"
"""


@pytest.fixture
def desk(box: Box, tmp_path: Path) -> dict[Any, Any]:
    """The environment at a desk from which --box bench3 leads bob to the box."""
    (tmp_path / "door").write_text(DOOR.format(command=shlex.join(box.command(user="bob"))))
    (tmp_path / "door").chmod(0o755)
    own = {key: value for key, value in os.environ.items() if not key.startswith(("LAGER", "XDG"))}
    return {**own, "LAGER_SSH": str(tmp_path / "door"), "XDG_CONFIG_HOME": str(tmp_path)}


def test_an_assistant_does_on_a_box_what_its_user_may_and_each_record_names_it(
    box: Box, desk: dict[Any, Any], tmp_path: Path
) -> None:
    with (
        (hers := paused(box, "alice", interactive=True)).process,
        (his := paused(box, "bob", interactive=True)).process,
    ):

        async def talk() -> None:
            async with assistant(desk, tmp_path, "--box", "bench3", "--allow", "extend,continue,evaluate") as one:
                listed = (await said(one, "pauses"))["data"]
                assert {hers.id, his.id} <= {pause["id"] for pause in listed}
                refused = await said(one, "evaluate", id=hers.id, expression="1 + 1")
                assert "alice" in refused
                assert "42" in (await said(one, "evaluate", id=his.id, expression="6 * 7"))["data"]
                await said(one, "extend", id=hers.id, seconds=60)
                for script in (hers, his):
                    await said(one, "continue", id=script.id)

        asyncio.run(talk())
        for script in (hers, his):
            assert "resumed by bob" in script.goes_on()
    told = [
        (one["LAGER_EVENT"], one["LAGER_BY_USER"], one.get("LAGER_VIA"), one.get("LAGER_AGENT"))
        for script in (hers, his)
        for one in records(box, LAGER_BREAKPOINT=script.id)
        if one["LAGER_EVENT"] != "paused"
    ]
    assert {event for event, *_ in told} == {"denied", "extended", "resumed", "console-opened", "console-closed"}
    assert {(user, via, agent) for _, user, via, agent in told} == {("bob", "mcp", "robot")}
