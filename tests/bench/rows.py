"""Rows about one pause, one console, one claim, one process. Each measure gives samples in seconds."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from lager.console.protocol import MessageDecoder, encode
from tests.bench.report.figures import Figures, Row, times
from tests.bench.scale import Scale
from tests.bench.scripts import ASKING, PAUSING, STANDING, client, running
from tests.client import NAME, PATH, Client
from tests.processes import LAGER, Process
from tests.station import Station

Measure = Callable[[Station, int], list[float]]
PROCESS_SHARE = 10
_AT_ONCE = 1e-6  # seconds

# What a run that nobody asks to pause may not be slower at than plain Python: the loop alone, and by the processor's
# time, which others on the machine do not take part in.
WORKING = """
import time
began = time.process_time()
n = 0
for i in range(3_000_000):
    n += i & 7
print(time.process_time() - began)
"""


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def raw_call(station: Station, rounds: int) -> list[float]:
    """The floor: org.freedesktop.DBus.Peer.Ping of lagerd, from the same kind of client."""
    with client(station) as one:

        async def ping() -> float:
            began = time.perf_counter()
            await one.bus.call(NAME, PATH, "Ping", interface="org.freedesktop.DBus.Peer")
            return time.perf_counter() - began

        return [one.do(ping()) for _ in range(rounds)]


def resume(station: Station, rounds: int) -> list[float]:
    """From the start of Continue to the next statement of the script."""
    with client(station) as one, running(station, PAUSING, str(rounds)) as process:
        return resumes(one, process, rounds)


def resumes(one: Client, process: Process, rounds: int) -> list[float]:
    """The same of a script that is running already."""
    return [took for took, *_ in _resumed(one, process, rounds)]


def resume_beside_raw_call(station: Station, scale: Scale) -> Iterator[Row]:
    """The same beside a raw call that the script makes, by turns, so that other load of the machine affects both."""
    with client(station) as one, running(station, ASKING, str(scale.rounds)) as process:
        took, raw = zip(*_resumed(one, process, scale.rounds), strict=True)
    floor = times(list(raw))
    yield Row("a raw call over the same bus, from a script", floor)
    yield Row("resume: Continue to the next statement", times(list(took)), floor, aim="2x the floor")


def _resumed(one: Client, process: Process, rounds: int) -> Iterator[list[float]]:
    """How long each resume took, and what else the script tells in the same line."""

    async def go_on(id: str) -> float:
        began = time.monotonic()
        await one.bus.call(NAME, PATH, "Continue", "s", id)
        return began

    for _ in range(rounds):
        began = one.do(go_on(one.paused()["id"]))
        moment, *more = map(float, process.out.expect("\n").split())
        process.err.more(_AT_ONCE)  # a pipe of unread banners becomes full
        yield [moment - began, *more]


def first_pause(station: Station, rounds: int) -> list[float]:
    """From the call of the first pause() of a process, with its imports, until the pause is listed."""
    samples = []
    with client(station) as one:
        for _ in range(max(rounds // PROCESS_SHARE, 1)):
            with running(station, PAUSING, "1"):
                samples.append(_until_listed(one))
    return samples


def later_pause(station: Station, rounds: int) -> list[float]:
    """The same for the pauses after it."""
    samples = []
    with client(station) as one, running(station, PAUSING, str(rounds + 1)):
        for _ in range(rounds + 1):
            samples.append(_until_listed(one))
    return samples[1:]


def _until_listed(one: Client) -> float:
    pause = one.paused()
    listed = time.monotonic()
    one.call("Continue", "s", pause["id"])
    return listed - float(pause["label"])


def prompt(station: Station, rounds: int) -> list[float]:
    """From OpenConsole to the greeting of the console."""
    with client(station) as one, running(station, STANDING):
        id = one.paused()["id"]
        return [timed(lambda: _console(one, id).close()) for _ in range(rounds)]


def evaluation(station: Station, rounds: int) -> list[float]:
    """A line in an open console, from sending it to its end."""
    with client(station) as one, running(station, STANDING), _console(one, one.paused()["id"]) as console:
        return [timed(lambda: _evaluate(console, "1 + 1")) for _ in range(rounds)]


def _console(one: Client, id: str) -> socket.socket:
    console = socket.socket(fileno=one.call("OpenConsole", "sa{sv}", id, {}))
    console.settimeout(20)
    assert "hello" in _frames(console, "hello")[-1]
    return console


def _evaluate(console: socket.socket, source: str) -> None:
    console.sendall(encode({"eval": source}))
    assert _frames(console, "done")[0] == {"out": "2\n"}


def _frames(console: socket.socket, last: str) -> list[dict[str, Any]]:
    decoder = MessageDecoder()
    frames: list[dict[str, Any]] = []
    while not frames or last not in frames[-1]:
        frames += decoder.feed(console.recv(1 << 16))
    return frames


def claim(station: Station, rounds: int) -> list[float]:
    """Claim and Release at lagerd."""
    name, path = "com.lager.Instruments", "/com/lager/Instruments"
    with client(station) as one:

        async def once() -> float:
            began = time.perf_counter()
            fd = (await one.bus.call(name, path, "Claim", "sa{sv}", "bench", {}))[0]
            await one.bus.call(name, path, "Release", "s", "bench")
            took = time.perf_counter() - began
            os.close(fd)
            return took

        return [one.do(once()) for _ in range(rounds)]


def plain_python(station: Station, rounds: int) -> list[float]:
    return _processes(station, rounds, lambda script: [sys.executable, script])


def lager_python(station: Station, rounds: int) -> list[float]:
    return _processes(station, rounds, lambda script: [LAGER, "python", script])


def loops(station: Station, scale: Scale) -> Iterator[Row]:
    """Measure plain Python and lager by turns, so that other load of the machine affects both."""
    script = station.folder / "loop.py"
    script.write_text(WORKING)
    plain, ours = [], []
    for _ in range(scale.processes):
        plain.append(_seconds(station, [sys.executable, str(script)]))
        ours.append(_seconds(station, [LAGER, "python", str(script)]))
    yield Row("loop: lager python", times(ours), times(plain))
    ratios = sorted(one / other for one, other in zip(ours, plain, strict=True))
    middle = ratios[len(ratios) // 2]
    yield Row("loop: lager python / plain python", Figures(middle, ratios[-1], len(ratios), ""), aim="1.00 ± 0.02")


def _seconds(station: Station, command: list[str]) -> float:
    return float(subprocess.run(command, env=station.env, check=True, capture_output=True, timeout=60).stdout)


def _processes(station: Station, rounds: int, command: Callable[[str], list[str]]) -> list[float]:
    script = station.folder / "nothing.py"
    script.touch()
    return [timed(lambda: _run(station, command(str(script)))) for _ in range(max(rounds // PROCESS_SHARE, 1))]


def continue_process(station: Station, rounds: int) -> list[float]:
    """`lager python --continue ID`, as a process."""
    rounds = max(rounds // PROCESS_SHARE, 1)
    with client(station) as one, running(station, PAUSING, str(rounds)):
        return [_continue(station, one.paused()["id"]) for _ in range(rounds)]


def _continue(station: Station, id: str) -> float:
    return timed(lambda: _run(station, [LAGER, "python", "--continue", id]))


def adc_process(station: Station, rounds: int) -> list[float]:
    """`lager adc adc4`, as a process, on the simulated bench."""
    folder = station.folder / "bench"
    folder.mkdir(mode=0o700)
    bench = Process(
        [sys.executable, "-m", "lagerd.bench", "--folder", str(folder), "--ready-fd", "1"], station.env, folder
    )
    try:
        bench.out.expect("ready\n")
        environment = {"LAGER_NETS": str(folder / "nets.toml")}
        command = [LAGER, "adc", "adc4"]
        rounds = max(rounds // PROCESS_SHARE, 1)
        return [timed(lambda: _run(station, command, **environment)) for _ in range(rounds)]
    finally:
        bench.close()


def _run(station: Station, command: list[str], **more: str) -> None:
    subprocess.run(
        command, env={**station.env, **more}, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        cwd=station.folder, timeout=60,
    )  # fmt: skip


_RAW = "a raw call over the same bus"
_PYTHON = "process: plain python"
# Of each: its measure, and which other of them is its floor.
CALLS: dict[str, tuple[Measure, str]] = {
    _RAW: (raw_call, ""),
    "first pause() until listed": (first_pause, ""),
    "later pause() until listed": (later_pause, _RAW),
    "console: prompt": (prompt, _RAW),
    "console: one evaluation": (evaluation, ""),
    "claim and release": (claim, _RAW),
}
PROCESSES: dict[str, tuple[Measure, str]] = {
    _PYTHON: (plain_python, ""),
    "process: lager python": (lager_python, _PYTHON),
    "process: lager python --continue": (continue_process, _PYTHON),
    "process: lager adc adc4": (adc_process, _PYTHON),
}


def calls(station: Station, scale: Scale) -> Iterator[Row]:
    yield from _rows(CALLS, station, scale.rounds)
    yield from resume_beside_raw_call(station, scale)


def processes(station: Station, scale: Scale) -> Iterator[Row]:
    yield from _rows(PROCESSES, station, scale.processes * PROCESS_SHARE)
    yield from loops(station, scale)


def _rows(measures: dict[str, tuple[Measure, str]], station: Station, rounds: int) -> Iterator[Row]:
    done = {}
    for name, (measure, floor) in measures.items():
        done[name] = times(measure(station, rounds))
        yield Row(name, done[name], done.get(floor))
