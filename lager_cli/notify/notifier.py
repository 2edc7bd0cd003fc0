"""Follows lagerd and sends messages until it is stopped, or tests the configuration."""

import asyncio
import contextlib
import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lager.bus import address
from lager.bus.facade import Bus
from lager.bus.received import Signal
from lager.contract import BREAKPOINTS, INSTRUMENTS, INSTRUMENTS_PATH
from lager.errors import LagerError
from lager.process.end_signals import until_told
from lager_cli.display import output
from lager_cli.follower import Following, PauseEvent
from lager_cli.linux import home
from lager_cli.notify import record
from lager_cli.notify.config import ConfigError, NotifyConfig, Target
from lager_cli.notify.ledger import Ledger
from lager_cli.notify.notices import Notice, Words
from lager_cli.notify.outbox import Outbox
from lager_cli.notify.rules import Rules
from lager_cli.notify.send_process import UNKNOWN
from lager_cli.notify.sender import Sender

if TYPE_CHECKING:
    import sdnotify

_LAST_SECONDS = 3.0  # for what is being sent when we are stopped


async def test(config: NotifyConfig) -> list[tuple[Target, str]]:
    """Send one message to each target, all at once. Return the targets, each with "" or why it failed."""
    notice = Words(config.box).test()

    async def one(target: Target) -> str:
        async with contextlib.aclosing(Sender()) as sender:
            return await sender.send(target, notice.title, notice.body, config.limits.timeout)

    outcomes = await asyncio.gather(*map(one, config.targets))
    return list(zip(config.targets, outcomes, strict=True))


class Notifier:
    """Sends messages about the events on the bus of this process. Call `run` once."""

    def __init__(self, config: NotifyConfig) -> None:
        self._config = config
        self._tasks: set[asyncio.Task[None]] = set()
        self._systemd = _systemd()

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT. Raises LagerError if it cannot start, or if the bus is lost for good."""
        stop = until_told()
        with contextlib.closing(Ledger(_state_folder())) as self._ledger:
            self._rules = Rules(self._config, asyncio.get_running_loop(), self._tell)
            self._senders = {target: Sender() for target in self._config.targets}
            try:
                await self._check()
                self._outboxes = {target: self._outbox(target) for target in self._senders}
                following = Following(self._changed, only_listens=True, also=self._with_instruments)
                self._following = following
                runs = [following.run(), *(outbox.run() for outbox in self._outboxes.values())]
                work = [asyncio.create_task(run) for run in runs]
                try:
                    await asyncio.wait([stop, *work], return_when=asyncio.FIRST_COMPLETED)
                    await self._finish_sending()
                finally:
                    await _end(work)
                _raise_first(work)
            finally:
                self._rules.close()
                await _end(self._tasks)
                await asyncio.gather(*(sender.aclose() for sender in self._senders.values()))

    async def _check(self) -> None:
        """Raise ConfigError if apprise does not know a URL. One process checks all, and then sends to the first."""
        sender = next(iter(self._senders.values()))
        wrong = [f"{one.name} is {UNKNOWN}" for one in self._config.targets if not await sender.check(one)]
        if wrong:
            raise ConfigError(f"{'; '.join(wrong)}.", "Fix it, then try: lager notify test")

    def _outbox(self, target: Target) -> Outbox:
        async def deliver(notices: Sequence[Notice]) -> str:
            title, body = self._words.together(notices)
            return await self._senders[target].send(target, title, body, self._config.limits.timeout)

        def delivered(notices: Sequence[Notice]) -> None:
            self._ledger.add(target, notices)
            record.delivered(target, notices)

        def given_up(notices: Sequence[Notice], why: str) -> None:
            self._ledger.add(target, notices)
            record.given_up(target, notices, why)

        return Outbox(
            self._config.limits, deliver, self._rules.still_true, delivered, partial(record.failed, target), given_up
        )

    @property
    def _words(self) -> Words:
        return Words(self._config.box)

    def _tell(self, notice: Notice) -> None:
        for target, outbox in self._outboxes.items():
            if not self._ledger.has(target, notice):
                outbox.put(notice)

    def _changed(self, change: PauseEvent | None) -> None:
        if change is not None:
            self._rules.changed(change)
            return
        status = self._following.problem or f"sending to {', '.join(target.name for target in self._outboxes)}"
        output.note(status)
        self._systemd.notify(f"READY=1\nSTATUS={status}")

    async def _with_instruments(self, bus: Bus) -> None:
        def owned(owner: str) -> None:
            if owner:
                task = asyncio.create_task(self._list_quarantines(bus))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        if address.choose().embedded:  # its lagerd starts at the first call, and on a box it may have been stopped
            await bus.start_service(BREAKPOINTS)
        await bus.subscribe(INSTRUMENTS, {"Quarantined": self._quarantined})
        await bus.follow(INSTRUMENTS, owned)

    async def _list_quarantines(self, bus: Bus) -> None:
        with contextlib.suppress(LagerError):  # the bus or lagerd has gone again, and its next owner is asked
            for lease in (await bus.call(INSTRUMENTS, INSTRUMENTS_PATH, "List", start=False))[0]:
                if lease["quarantined"]:
                    self._rules.quarantined(lease)

    def _quarantined(self, signal: Signal) -> None:
        self._rules.quarantined(signal.args[1])

    async def _finish_sending(self) -> None:
        """Wait until messages that are being sent are delivered, so that the next notifier does not send them again."""
        ends = asyncio.get_running_loop().time() + _LAST_SECONDS
        while any(box.is_sending for box in self._outboxes.values()) and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(0.02)


def _state_folder() -> Path:
    """Return the folder of the ledger: StateDirectory= of systemd, else one of this user."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(given) if given else home.state() / "lager" / "notify"


def _systemd() -> "sdnotify.SystemdNotifier":
    import sdnotify

    return sdnotify.SystemdNotifier()


async def _end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _raise_first(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        if not task.cancelled() and (problem := task.exception()) is not None:
            raise problem
