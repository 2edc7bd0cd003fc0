"""The script of the stress run. It does what the lines on its standard input say, and tells each thing that happens to
it in a line of its own, with the time of the clock that all processes share. It ends with its input."""

import json
import os
import signal
import sys
import threading
import time
from typing import Any

import lager
from lager.errors import LagerError
from lager.instruments.claims import HeldLease
from lager.instruments.lease import claim

_leases: dict[str, HeldLease] = {}
_interruptible = False


def tell(what: str, **more: Any) -> None:
    line = json.dumps({"what": what, "at": time.monotonic(), **more}) + "\n"
    os.write(1, line.encode())


def pause(label: str, timeout: float, interactive: bool, here: bool) -> None:
    global _interruptible
    try:
        try:
            _interruptible = here
            lager.pause(label, timeout=timeout, interactive=interactive)
        finally:
            _interruptible = False
    except KeyboardInterrupt:
        tell("interrupted", label=label)
    tell("went on", label=label)


def interrupt(*_: object) -> None:
    if _interruptible:
        raise KeyboardInterrupt


def take(ticket: str, instrument: str, wait: float) -> None:
    try:
        lease = claim(instrument, net="stress", wait=wait)
    except LagerError as error:
        tell("refused", ticket=ticket, error=type(error).__name__)
    else:
        _leases[ticket] = lease
        tell("holds", ticket=ticket, instrument=instrument)


def release(ticket: str) -> None:
    tell("releases", ticket=ticket)
    _leases.pop(ticket).release()


def count() -> None:
    tell("count", fds=len(os.listdir("/proc/self/fd")), threads=len(os.listdir("/proc/self/task")))


def obey(order: dict[str, Any]) -> None:
    what = order.pop("do")
    if what == "take" or (what == "pause" and not order["here"]):
        threading.Thread(target=globals()[what], kwargs=order, daemon=True).start()
    else:
        globals()[what](**order)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, interrupt)
    tell("began", pid=os.getpid())
    for line in sys.stdin:
        obey(json.loads(line))
    os._exit(0)
