"""The nets that this process has open: Net.get of one of them returns the open object, and counts one more use.

Opening and closing a net happen in its turn, one after the other. Net.get may therefore wait in it until another thread
has closed the net, and then opens it again. A turn is taken before the locks of the instrument, never behind them.
"""

import os
import threading
import weakref
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from lager.errors import InstrumentError, NetConflict
from lager.instruments.drivers.base.driver import Driver
from lager.nets.model import NetConfig
from lager.process import threads

_Name = tuple[int, str, str]  # a forked child has nets of its own
_open: "weakref.WeakValueDictionary[_Name, Driver[Any]]" = weakref.WeakValueDictionary()
_turns: dict[_Name, Any] = {}


def turn(config: NetConfig) -> AbstractContextManager[Any]:
    """Return the turn of this net, an RLock: hold it to open the net.

    Raises InstrumentError if the calling thread is lager's own, and a paused thread has the turn.
    """
    lock = _turns.setdefault(_name(config), threading.RLock())
    if threads.waits_for_paused(lock):
        raise InstrumentError(
            f"The paused thread is just opening or closing {config.name}.", "Resume the script first."
        )
    return lock  # type: ignore[no-any-return]


def remember(driver: Driver[Any]) -> None:
    """Register this net, which has just been opened, for `again`."""
    _open[_name(driver.config)] = driver


def again(config: NetConfig, options: frozenset[str]) -> Driver[Any] | None:
    """Return the net if it is open, with one more use; call it in the net's turn.

    Raises NetConflict if it was opened without one of these options of Net.get, or as another net than this one.
    """
    driver = _open.get(_name(config))
    if driver is None or not driver.is_open() or driver.session.is_closed():
        return None
    if replace(driver.config, safe=None) != replace(config, safe=None):
        what = f"The net {config.name} is open, and its entry in the nets file has changed since."
        raise NetConflict(what, f"Close it first: {config.name}.close().")
    if missing := sorted(options - driver.options):
        what = f"The net {config.name} is already open in this script, without {missing[0]}=True."
        raise NetConflict(what, "Open it with that option in the first place, or close() it first.")
    driver.uses += 1
    return driver


def _name(config: NetConfig) -> _Name:
    return os.getpid(), config.instrument.key, config.name
