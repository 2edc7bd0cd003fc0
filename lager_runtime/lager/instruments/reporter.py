"""Reports the settings that this process makes on an instrument to lagerd, while a script is paused on the box."""

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import lager
from lager import variables
from lager.nets.model import NetType
from lager.process import threads
from lager.wording.text import printable

if TYPE_CHECKING:
    from lager.daemon.lease_calls import LeaseCalls
    from lager.nets.model import NetConfig

_LONGEST = 60
_COMMANDS = {NetType.GPIO: "gpo"}  # whose command is not the word of the type


class ReportedNet(Protocol):
    """The part of a driver that a report uses."""

    config: "NetConfig"

    @property
    def name(self) -> str: ...


class ReportedSetting(Protocol):
    """What a report says of a setting of a net."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...


Value = float | str | bool
# A setting with its old and its new value; None for one that could not be read.
Difference = tuple[ReportedSetting, Value | None, Value | None]


class Reports(Protocol):
    """The interface with which a session reports settings."""

    def is_wanted(self) -> bool: ...
    def report(self, net: ReportedNet, found: Sequence[Difference]) -> None: ...
    def found(self, changes: Sequence[dict[str, Any]], id: str) -> None: ...


class Collector:
    """Keeps settings in `changes`, for lagerd's own process, which holds no lease."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = []

    def is_wanted(self) -> bool:
        return True

    def report(self, net: ReportedNet, found: Sequence[Difference]) -> None:
        self.changes += _described(net, found)

    def found(self, changes: Sequence[dict[str, Any]], id: str) -> None:
        """Do nothing: this process never pauses."""


class Reporter:
    """Reports for one lease. `is_watched` returns whether another script is paused. `is_command`: this process is a
    `lager` command, not a script."""

    def __init__(
        self, calls: "LeaseCalls", instrument: str, is_watched: Callable[[], bool], *, is_command: bool
    ) -> None:
        self._calls = calls
        self._is_watched = is_watched
        self._instrument = instrument
        self._is_command = is_command

    def is_wanted(self) -> bool:
        """Return whether a script is paused, one of this process or another one on the box; or a step runs here, which
        notes what the script itself sets."""
        return bool(threads.paused or threads.stepping) or self._is_watched()

    def report(self, net: ReportedNet, found: Sequence[Difference]) -> None:
        """Report each setting with its old and its new value.

        A command, and who uses a paused script, waits until lagerd has it, a second at most; a running script does not.
        """
        if not (threads.paused or self._is_watched()):
            return  # a step runs: nothing is paused
        author = threads.authors.get(threading.get_ident(), {})
        how = {"how": f"lager {command_of(net.config.type)}" if self._is_command else _script()}
        changes = [{**change, **how, **author} for change in _described(net, found)]
        self._calls.record(self._instrument, changes, wait=self._is_command or bool(threads.paused))

    def found(self, changes: Sequence[dict[str, Any]], id: str) -> None:
        """Report the differences at the resume of the pause `id`; the user who made them is unknown. Does not block."""
        keys = ("net", "what", "unit", "old", "new", "how")
        told = [{key: change[key] for key in keys} | {"breakpoint": id} for change in changes]
        self._calls.record(self._instrument, told, wait=False)


def command_of(type: NetType) -> str:
    """Return the word of the command that sets nets of this type."""
    return _COMMANDS.get(type, type.value)


def _described(net: ReportedNet, found: Sequence[Difference]) -> list[dict[str, Any]]:
    return [
        {"net": net.name, "what": setting.name, "unit": setting.unit, **_values(old, new)}
        for setting, old, new in found
    ]


def _values(old: Value | None, new: Value | None) -> dict[str, Any]:
    return {key: value for key, value in (("old", old), ("new", new)) if value is not None}


def _script() -> str:
    named = lager.at_start(variables.RUNNABLE) or ""
    return printable(os.path.basename(named), _LONGEST) or "a script"
