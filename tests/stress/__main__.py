"""`make stress`: people, scripts and faults at random, and after each phase a look whether all is as it should be.

Ends with 1 where something is not, and prints the seed, the phase and what happened last.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.stress import phases
from tests.stress.world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="the same again")
    parser.add_argument("--seconds", type=float, default=180, help="begin no phase after so many; 0: each phase once")
    parser.add_argument("--phases", type=int, help="this many phases, however long they take")
    parser.add_argument("--only", choices=list(phases.FAULTS), help="this phase alone")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return asyncio.run(stress(arguments.seed, arguments.seconds, arguments.only, arguments.phases))
    except KeyboardInterrupt:
        return 130


async def stress(seed: int, seconds: float, only: str | None, how_many: int | None = None) -> int:
    """Each phase once, in the order of the list; then, while there is time or up to `how_many` phases, at random."""
    rng = random.Random(seed)
    print(f"seed {seed}", flush=True)
    names = [only] if only else list(phases.FAULTS)
    count = how_many or (None if seconds else len(names))
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="lager-stress-", dir="/tmp") as folder:
        world = World(Path(folder), rng)
        try:
            await world.open()
            number = 0
            while number < count if count is not None else time.monotonic() < end:
                name = names[number] if number < len(names) else rng.choice(names)
                number += 1
                if not await phase(world, number, name, seed):
                    return 1
        finally:
            await world.close()
    print(f"{number} phases, {dict(world.ledger.totals)}: nothing broken")
    return 0


async def phase(world: World, number: int, name: str, seed: int) -> bool:
    began = time.monotonic()
    try:
        await phases.run(world, name)
    except Exception as error:
        print(*world.ledger.events, sep="\n")
        print(f"\nseed {seed}, phase {number} ({name}): {type(error).__name__}: {error}", flush=True)
        return False
    print(f"phase {number:4} {name:20} {time.monotonic() - began:5.1f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
