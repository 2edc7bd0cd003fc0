"""`lager hold`: claims nets for a run that another machine will start here. Not for interactive use."""

import json
import sys
import threading
from typing import Any

import click

from lager.errors import InstrumentBusy, LagerError
from lager_cli import daemon
from lager_cli.display import output
from lager_cli.runs.reservation import Reservation


@click.command(hidden=True)
@click.option("--run", "run_id", required=True)
@click.option("--script", required=True)
@click.argument("nets", nargs=-1, required=True)
def hold(run_id: str, script: str, nets: tuple[str, ...]) -> int:
    """Claim the nets after each line {"wait": SECONDS} on standard input; print a line with the result.

    The claims are released at the end of standard input.
    """
    held: list[Reservation] = []
    for line in sys.stdin:
        wait = float(json.loads(line)["wait"])
        # In a thread, since the other end may hang up while this waits in the queue.
        threading.Thread(target=_claim, args=(run_id, script, nets, wait, held), daemon=True).start()
    for reservation in held:
        reservation.release()
    return 0


def _claim(run_id: str, script: str, nets: tuple[str, ...], wait: float, held: list[Reservation]) -> None:
    said: dict[str, Any] = {"claimed": True}
    try:
        daemon.ready_address()
        reservation = Reservation(nets, run_id, script)
        held.append(reservation)
        reservation.claim(wait)
    except LagerError as problem:
        said = {"claimed": False, "why": str(problem), "busy": problem.exit_code == InstrumentBusy.exit_code}
    output.say_now(json.dumps(said))
