"""`make fuzz`: every property with examples at random, seed after seed, until the time is up.

Ends with 1 where an example fails, and prints the seed that finds it again.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="the first seed")
    parser.add_argument("--seconds", type=float, default=600, help="begin no seed after this time (default: 600)")
    parser.add_argument("--seeds", type=int, help="search this many seeds, however long it takes")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    seed = arguments.seed
    while True:
        print(f"seed {seed}", flush=True)
        code = _search(seed)
        if code:
            print(f"To repeat it: make fuzz SECONDS=0 SEED={seed}", flush=True)
            return code
        seed += 1
        if seed - arguments.seed >= arguments.seeds if arguments.seeds else time.monotonic() >= end:
            return 0


def _search(seed: int) -> int:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "-m",
        "hypothesis",
        f"--hypothesis-seed={seed}",
        "tests",
    ]
    ran = subprocess.run(command, cwd=ROOT, env={**os.environ, "LAGER_FUZZ": "1"}, check=False)
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
