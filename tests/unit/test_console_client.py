"""This end of a console's socket, without the rest."""

import asyncio
import socket

from lager.console.protocol import encode
from lager_cli.console.client import Attached, Outcome


def test_what_was_said_last_is_read_though_nothing_can_be_sent_any_more():
    async def why() -> tuple[Outcome, str]:
        ours, theirs = socket.socketpair()
        attached = Attached(ours)
        theirs.sendall(encode({"ended": {"reason": "timeout", "by": {}}}))
        theirs.close()
        return await attached.evaluate("1 + 1\n"), attached.why()

    outcome, why_ = asyncio.run(why())
    assert outcome is Outcome.CLOSED
    assert why_ == "resumed by itself: its time was over"
