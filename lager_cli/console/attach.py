"""The user's side of a console: opens it here or on a box, for a pipe, a terminal, or read-only."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator

from lager.wording.text import printable
from lager_cli.console.client import Attached, Outcome
from lager_cli.console.line_frontends import Frontend, PipeFrontend
from lager_cli.console.meta_commands import MetaCommands
from lager_cli.console.relay import opened, serve
from lager_cli.display import output
from lager_cli.linux.tty import has_only_lines


def is_ours(watch: bool, relay: bool) -> bool:
    """Return whether this side shows a console on a box from its frames; otherwise the whole command runs on the
    box."""
    return os.isatty(0) and os.isatty(1) and not (has_only_lines() or watch or relay)


def attach(
    id: str | None, box: str | None = None, *, watch: bool = False, relay: bool = False, lines: bool = False
) -> int:
    """Open a console in the pause `id`, on this machine or on `box`, and run it. Without an id, the box uses the user's
    only pause. `relay` only forwards frames; with `lines`, those of breakpoints on lines.

    Return the exit code: 0, that of exit(), or 1 if a piped statement raised or the script was resumed before its end.
    """
    if id is None:
        assert box is not None
        return asyncio.run(_attach("", box))
    if watch:
        from lager_cli.console.observe import look_on

        return asyncio.run(look_on(id))
    if relay:
        return asyncio.run(serve(id, {"breakpoints": True} if lines else {"news": True, "short": True}))
    return asyncio.run(_attach(id, box))


async def _attach(wanted: str, box: str | None) -> int:
    if os.isatty(0):  # restore the terminal on SIGTERM, too
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, sys.exit, 128 + signal.SIGTERM)
    options = {"news": True, "short": os.isatty(0)}
    async with connection(wanted, options, box) as (socket_, own):
        script = Attached(socket_, own=own)
        try:
            hello = await script.hello
            id = printable(hello.get("id", ""), 40)
            session = _session(script, id, hello.get("console", 0), box)
            outcome = await session.run()
        finally:
            script.close()
    if outcome is Outcome.CLOSED:
        output.note(f"{script.place.get('id', id) or wanted} {script.why()}; this console ends")
    return session.code(outcome)


@contextlib.asynccontextmanager
async def connection(id: str, options: dict[str, bool], box: str | None) -> AsyncIterator[tuple[socket.socket, bool]]:
    """Open a console. Yield its socket, and whether the script is known to be this user's; a box is never trusted about
    this."""
    if box is None:
        async with opened(id, options) as found:
            yield found
    else:
        from lager_cli.boxes.remote import channel

        words = ["python", "--console", id, "--relay"] if id else ["console", "--relay"]
        if options.get("breakpoints"):
            words = ["console", id, "--relay", "--lines"]
        with channel(box, words) as connection:
            yield connection, False


def _session(script: Attached, id: str, number: int, box: str | None) -> Frontend:
    meta_commands = MetaCommands(script)
    if not os.isatty(0):
        return PipeFrontend(script, meta_commands)
    if not os.isatty(1) or has_only_lines():
        from lager_cli.console.line_frontends import PlainFrontend

        return PlainFrontend(script, id, meta_commands)
    from lager_cli.console.prompt import PromptFrontend

    return PromptFrontend(script, id, number, meta_commands, suspends=box is None)
