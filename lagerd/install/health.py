"""The checks of `lagerd check`: whether this machine is a healthy box, and how to fix what is wrong.

They change and start nothing: if lagerd is not running, that is reported.
"""

import asyncio
import contextlib
import grp
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lager import build
from lager.bus.address import given_or_system
from lager.bus.facade import Bus
from lager.contract import BREAKPOINTS, BREAKPOINTS_PATH, GROUP, INSTRUMENTS, INSTRUMENTS_PATH
from lager.errors import AccessDenied, BusError, LagerError
from lager.nets import file as nets_file
from lager.nets.benches import NamedBench
from lager.nets.model import Nets
from lager.process.system import user_name
from lager.wording import text_files
from lagerd import config
from lagerd.config import Config
from lagerd.install import install, journal_upload

_COMMAND_SECONDS = 10.0
_PROPERTIES = "org.freedesktop.DBus.Properties"
_CONSOLE_ACTION = "com.lager.breakpoints.console"
_JOURNAL = Path("/var/log/journal")


@dataclass(frozen=True)
class Finding:
    """One line of the check. `found` is a sentence; `advice` says how to fix a problem."""

    what: str
    found: str
    advice: str = ""
    wrong: bool = False

    def __str__(self) -> str:
        return (
            f"{'FAIL' if self.wrong else 'OK':<5} {self.what:<10} {' '.join(filter(None, (self.found, self.advice)))}"
        )


def findings() -> Iterator[Finding]:
    """Yield the findings, part by part. Blocks for at most a few seconds for each part that does not answer."""
    for look in (_files, _unit, _bus, _polkit, _journal, _members, _configuration, _nets):
        yield from look()


def _files() -> Iterator[Finding]:
    """Check that the installed files are those of this version."""
    try:
        steps = list(install.install(dry_run=True))
    except LagerError as error:
        yield Finding("files", str(error), wrong=True)
        return
    if stale := [step.what for step in steps if step.did in ("would create", "would update")]:
        yield Finding(
            "files", f"Not as installed by this version: {', '.join(stale)}.", "Type: sudo lagerd install", True
        )
    else:
        yield Finding("files", "The installed files are those of this version.")


def _unit() -> Iterator[Finding]:
    for unit in ("lagerd.service", "lager-safe.socket", "lager-start.socket"):
        shown = _output("systemctl", "show", "--property=ActiveState,UnitFileState", unit)
        if shown is None:
            yield Finding("unit", "systemd does not answer.", "See: systemctl status", wrong=True)
            return
        found = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        running = found.get("ActiveState", "")
        if running != "active":
            advice = f"Type: sudo systemctl start {unit}; see: systemctl status {unit}"
            yield Finding("unit", f"{unit} is {running or 'unknown'}.", advice, wrong=True)
        elif unit == "lagerd.service" and found.get("UnitFileState") != "enabled":
            yield Finding("unit", f"{unit} is not started at boot.", f"Type: sudo systemctl enable {unit}", wrong=True)
        else:
            yield Finding("unit", f"{unit} is {running}.")


def _bus() -> list[Finding]:
    return asyncio.run(_on_the_bus())


async def _on_the_bus() -> list[Finding]:
    try:
        bus = await Bus.connect(given_or_system())
    except BusError as error:
        return [Finding("bus", str(error), "See: systemctl status dbus", wrong=True)]
    try:
        names = ((BREAKPOINTS, BREAKPOINTS_PATH), (INSTRUMENTS, INSTRUMENTS_PATH))
        found = [await _answers(bus, name, path) for name, path in names]
        if not any(one.wrong for one in found):
            found.append(await _version(bus))
        return found
    finally:
        bus.close()


async def _answers(bus: Bus, name: str, path: str) -> Finding:
    try:
        if not await bus.owner(name):
            return Finding("bus", f"{name} has no owner.", "Type: sudo systemctl restart lagerd", wrong=True)
        await bus.call(name, path, "List", start=False, timeout=_COMMAND_SECONDS)
    except AccessDenied:
        advice = f"Type: sudo adduser {user_name(os.getuid())} {GROUP}, then log in again"
        return Finding("bus", f"You are not a member of the group {GROUP}.", advice, wrong=True)
    except LagerError as error:
        return Finding("bus", str(error), wrong=True)
    return Finding("bus", f"{name} answers.")


async def _version(bus: Bus) -> Finding:
    """Check that the running lagerd is the installed one."""
    words = ("Get", "ss", BREAKPOINTS, "Version")
    try:
        (running,) = await bus.call(
            BREAKPOINTS, BREAKPOINTS_PATH, *words, interface=_PROPERTIES, start=False, timeout=_COMMAND_SECONDS
        )
    except LagerError as error:
        return Finding("version", str(error), wrong=True)
    ours = build.version()
    if running != ours:
        advice = "Type: sudo systemctl restart lagerd"
        return Finding("version", f"lagerd {running} runs, and {ours} is installed.", advice, wrong=True)
    return Finding("version", f"lagerd {running} runs and is installed.")


def _polkit() -> Iterator[Finding]:
    if _output("pkaction", "--action-id", _CONSOLE_ACTION) is None:
        cure = "systemctl restart polkit" if shutil.which("pkaction") else "apt-get install polkitd"
        advice = f"Type: sudo {cure}; until then only its user and root may open a console"
        yield Finding("polkit", f"polkit does not know {_CONSOLE_ACTION}.", advice, wrong=True)
    else:
        yield Finding("polkit", "polkit knows the actions of lager.")


def _journal() -> Iterator[Finding]:
    state = _output("systemctl", "show", "--property=ActiveState", "--value", "systemd-journald.service")
    if state is not None and state.strip() != "active":
        advice = "Type: sudo systemctl start systemd-journald"
        yield Finding("journal", f"systemd-journald is {state.strip()}, and the audit is lost.", advice, wrong=True)
    elif not _JOURNAL.is_dir():
        advice = f"Type: sudo mkdir {_JOURNAL} && sudo systemctl restart systemd-journald"
        yield Finding("journal", "The journal is lost at each boot, and the audit with it.", advice, wrong=True)
    elif (usage := _output("journalctl", "--disk-usage")) is None:
        yield Finding("journal", "journalctl does not answer.", "See: systemctl status systemd-journald", wrong=True)
    else:
        yield Finding("journal", f"The journal is kept. {usage.strip().splitlines()[-1]}")
    if Path("/", journal_upload.CONFIG).exists():
        yield _upload()


def _upload() -> Finding:
    """Check that the journal is sent to the collector, if the installation enabled that."""
    shown = _output("systemctl", "show", "--property=ActiveState", "--value", journal_upload.UNIT)
    if shown is not None and shown.strip() == "active":
        return Finding("upload", f"{journal_upload.UNIT} is active.")
    advice = f"See: systemctl status {journal_upload.UNIT}"
    return Finding("upload", "The journal is not sent to the collector.", advice, wrong=True)


def _members() -> Iterator[Finding]:
    try:
        members = grp.getgrnam(GROUP).gr_mem
    except KeyError:
        yield Finding("group", f"There is no group {GROUP}.", "Type: sudo lagerd install", wrong=True)
        return
    if members:
        yield Finding("group", f"{', '.join(members)} may use the bench.")
    else:
        advice = f"Type: sudo adduser NAME {GROUP}"
        yield Finding("group", f"Only root may use the bench: the group {GROUP} is empty.", advice, wrong=True)


def _configuration() -> Iterator[Finding]:
    yield from _read("config", config.PATH, config.load)


def _nets() -> Iterator[Finding]:
    yield from _read("nets", nets_file.path(), nets_file.load)
    with contextlib.suppress(LagerError):
        for bench in nets_file.load().benches:
            if bench.group:
                yield _group_of(bench)


def _group_of(bench: NamedBench) -> Finding:
    try:
        members = grp.getgrnam(bench.group).gr_mem
    except KeyError:
        advice = f"Type: sudo addgroup {bench.group}"
        return Finding("bench", f"{bench.path} names the group {bench.group}, which does not exist.", advice, True)
    return Finding("bench", f"{', '.join(members) or 'Only root'} may use the bench {bench.name or bench.path}.")


def _read(what: str, path: str | Path, load: Callable[[], Config | Nets]) -> Iterator[Finding]:
    """Check that the file and its drop-ins can be used."""
    rejected: tuple[LagerError, ...]
    try:
        rejected = load().rejected
    except LagerError as error:
        rejected = (error,)
    for each in rejected:
        yield Finding(what, str(each), wrong=True)
    if not rejected:
        more = len(text_files.drop_ins(path))
        yield Finding(what, f"{path} is correct{f', and its drop-ins ({more})' if more else ''}.")


def _output(*command: str) -> str | None:
    """Return what a command prints; None if it fails, is missing, or does not end in time."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
