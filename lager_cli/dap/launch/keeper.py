"""The process between an adapter and the run that it has launched. It outlives the adapter, even if that is killed.

    python keeper.py LEASH PIPE... -- COMMAND...

It starts the command, and exits with its exit code. The pipes are those that the command prints into. The leash is a
pipe of which the adapter holds the other end:

- At END, and when the leash ends, as when the adapter is killed, the command gets SIGTERM: `lager python` then
  interrupts its script, so that it can clean up.
- After RELEASE, the command goes on when the leash ends.
- When the leash has ended, the output is read here and dropped, so that printing does not fail.

It is started by its path and imports nothing of lager, because it starts with each run.
"""

import contextlib
import math
import os
import select
import signal
import sys
import time

END, RELEASE = b"e", b"r"
ENDING = 20.0  # the maximum of seconds for `lager python` to end its script and everything that it started
_CHUNK = 1 << 16
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)


class Keeper:
    def __init__(self, command: list[str], leash: int, pipes: list[int]) -> None:
        for fd in (leash, *pipes):
            os.set_inheritable(fd, False)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # those of a terminal are the command's
        self._process = os.posix_spawn(command[0], command, os.environ, setsigmask=before)
        _leave_session()
        self._ended = os.pidfd_open(self._process)
        self._leash = leash
        self._pipes = pipes
        self._released = False
        self._over = math.inf  # when the command is killed, on the monotonic clock
        self._poll = select.poll()
        self._poll.register(self._ended, select.POLLIN)
        self._poll.register(leash, select.POLLIN)

    def keep(self) -> int:
        """Return the exit code of the command, 128 + N for signal N, once its output needs no reader any more."""
        watched = {self._ended, self._leash}
        while self._ended in watched or (self._leash not in watched and watched):
            for fd in self._ready():
                if fd == self._ended:
                    done = True
                elif fd == self._leash:
                    done = self._hear()
                else:
                    done = not os.read(fd, _CHUNK)
                if done:
                    self._poll.unregister(fd)
                    watched.discard(fd)
                    watched |= set(self._pipes) if fd == self._leash else set()
        code = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        return 128 - code if code < 0 else code

    def _ready(self) -> list[int]:
        left = self._over - time.monotonic()
        if left <= 0:
            self._over = math.inf
            self._send(signal.SIGKILL)  # then its own keeper ends the script
        return [fd for fd, _ in self._poll.poll(None if left == math.inf else max(left, 0) * 1000)]

    def _hear(self) -> bool:
        """Carry out what arrives through the leash. Return whether it has ended."""
        word = os.read(self._leash, 1)
        if word == RELEASE:
            self._released = True
        elif not self._released and self._over == math.inf:
            self._over = time.monotonic() + ENDING
            self._send(signal.SIGTERM)
        if not word:
            for fd in self._pipes:
                self._poll.register(fd, select.POLLIN)
        return not word

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._ended, number)


def _leave_session() -> None:
    """Separate this process from the editor: it gets no signal of the editor's terminal, and keeps no pipe and no
    folder in use."""
    os.setsid()
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)


def main(words: list[str]) -> int:
    at = words.index("--")
    leash, *pipes = map(int, words[:at])
    return Keeper(words[at + 1 :], leash, pipes).keep()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
