"""The costs of a box behind ssh: this machine, through a real ssh and sshd, so that the network costs nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from tests.bench.report.figures import Row, times
from tests.bench.rows import timed
from tests.bench.scale import Scale
from tests.bench.scripts import PAUSING, client, running
from tests.loopback import Loopback, missing
from tests.processes import LAGER
from tests.station import Station

_MEGABYTES = 200
_FLOOD = f"import os\nblock = os.urandom(1 << 20)\nfor _ in range({_MEGABYTES}):\n    os.write(1, block)\n"


def rows(station: Station, scale: Scale) -> Iterator[Row]:
    if why := missing():
        print(f"remote: left out: {why}.", file=sys.stderr)
        return
    folder = station.folder / "loopback"
    folder.mkdir()
    near = Loopback(folder, {name: value for name, value in station.env.items() if name.startswith(("LAGER", "XDG"))})
    environment = {**station.env, **near.env}
    ssh = [*near.env["LAGER_SSH"].split(), "near"]

    def run(*command: str) -> None:
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            while os.read(process.stdout.fileno(), 1 << 20):
                pass
        assert process.returncode == 0

    rounds = max(scale.processes, 1)
    plain = times([timed(lambda: run(*ssh, "true")) for _ in range(rounds)])
    with client(station) as one, running(station, PAUSING, str(rounds)):
        resuming = [_resume(one.paused()["id"], run) for _ in range(rounds)]
    yield Row("box: lager python --continue --box", times(resuming), plain)
    script = station.folder / "flood.py"
    script.write_text(_FLOOD)
    floods = max(rounds // 10, 1)
    plain = times([timed(lambda: run(*ssh, f"python3 {script}")) for _ in range(floods)])
    ours = times([timed(lambda: run(LAGER, "python", str(script), "--box", "near")) for _ in range(floods)])
    aim = f"at most {1e3 * _MEGABYTES / 50:.0f}: 50 MB/s"
    yield Row(f"box: {_MEGABYTES} MB of output through --box", ours, plain, aim=aim)


def _resume(id: str, run: Callable[..., None]) -> float:
    began = time.perf_counter()
    run(LAGER, "python", "--continue", id, "--box", "near")
    return time.perf_counter() - began
