"""`make mutants`: changes one thing in a module of the product and asks whether its unit tests notice.

Each change runs in a process of its own, in which the module is imported changed, as in the processes that the tests
start from there; no file is touched. Prints the
changes that no test noticed, and the share that was noticed; ends with 1 where that is below 90 % in a module.
What cannot be noticed, or harms nobody, is in harmless.txt, each with its reason.
"""

import argparse
import importlib
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from tests.mutants.changed import change
from tests.mutants.modules import TESTS
from tests.mutants.mutations import Mutation, mutations

ROOT = Path(__file__).parents[2]
_ENOUGH = 0.9
_HARMLESS = Path(__file__).with_name("harmless.txt")
# What every test imports anyway, and takes the longest; nothing of the product.
_BEFORE = (
    "_pytest.config",
    "pytest_timeout",
    "hypothesis",
    "pyvisa",
    "pyvisa_py",
    "pymodbus.client",
    "serial",
    "tomlkit",
)


def harmless(module: str) -> list[str]:
    """The mutations of a module that are not tried: `file: mutation` lines, comments and reasons left out."""
    lines = (line.split("  #")[0].strip() for line in _HARMLESS.read_text().splitlines())
    prefix = f"{module}: "
    return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="files of the product; their ends suffice (default: all)")
    parser.add_argument("--sample", type=int, default=60, help="so many of each module, 0 for all (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (default: 1)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default: 2)")
    arguments = parser.parse_args()
    chosen = [module for module in TESTS if not arguments.modules or module.endswith(tuple(arguments.modules))]
    if not chosen:
        parser.error("no such module; there are: " + ", ".join(TESTS))
    os.chdir(ROOT)
    os.nice(10)
    for name in _BEFORE:
        importlib.import_module(name)
    return max([_try_module(module, arguments.sample, arguments.seed, arguments.jobs) for module in chosen])


def _try_module(module: str, sample: int, seed: int, jobs: int) -> int:
    every = mutations((ROOT / module).read_text())
    skipped = harmless(module)
    tried = [mutation for mutation in every if str(mutation) not in skipped]
    if 0 < sample < len(tried):
        tried = sorted(random.Random(seed).sample(tried, sample), key=lambda mutation: mutation.line)
    tests, longest = _fastest_first(module)
    survivors = [
        mutation for mutation, noticed in _run_all(module, tried, tests, 10 + 10 * longest, jobs) if not noticed
    ]
    for mutation in sorted(survivors, key=lambda mutation: mutation.line):
        print(f"{module}:{mutation.line} {mutation}")
    share = 1 - len(survivors) / len(tried) if tried else 1.0
    print(f"{module}: {len(tried) - len(survivors)} of {len(tried)} noticed ({share:.0%})", flush=True)
    return int(share < _ENOUGH)


def _fastest_first(module: str) -> tuple[list[str], float]:
    """The tests of the module by the time they take, and the seconds of all; they pass while nothing is changed."""
    times = {}
    for file in TESTS[module]:
        begun = time.monotonic()
        if _end_of(_start(module, None, [file])):
            sys.exit(f"{file} fails without any change.")
        times[file] = time.monotonic() - begun
    return sorted(times, key=times.__getitem__), sum(times.values())


def _run_all(
    module: str, tried: list[Mutation], tests: list[str], limit: float, jobs: int
) -> Iterator[tuple[Mutation, bool]]:
    """Each mutation, and whether it was noticed. What does not end within `limit` seconds was noticed, too."""
    waiting, running = list(reversed(tried)), dict[int, tuple[Mutation, float]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutation = waiting.pop()
            running[_start(module, mutation, tests)] = (mutation, time.monotonic() + limit)
        for pid, (mutation, end) in list(running.items()):
            if time.monotonic() > end:
                os.killpg(pid, signal.SIGKILL)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del running[pid]
                yield mutation, status != 0
        time.sleep(0.01)


def _end_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _start(module: str, mutation: Mutation | None, tests: list[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        if mutation:  # else a failure is one to be seen
            nowhere = os.open(os.devnull, os.O_RDWR)
            for fd in range(3):
                os.dup2(nowhere, fd)
            change(module, mutation)
        import pytest

        options = [
            "-q",
            "-x",
            "--no-header",
            "--assert=plain",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "-p",
            "no:randomly",
        ]
        code = pytest.main([*options, "-m", "not slow", *tests])
        os._exit(int(code))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(99)


if __name__ == "__main__":
    sys.exit(main())
