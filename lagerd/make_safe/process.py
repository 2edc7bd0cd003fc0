"""The process that sets the safe state of an instrument: `python -m lagerd.make_safe`, for lagerd alone.

Its standard input is a socket on which lagerd sends requests (`standby`). Each is carried out in a child, which answers
with one line and ends. It never works for longer than _SECONDS, whatever the instrument does, and never switches
anything on. lagerd may start the process before there is a request: it then imports what it will need, and waits.

On a box it is the unit lager-safe@.service, which passes --nets-file: only root decides there what is safe. As a child
of an embedded lagerd it reads the nets file that the holder of the instrument used, as the same user.
"""

import argparse
import faulthandler
import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from lager.contract import NETS_FILE
from lager.errors import Failed, LagerError
from lager.instruments.reporter import Collector
from lager.instruments.safety import safe_state
from lager.nets import file as nets_file
from lagerd.make_safe.standby import Standby

_SECONDS = 8.0
_HARD_SECONDS = 10.0  # where Python itself is stuck in a call
_AHEAD = (
    "tomllib", "encodings.utf_8_sig", "encodings.idna", "lager.instruments.drivers.base.supply",
    "pyvisa.highlevel", "pyvisa_py.highlevel", "lager.instruments.sessions.scpi", "pymodbus.client",
    "lager.instruments.sessions.modbus",
)  # fmt: skip


class _TooLate(BaseException):
    """The time is over. Not an Exception, so that no driver catches it."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lagerd.make_safe", description=__doc__)
    parser.add_argument("--nets-file", help="read this nets file, whatever the request says")
    given = parser.parse_args()
    with socket.socket(fileno=0) as lagerd:
        Standby(lagerd, partial(limited_answer, given.nets_file), _AHEAD).serve()
    os._exit(0)


def limited_answer(
    path: str | None, request: dict[str, Any], may_act: Callable[[], bool] = lambda: True
) -> dict[str, Any]:
    """Answer a request in this process, which ends if that takes too long. `path` is the nets file; None means the file
    in the request. `may_act` is called after the time limit has started, and returns whether the instrument may still
    be used."""
    faulthandler.dump_traceback_later(_HARD_SECONDS, exit=True)
    try:
        return answer(request, path or request["nets_file"] or NETS_FILE, may_act)
    finally:
        faulthandler.cancel_dump_traceback_later()


def answer(request: dict[str, Any], path: str, may_act: Callable[[], bool] = lambda: True) -> dict[str, Any]:
    """Return, for each net, the reason why it is not safe ("" if it is), and what was done."""
    nets: dict[str, str] = {}
    done: dict[str, str] = {}
    tried: dict[str, str] = {}  # why the latest attempt for a net failed
    asked = [str(net) for net in request["nets"]]
    failure = name = ""
    told = Collector() if request.get("watched") else None  # a script is paused, which lists what is changed
    signal.signal(signal.SIGALRM, _too_late)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        here = safe_state.Here.on(request["instrument"], nets_file.load(path))
        name = next((net.instrument.name for net in here.nets.values()), "")
        off = request["off"]
        found = (
            safe_state.to_switch_off(here, asked)
            if off
            else safe_state.after_crash(here, asked, request.get("places", {}))
        )
        nets |= found.unknown
        asked += [net.name for net in found.nets if net.name not in asked]
        if not may_act():
            raise Failed("It was too late: others may be using it.")
        for net, why, what in safe_state.make_safe(found, seconds=_SECONDS - 1, told=told, tried=tried):
            nets[net], done[net] = why, what
    except LagerError as error:
        failure = str(error)
    except _TooLate:
        failure = f"It took more than {_SECONDS:g} s."
    except Exception as error:
        failure = f"Internal error: {error!r}."
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    missing = [net for net in asked if net not in nets]
    if not asked and not nets:
        missing, failure = [request["instrument"]], failure or f"{path} has no net of it that can be switched off."
    whys = {net: " ".join([failure or "It was not reached.", *filter(None, [tried.get(net)])]) for net in missing}
    done_so_far = {"nets": nets | whys, "done": done, "name": name}
    return done_so_far | ({"instrument": request["instrument"], "changes": told.changes} if told is not None else {})


def _too_late(_: int, __: FrameType | None) -> None:
    raise _TooLate
