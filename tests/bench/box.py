"""Rows about a whole box: its own system bus with the limits that it comes with, and lagerd as systemd runs it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.report.figures import Figures, Row, amount, times
from tests.bench.scale import Scale
from tests.box import container
from tests.station import Station

ROOT = Path(__file__).parents[2]

_CROWD = """
import os, sys, time
import lager, lager.breakpoints.pause
for name in range(int(sys.argv[1])):
    if os.fork() == 0:
        lager.pause(name, timeout=0)
        os._exit(0)
for _ in range(int(sys.argv[1])):
    os.wait()
"""
# Half of them are resumed one by one, the others all at one instant.
_MEASURE = """
import asyncio, json, sys, time
from lager.bus.facade import Bus
from processes import memory, switches
NAME, PATH = "com.lager.Breakpoints", "/com/lager/Breakpoints"

async def timed(work):
    began = time.monotonic()
    await work
    return time.monotonic() - began

async def measure(many, rounds, idle):
    bus = await Bus.connect("unix:path=/run/dbus/system_bus_socket")
    signals = asyncio.Queue()
    heard = lambda signal: signals.put_nowait((time.monotonic(), signal.args))
    await bus.subscribe(NAME, {"Paused": heard, "Resumed": heard})
    ask = lambda *call: bus.call(NAME, PATH, *call)
    await ask("List")
    lagerd = (await bus.credentials(await bus.owner(NAME)))["ProcessID"]
    before = memory(lagerd, "Anonymous")
    print("ready", flush=True)
    pauses = [(await signals.get())[1] for _ in range(many)]
    ids = [id for id, _ in pauses]
    found = {"memory": (memory(lagerd, "Anonymous") - before) / many}
    await asyncio.sleep(idle / 5)
    before = switches([lagerd])
    await asyncio.sleep(idle)
    found["idle"] = (switches([lagerd]) - before) / idle
    ping = lambda: bus.call(NAME, PATH, "Ping", interface="org.freedesktop.DBus.Peer")
    found["floor"] = [await timed(ping()) for _ in range(rounds)]
    found["list"] = [await timed(ask("List")) for _ in range(20)]
    found["continue"] = [await timed(ask("Continue", "s", id)) for id in ids[::2]]
    for _ in ids[::2]:
        await signals.get()
    instant = time.monotonic() + 1
    await ask("Extend", "sd", pauses[0][1]["run_id"], instant - time.monotonic())
    found["late"] = [(await signals.get())[0] - instant for _ in ids[1::2]]
    print(json.dumps(found), flush=True)

asyncio.run(measure(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
"""


def rows(_: Station, scale: Scale) -> Iterator[Row]:
    why = container.missing()
    if why:
        print(f"box: left out, for {why}.", file=sys.stderr)
        return
    with TemporaryDirectory(prefix="lager-bench-") as folder:
        wheel = container.build_wheel(ROOT, Path(folder))
        with container.booted(wheel) as box:
            container.install(box)
            box.run("gpasswd", "-M", "alice", "lager")
            box.run("systemctl", "start", "lagerd")
            yield from _rows(_measured(box, scale), scale.boxed)


def _measured(box: container.Box, scale: Scale) -> dict[str, Any]:
    box.write("/opt/bench/processes.py", (ROOT / "tests" / "bench" / "crowds" / "processes.py").read_text())
    measure = box.write("/opt/bench/measure.py", _MEASURE)
    crowd = box.write("/opt/bench/paused.py", _CROWD)
    with box.start("python", measure, scale.boxed, scale.rounds, scale.idle) as measuring:
        measuring.until("ready")
        with box.start("lager", "python", crowd, scale.boxed, user="alice"):
            found: dict[str, Any] = json.loads(measuring.until(r"\{.*\}")[0])
            return found


def _rows(found: dict[str, Any], many: int) -> Iterator[Row]:
    def row(name: str, ours: Figures, floor: Figures | None = None) -> Row:
        return Row(f"box, {many} processes: {name}", ours, floor)

    floor = times(found["floor"])
    yield row("memory of lagerd per pause", amount(found["memory"], "kB"))
    yield row("wake-ups of lagerd while idle", amount(found["idle"], "1/s"))
    yield row("Continue until its answer", times(found["continue"]), floor)
    yield row("List", times(found["list"]), floor)
    yield row("auto-resumes at one instant: late on the bus by", times(found["late"]))
