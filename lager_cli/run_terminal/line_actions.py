"""Carries out the lines that are typed on the terminal of a paused run: answers, extends, shows, and opens the
console."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from lager import variables
from lager.bus.facade import Bus
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH
from lager.errors import LagerError
from lager.wording.text import time_given
from lager_cli.daemon import identify
from lager_cli.linux.tty import has_only_lines
from lager_cli.run_terminal.typed_line import HELP, TypedLine, Wish


class LineActions:
    """To be used in one event loop. `say` prints a line; `keys_changed` is called when `has_keys` has changed."""

    def __init__(self, address: str, say: Callable[[str], None], keys_changed: Callable[[], None]) -> None:
        self.has_keys = False  # whether the keys belong to a command that a line has started
        self._address = address
        self._say = say
        self._keys_changed = keys_changed
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, bus: Bus | None, id: str, line: TypedLine) -> None:
        """Begin to carry out `line` for the pause `id`; problems are printed. Does not block."""
        if line.wish is Wish.UNKNOWN:
            self._say(f"{HELP}; your input was ignored")
        elif bus is None:
            self._say("lagerd does not answer; Enter still resumes the script")
        else:
            task = asyncio.get_running_loop().create_task(self._act(bus, id, line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """End the action that is under way."""
        for task in self._tasks:
            task.cancel()

    async def _act(self, bus: Bus, id: str, line: TypedLine) -> None:
        work: dict[Wish, Callable[[], Coroutine[Any, Any, None]]] = {
            Wish.ANSWER: lambda: self._ask(bus, "Answer", "sv", id, line.text),
            Wish.EXTEND: lambda: self._extend(bus, id, line.seconds),
            Wish.CONSOLE: lambda: self._open_console(id),
            Wish.SHOW: lambda: self._run("breakpoints", "show", id),
        }
        try:
            await work[line.wish]()
        except LagerError as problem:
            self._say(str(problem))
        except OSError as problem:
            self._say(f"cannot start the command here: {problem.strerror}")

    async def _extend(self, bus: Bus, id: str, seconds: float) -> None:
        left = await self._ask(bus, "Extend", "sd", id, seconds)
        self._say(time_given(id, left))

    async def _ask(self, bus: Bus, member: str, signature: str, *values: Any) -> Any:
        identify(bus, "enter", start=False)
        return (await bus.call(BREAKPOINTS, BREAKPOINTS_PATH, member, signature, *values))[0]

    async def _open_console(self, id: str) -> None:
        if has_only_lines():
            # There Ctrl-C is a signal, which would reach the script, too.
            self._say(f"this terminal has no room for a console; open it from another one: lager console {id}")
        else:
            await self._run("console", id)

    async def _run(self, *words: str) -> None:
        """Run a `lager` command to its end. Meanwhile it has the keys, but it stays in this process group, so that the
        script can read the terminal as soon as it is resumed."""
        self.has_keys = True
        self._keys_changed()
        try:
            await _ended(_spawned(words, self._address))
        finally:
            self.has_keys = False
            self._keys_changed()


def _spawned(words: tuple[str, ...], address: str) -> int:
    terminal = os.ttyname(0)
    opened = [(os.POSIX_SPAWN_OPEN, fd, terminal, os.O_RDWR | os.O_NOCTTY, 0) for fd in (0, 1, 2)]
    command = [sys.executable, "-P", "-m", "lager_cli", "--here", *words]
    environment = {**os.environ, variables.BUS_ADDRESS: address}
    return os.posix_spawn(command[0], command, environment, file_actions=opened, setsigmask=[])


async def _ended(pid: int) -> None:
    """Wait until the process has ended; the main thread reaps it, with all other children."""
    pidfd = os.pidfd_open(pid)
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    loop.add_reader(pidfd, lambda: None if ended.done() else ended.set_result(None))
    try:
        await ended
    finally:
        loop.remove_reader(pidfd)
        if not ended.done() or ended.cancelled():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        os.close(pidfd)
