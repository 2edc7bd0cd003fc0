"""`lager python --detach`: a run that outlives its terminal.

It is a unit of the user's systemd manager if there is one, otherwise a session of its own.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from lager import variables
from lager.errors import RunError
from lager.process.system import user_name
from lager.wording.commands import box_option
from lager.wording.text import printable
from lager_cli import daemon
from lager_cli.detached.job import Job
from lager_cli.detached.supervisor import READY
from lager_cli.display import output
from lager_cli.runs import records
from lager_cli.runs.run import Run, next_id, uploaded

_STOP_SECONDS = 20.0  # longer than the ladder of the supervisor takes
_LINGERING = Path("/var/lib/systemd/linger")


def detach(run: Run) -> int:
    """Start the run, and print how to reach it. Returns when the script runs. Raises RunError if it does not start."""
    command = run.command()
    address = "" if run.simulate else daemon.ready_address()
    id = next_id()
    with run.reserved(id):  # until the supervisor has taken that over
        return _detach(run, id, command, address)


def _detach(run: Run, id: str, command: list[str], address: str) -> int:
    ends = run.ends()
    record = run.record(id)
    record.detached = True
    there, stays = _manager(), _lingers()
    # The ssh session of --box may be the user's only one, and the manager ends with it.
    manager = there if stays or not os.environ.get(variables.BOX) else None
    record.unit = f"lager-run-{id}.service" if manager else ""
    environment = {variables.DETACHED: "1", **run.whole_environment(id, address, ends, terminal="")}
    job = Job(record, command, environment, _umask(), ends, uploaded(), list(run.nets), run.simulate)
    path = job.hand_over()
    try:
        if manager:
            _start_unit(job, path, manager, run.timeout)
        else:
            _start_session(path)
    finally:
        path.unlink(missing_ok=True)
    bench = records.find(id).bench if run.simulate else ""
    _say(id, f"{variables.BENCH}={bench} " if bench else "")
    if manager and not stays:
        output.note("the run ends with your last session on this machine; to keep it running: loginctl enable-linger")
    elif there and not stays:
        output.note(
            "the run is not a systemd unit, which would end with this connection; for one: loginctl enable-linger"
        )
    return 0


def _manager() -> Path | None:
    """Return the runtime folder of the user's systemd manager; None if none is running."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    there = shutil.which("systemd-run") and (runtime / "systemd" / "private").is_socket()
    return runtime if there else None


def _supervisor(path: Path) -> list[str]:
    return ["-P", "-m", "lager_cli.detached.supervisor", quote(os.fsencode(path))]


def _start_unit(job: Job, path: Path, runtime: Path, timeout: float) -> None:
    what = printable(shlex.join([job.record.runnable, *job.record.arguments]), 200)
    properties = ["KillMode=mixed", f"TimeoutStopSec={_STOP_SECONDS:g}", "LogRateLimitIntervalSec=0"]
    if timeout:
        properties.append(f"RuntimeMaxSec={timeout!r}")
    command = [
        "systemd-run", "--user", "--quiet", "--collect", f"--unit={job.record.unit}", "--service-type=notify",
        f"--description=lager python {what}", *(f"--property={one}" for one in properties),
        "--", sys.executable.replace("$", "$$"), *_supervisor(path),
    ]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        said = printable(done.stderr.strip().replace("\n", " "), 300)
        raise RunError(f"The run did not start: {said}", f"See: journalctl --user --unit {job.record.unit}")


def _start_session(path: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, *_supervisor(path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True, bufsize=0,
        env=daemon.environment_of_no_run(),
    )  # fmt: skip
    assert supervisor.stdout is not None
    with supervisor.stdout as answer:
        ready = answer.read(len(READY))
    if ready != READY:
        supervisor.wait()
        raise RunError("The run did not start; the reason is above.", "Fix this and try again.")
    supervisor.returncode = 0  # it outlives this process, so do not wait for it


def _say(id: str, bench: str) -> None:
    box, short = box_option(), id[:8]
    output.say(id)
    output.advise(f"  output    lager python --reattach {short}{box}")
    output.advise(f"  resume    {bench}lager python --continue {id}{box}    (when it is paused)")
    output.advise(f"  end       lager python --kill {short}{box}")


def _lingers() -> bool:
    """Return whether the manager keeps running when its user has logged out."""
    return (_LINGERING / user_name()).exists()


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
