"""The base of all switches: relays, outlets, and ports of a hub."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from lager.errors import InstrumentError, InvalidArgument, Rejected
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.drivers.base.setting import LAST, Setting
from lager.instruments.drivers.base.state import State
from lager.instruments.sessions.session import Session
from lager.wording.values import seconds as as_seconds
from lager.wording.values import shown

S = TypeVar("S", bound=Session)
_LONGEST_CYCLE = 60.0


@dataclass(frozen=True)
class SwitchState(State):
    """The state of a switch. `enabled` is whether it is on: a relay that is closed, a port with power; see State."""

    channel: int
    enabled: bool | None

    def __str__(self) -> str:
        word = "-" if self.enabled is None else "on" if self.enabled else "off"
        return self.table(f"{self.net} (channel {self.channel})", [("switch", word)])


class Switch(Driver[S]):
    """A relay, an outlet or a port of a hub. On is closed, or powered. Each method blocks for two exchanges."""

    SETS: ClassVar[Mapping[str, tuple[str, ...]]] = {"on": ("output",), "off": ("output",), "cycle": ("output",)}

    def settings(self) -> tuple[Setting, ...]:
        return (Setting("output", self._is_on, write=self._set_back, turn=LAST),)

    def on(self) -> None:
        """Switch it on: close the relay, or power the port. Raises Rejected if it then reads back as off."""
        with self.session.exchange():
            self.session.before_on()
            self._set(True)

    def off(self) -> None:
        """Switch it off: open the relay, or take the power from the port. Raises Rejected if it reads back as on."""
        self._set(False)

    def cycle(self, seconds: float = 1.0) -> None:
        """Switch it off, wait for this many seconds, 0 to 60, and switch it on, whatever it was before.

        Blocks for that time. If it is interrupted, it stays off. Raises InvalidArgument, and Rejected like on and off.
        """
        wait = as_seconds(seconds)
        if wait is None or not 0 <= wait <= _LONGEST_CYCLE:
            what = f"{self.name}: {shown(seconds)} is not a valid off time."
            raise InvalidArgument(what, f"Give seconds, from 0 to {_LONGEST_CYCLE:g}.")
        self.off()
        threading.Event().wait(wait)
        self.on()

    def state(self) -> SwitchState:
        """Return whether it is on; see SwitchState."""
        return SwitchState(net=self.name, channel=self.channel, enabled=self._is_on())

    def is_on(self) -> bool:
        """Return whether it is on."""
        return self._is_on()

    def _set(self, on: bool) -> None:
        with self.session.exchange():
            self._switch(on)
            if self._is_on() is not on:
                what = f"{self.name} was switched {'on' if on else 'off'}, but reads back {'off' if on else 'on'}."
                raise Rejected(what, "Check the channel in the nets file, and the manual of the instrument.")

    def _set_back(self, value: object) -> None:
        if value:
            raise InstrumentError(f"{self.name}: it was on. lager switches no output on.")
        self.off()

    def _is_on(self) -> bool:
        raise NotImplementedError

    def _switch(self, on: bool) -> None:
        """Switch it without reading the result back."""
        raise NotImplementedError
