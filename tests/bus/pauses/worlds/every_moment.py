"""A script whose signal handler raises at the Nth event of a pause, for each N. Arguments: which pause, which error,
where results go, and how many events lie between two of them."""

import _thread
import os
import signal
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

import lager
from lager.breakpoints import carrier
from lager.process import fork_lock, threads

PAUSE, ERROR, RESULTS, STEP = sys.argv[1:]
HERE = __file__
LAGER = "com.lager.Breakpoints", "/com/lager/Breakpoints"


class Mine(Exception):
    pass


class Odd:
    def __bool__(self) -> bool:
        raise ValueError

    __repr__ = __float__ = __str__ = __bool__  # type: ignore[assignment]


class Watchdog:
    raised: BaseException | None = None

    def __call__(self, *_: object) -> None:
        kind: Any = {"Mine": Mine, "PauseTimeout": lager.PauseTimeout}.get(ERROR) or vars(__builtins__)[ERROR]
        self.raised = kind("mine")
        raise self.raised


class Alarm(weakref.ref):  # type: ignore[type-arg]
    """Raises the signal as C code does, when what it refers to is gone: Python runs the handler where it next looks."""

    def __index__(self) -> int:  # called by interrupt_main
        return signal.SIGALRM


class Events:
    """Counts what Python traces of a pause, and raises the signal at the Nth event."""

    def __init__(self, at: int) -> None:
        self.at, self.count, self.waits, self.where = at, 0, 0, ""
        self.alarm: Any = None

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename == HERE:
            return None
        self.count += 1
        if event == "call" and frame.f_code.co_name == "patience":
            self.waits += 1
            if self.waits == 2:
                waits.release()
        if self.count != self.at:
            return self.trace
        self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        sys.settrace(None)
        here: FrameType | None = frame
        while here is not None:
            here.f_trace, here = None, here.f_back
        goes = Watchdog()  # when this frame ends, which no other Python code runs before
        self.alarm = Alarm(goes, _thread.interrupt_main)  # type: ignore[arg-type]
        return None


def use() -> None:
    assert psu is not None
    psu.set_voltage(psu.voltage())


CALLS: dict[str, Callable[[], object]] = {
    "pause": lambda: lager.pause("here", timeout=5),
    "net": lambda: lager.pause("here", timeout=5, on_change="restore"),
    "use": use,
    "breakpoint": lambda: breakpoint(timeout=5),
    "odd": lambda: lager.pause(Odd(), timeout=Odd(), interactive=Odd(), on_timeout=Odd(), on_change=Odd()),  # type: ignore[arg-type]
    "ask": lambda: lager.ask("sure?", default=True, timeout=5),
}
waits = threading.Semaphore(0)


def ask(member: str, signature: str = "", *values: Any) -> Any:
    client = carrier.of_this_process()._client
    assert client.bus is not None
    return client.run(client.bus.call(*LAGER, member, signature, *values, start=False))


def resume() -> None:
    while waits.acquire():
        ask("ContinueAll")


def once(events: Events, watchdog: Watchdog) -> str:
    """Pause; return what is wrong."""
    try:
        sys.settrace(events.trace)
        try:
            CALLS[PAUSE]()
        finally:
            sys.settrace(None)
        for _ in range(5):  # where the handler runs at the latest
            pass
        return "it was swallowed" if watchdog.raised else ""
    except BaseException as error:
        return "" if error is watchdog.raised else f"the script gets {error!r}"


def left() -> str:
    """Return what the pause has left behind."""
    end = time.monotonic() + 10
    while any(pause["pid"] == os.getpid() for pause in ask("List")[0]):
        if time.monotonic() > end:
            return "it is still paused"
    world: Any = sys._lager_start.world()  # type: ignore[attr-defined]
    if any("owner=0" not in repr(lock) for lock in (fork_lock.wait, world._lock)):
        return "a lock is held"
    if threads.paused or threads.stepping:
        return "its thread counts as paused"
    psu.voltage() if psu is not None else None
    return ""


psu: Any = None
if PAUSE in ("net", "use"):
    from lager import Net, NetType

    psu = Net.get("supply2", type=NetType.PowerSupply)
lager.pause("the first", timeout=0.01)
threading.Thread(target=resume, daemon=True).start()
with open(RESULTS, "w", buffering=1) as results:
    at = 1
    while True:
        events, watchdog = Events(at), Watchdog()
        signal.signal(signal.SIGALRM, watchdog)
        wrong = once(events, watchdog) or left()
        if wrong:
            raised = watchdog.raised.__traceback__ if watchdog.raised else None
            stack = " ".join(f"{os.path.basename(at.filename)}:{at.lineno}" for at in traceback.extract_tb(raised))
            print(f"event {at} at {events.where}: {wrong}; {stack}", file=results)
        if events.count < at:
            print(f"{events.count} events", file=results)
            break
        if watchdog.raised:
            watchdog.raised.__traceback__ = None  # whose frames keep the net open
        at += int(STEP)
