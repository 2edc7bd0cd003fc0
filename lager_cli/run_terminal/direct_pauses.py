"""The pauses of a run while lagerd or the bus is gone: the scripts report them directly to this process, and Enter
resumes them directly (lager.breakpoints.terminal.enter_channel). Reports about their other pauses are passed on."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

from lager.breakpoints.terminal.enter_channel import ENTER, ID_LENGTH, answer_line, is_trusted, name_of, pid_of, told

_LONGEST = 1 << 20  # bytes of a script's report about a pause; more than any question has


class DirectPauses:
    """The listener for these scripts. Use and close it in the event loop that created it."""

    def __init__(
        self,
        run_id: str,
        changed: Callable[[], None],
        told: Callable[[str, int, bool, dict[str, Any]], None] = lambda *_: None,
    ) -> None:
        """Raises OSError if another process reads the Enter of this run. `changed` is called for each change; `told`
        when a pause that lagerd keeps has begun or ended: with its id, its process, whether it has begun, and the keys
        of its question."""
        self._changed = changed
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._scripts: dict[socket.socket, str] = {}  # with the id of its pause, empty until it is read
        self._telling: dict[socket.socket, bytes] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            self._listener.bind(name_of(run_id))
            self._listener.listen()
        except BaseException:
            self._listener.close()
            raise
        self._loop.add_reader(self._listener, self._accept)

    def __bool__(self) -> bool:
        """Return whether there is a pause to resume."""
        return any(self._scripts.values())

    def ids(self) -> list[str]:
        """Return the ids of the pauses, the oldest first."""
        return [id for id in self._scripts.values() if id]

    def resume(self, id: str) -> None:
        """Resume the pause `id`, if it is in this table."""
        self._write(id, ENTER)

    def answer(self, id: str, text: str) -> None:
        """Answer the question of the pause `id`, if it is in this table."""
        self._write(id, answer_line(text))

    def _write(self, id: str, line: bytes) -> None:
        for script in [script for script, its in self._scripts.items() if its == id]:
            with contextlib.suppress(OSError):
                script.send(line)
            self._drop(script)

    def close(self) -> None:
        for script in list(self._scripts):
            self._drop(script)
        self._loop.remove_reader(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        try:
            script = self._listener.accept()[0]
        except OSError:  # the script has ended, or no descriptor is free
            return
        if not is_trusted(script):
            script.close()
            return
        script.setblocking(False)
        self._scripts[script] = ""
        self._loop.add_reader(script, self._read, script)

    def _read(self, script: socket.socket) -> None:
        try:
            data = script.recv(_LONGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        before = self._telling.pop(script, b"")
        if self._scripts[script]:
            self._drop(script)  # it has ended, or lagerd keeps its pause again
        elif len(data) == ID_LENGTH and not before:
            self._scripts[script] = data.decode("ascii", "replace")
            self._changed()
        elif data and not data.endswith(b"\n") and len(before) < _LONGEST:
            self._telling[script] = before + data
        else:
            if (heard := told(before + data)) is not None:
                id, begun, question = heard
                self._told(id, pid_of(script), begun, question)
            self._drop(script)

    def _drop(self, script: socket.socket) -> None:
        self._loop.remove_reader(script)
        script.close()
        self._telling.pop(script, None)
        if self._scripts.pop(script):
            self._changed()
