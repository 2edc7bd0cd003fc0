"""The pauses of a run that lagerd does not keep just now, because it or the bus is gone: their scripts tell us of them
directly, and are resumed directly (lager.breakpoints.enter_channel)."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from lager.breakpoints.enter_channel import ENTER, ID_LENGTH, is_trusted, name_of


class DirectPauses:
    """To be used in the loop that it was made in, and closed there."""

    def __init__(self, run_id: str, changed: Callable[[], None]) -> None:
        """OSError where somebody else reads the Enter of this run. `changed` is called when a pause comes or goes."""
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._scripts: dict[socket.socket, str] = {}  # and the id of the pause, empty until it is told
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            self._listener.bind(name_of(run_id))
            self._listener.listen()
        except BaseException:
            self._listener.close()
            raise
        self._loop.add_reader(self._listener, self._accept)

    def __bool__(self) -> bool:
        """Whether there is a pause to resume."""
        return any(self._scripts.values())

    def ids(self) -> list[str]:
        """Of those that there are to resume, the one that was told of first in front."""
        return [id for id in self._scripts.values() if id]

    def resume(self, id: str) -> None:
        """Resume that one, if it is there."""
        for script in [script for script, its in self._scripts.items() if its == id]:
            with contextlib.suppress(OSError):
                script.send(ENTER)
            self._drop(script)

    def close(self) -> None:
        for script in list(self._scripts):
            self._drop(script)
        self._loop.remove_reader(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        try:
            script = self._listener.accept()[0]
        except OSError:  # it has gone again, or there are no more descriptors
            return
        if not is_trusted(script):
            script.close()
            return
        script.setblocking(False)
        self._scripts[script] = ""
        self._loop.add_reader(script, self._read, script)

    def _read(self, script: socket.socket) -> None:
        try:
            told = script.recv(ID_LENGTH)
        except BlockingIOError:
            return
        except OSError:
            told = b""
        if not told or self._scripts[script]:
            self._drop(script)  # it has ended, or lagerd keeps its pause again
        elif len(told) == ID_LENGTH:
            self._scripts[script] = told.decode("ascii", "replace")
            self._changed()
        else:
            self._drop(script)

    def _drop(self, script: socket.socket) -> None:
        self._loop.remove_reader(script)
        script.close()
        if self._scripts.pop(script):
            self._changed()
