"""Words the refusal of a claim: who holds the instrument, where its script is paused, and what to do."""

import time
from dataclasses import replace

from lager.errors import InstrumentBusy
from lager.wording.text import time_left
from lagerd.breakpoints.table.pauses import Pause, Pauses
from lagerd.instruments.leases.claim_details import Claimant
from lagerd.instruments.leases.lease import Lease


def refusal(
    asked: Lease, by: Claimant, holder: Lease, pauses: Pauses, lent: tuple[str, str] = ("", "")
) -> InstrumentBusy:
    """Return the refusal of the claim `asked`, with the best advice for the claimant.

    The advice is, in this order: the end of the loan if the instrument is lent, its own net if the claimant holds the
    instrument itself, --through or the console of the paused holder, resuming that holder, or waiting. `lent` says that
    the instrument is lent, and how the claimant can end that.
    """
    if holder.making_safe:
        return busy(asked, holder, "", _wait_hint(by))
    if holder.reserved:
        same = holder.is_for(replace(asked, look=False))
        return busy(asked, holder, ", reserved", "Open it in the script of that run." if same else _wait_hint(by))
    loan, way_out = lent
    if loan:
        return busy(asked, holder, loan, f"{_wait_hint(by)} {way_out}".rstrip())
    if holder.owner == asked.owner:
        return busy(asked, holder, ", in this script", f"{_use_net(holder)}, or close() it first.")
    if holder.pid in by.ancestors:
        where = ", the script that started this one" if by.script else ", the script that started this command"
        return busy(asked, holder, where, f"{_use_net(holder)} in that script, or close() it there first.")
    paused = pauses.of(holder.owner)
    if not paused:
        return busy(asked, holder, "", _wait_hint(by))
    pause = next((one for one in paused if one.interactive), paused[0])
    left = pauses.remaining(pause)
    where = f", paused at {pause.file}:{pause.line}" + (f" ({pause.label})" if pause.label else "")
    until = f", for another {time_left(left)}" if left else ", until it is resumed"
    return busy(asked, holder, where + until, _advice(by, pause))


def _advice(by: Claimant, pause: Pause) -> str:
    """Return the advice for an instrument whose holder is paused."""
    there = f"lager python --console {pause.id}" if pause.interactive else f"lager python --continue {pause.id}"
    if by.through:
        otherwise = "use its console" if pause.interactive else "resume it"
        return f"Do it inside that script with --through, or {otherwise}: {there}"
    verb = "Read it there with" if pause.interactive else "Resume it with"
    return f"{_wait_hint(by)} {verb}: {there}" if by.script else f"{verb}: {there}"


def _use_net(holder: Lease) -> str:
    return f"Use the net {holder.net}" if holder.net else "Use the net that is open"


def _wait_hint(by: Claimant) -> str:
    """Return how this claimant can wait."""
    return "Wait for it with wait=SECONDS in Net.get." if by.script else "Wait for it with: --wait SECONDS"


def busy(asked: Lease, holder: Lease, paused: str, way_out: str) -> InstrumentBusy:
    """Return the refusal: who holds the instrument, where its script is paused, and what to do."""
    since = time.strftime("%H:%M:%S", time.localtime(holder.since))
    if holder.making_safe and not holder.safe:
        return InstrumentBusy(f"{asked.name} is being switched off by {holder.user} since {since}.", way_out)
    if holder.making_safe:
        whose = f"{holder.script or f'process {holder.pid}'} of {holder.user} ended with it open"
        return InstrumentBusy(f"{holder.name} is being made safe since {since}, because {whose}.", way_out)
    what = holder.script or f"process {holder.pid}"
    net = f" (net {holder.net})" if holder.net else ""
    alias = f"{asked.name} is the same port as {holder.name}. " if asked.instrument != holder.instrument else ""
    return InstrumentBusy(f"{alias}{holder.name} is held by {holder.user}: {what}{net} since {since}{paused}.", way_out)
