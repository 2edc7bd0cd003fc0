"""The usual actions of people and scripts, chosen at random."""

import signal
from collections.abc import Awaitable, Callable

from tests.stress.world import INSTRUMENTS, World

Action = Callable[[World], Awaitable[None]]
_INSTRUMENTS = ("supply1", "supply2", "daq1")
_SOURCES = ("1 + 1\n", "label\n", "import time; time.sleep(0.05)\n", "1 / 0\n", "print('x' * 100000)\n", "locals()\n")


async def pause(world: World) -> None:
    if scripts := world.awake():
        rng = world.rng
        world.rng.choice(scripts).order(
            "pause", label=world.name("pause"), timeout=rng.choice([0, 0.02, 0.2, 1.0, 300.0]),
            interactive=rng.random() < 0.5, here=rng.random() < 0.1,
        )  # fmt: skip


async def continue_(world: World) -> None:
    if id := _paused(world):
        world.go(f"Continue {id}", world.call("Continue", "s", id))


async def continue_all(world: World) -> None:
    world.go("ContinueAll", world.call("ContinueAll"))


async def extend(world: World) -> None:
    if id := _paused(world):
        world.go(f"Extend {id}", world.call("Extend", "sd", id, world.rng.choice([0.0, 0.1, 1.0])))


async def look(world: World) -> None:
    world.go("List", world.call("List"))
    world.go("List of instruments", world.call("List", name=INSTRUMENTS))


async def attach(world: World) -> None:
    if id := _paused(world):
        world.go(f"OpenConsole {id}", world.open_console(id))


async def evaluate(world: World) -> None:
    if consoles := [one for one in world.consoles if not one.closed]:
        world.go("an evaluation", world.rng.choice(consoles).evaluate(world.rng.choice(_SOURCES)))


async def leave(world: World) -> None:
    if consoles := [one for one in world.consoles if not one.closed]:
        world.rng.choice(consoles).close()


async def claim(world: World) -> None:
    if scripts := world.awake():
        world.rng.choice(scripts).order(
            "take", ticket=world.name("ticket"), instrument=world.rng.choice(_INSTRUMENTS),
            wait=world.rng.choice([0.0, 0.0, 0.1, 2.0, 30.0]),
        )  # fmt: skip


async def release(world: World) -> None:
    held = [(script, ticket) for script in world.awake() for ticket in script.holding()]
    if held:
        script, ticket = world.rng.choice(held)
        if ticket not in world.releasing:
            world.releasing.add(ticket)
            script.order("release", ticket=ticket)


async def ctrl_c(world: World) -> None:
    if scripts := world.awake():
        world.rng.choice(scripts).send_signal(signal.SIGINT)


async def command(world: World) -> None:
    if id := _paused(world):
        words = world.rng.choice([["python", "--continue", id], ["python", "--console", id], ["breakpoints"]])
        await world.command(*words)


async def wait(world: World) -> None:
    """Wait until an event comes, or none for a moment."""
    await world.change(world.rng.choice([0.01, 0.03, 0.1]))


def _paused(world: World) -> str | None:
    paused = world.ledger.still_paused()
    return world.rng.choice(paused) if paused else None


USUAL: dict[Action, int] = {
    pause: 8, continue_: 4, continue_all: 1, extend: 2, look: 1, attach: 3, evaluate: 4, leave: 2, claim: 6,
    release: 4, ctrl_c: 1, wait: 12,
}  # fmt: skip
