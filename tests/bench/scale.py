"""How much is measured: everything, a quick sample, or almost nothing, so that a test can run every row."""

from dataclasses import dataclass

from tests.hostile.flood import KINDS


@dataclass(frozen=True)
class Scale:
    """`crowds` are processes and threads of each; times in seconds, `ahead` from the last preparation to an instant."""

    rounds: int = 200
    processes: int = 20
    crowds: tuple[tuple[int, int], ...] = ((1, 1), (1, 10), (4, 25), (20, 50))
    idle: float = 5.0
    ahead: float = 1.0
    consoles: int = 50
    claims_a_second: int = 100
    claiming: float = 60.0
    boxed: int = 200
    listed: int = 1000
    floods: tuple[str, ...] = tuple(KINDS)


FULL = Scale()
QUICK = Scale(rounds=50, processes=5, crowds=((1, 1), (2, 5), (4, 25)), idle=1.0, consoles=10, claiming=3.0, boxed=20,
              listed=100)  # fmt: skip
TINY = Scale(rounds=2, processes=1, crowds=((2, 2),), idle=0.1, ahead=0.2, consoles=2, claiming=0.1, boxed=2, listed=2,
             floods=("list",))  # fmt: skip
