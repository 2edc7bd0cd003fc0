"""The phases of the stress run: the usual mix, with one fault during it. After each phase all faults are repaired, and
everything must be as before."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from tests.stress.actions import USUAL, Action, command, wait
from tests.stress.checks.ledger import Broken
from tests.stress.world import INSTRUMENTS, PATIENCE, World

Fault = Callable[[World], Awaitable[None]]
_STEPS = 100


async def nothing(_: World) -> None:
    pass


async def a_script_dies(world: World) -> None:
    if scripts := [script for script in world.scripts if script.alive]:
        await world.rng.choice(scripts).die()


async def clients_die(world: World) -> None:
    for _ in range(2):
        await command(world)
    await wait(world)
    await world.end_commands()
    for console in world.consoles[:3]:
        console.close()


async def clients_stop(world: World) -> None:
    """Those that are there, or wake again; some of them hold a console with much to read."""
    await command(world)
    await asyncio.sleep(world.rng.choice([0.0, 0.1, 0.4]))  # they stop while they begin, and while they run
    for one in world.commands:
        if world.rng.random() < 0.7:
            world.stop_or_wake(one)


async def lagerd_is_killed(world: World) -> None:
    await world.restart_lagerd(signal.SIGKILL)


async def lagerd_is_restarted(world: World) -> None:
    await world.restart_lagerd(signal.SIGTERM)


async def a_script_stops(world: World) -> None:
    if scripts := [script for script in world.scripts if script.alive]:
        script = world.rng.choice(scripts)
        script.send_signal(signal.SIGCONT if script.stopped else signal.SIGSTOP)


async def lagerd_stops(world: World) -> None:
    world.lagerd_signal(signal.SIGCONT if world.stopped else signal.SIGSTOP)


async def the_disk_fills(world: World) -> None:
    world.fill_disk(world.rng.random() < 0.6)


async def the_bus_dies(world: World) -> None:
    await world.restart_bus()


async def the_clock_steps(world: World) -> None:
    world.step_clock(world.rng.choice([-1e9, -86400.0, -1.0, 0.0, 1.0, 3600.0, 1e9]))


FAULTS: dict[str, tuple[Fault, ...]] = {
    "calm": (nothing,),
    "scripts die": (a_script_dies,),
    "clients die": (clients_die,),
    "clients stop": (clients_stop,),
    "lagerd is killed": (lagerd_is_killed,),
    "lagerd is restarted": (lagerd_is_restarted,),
    "scripts stop": (a_script_stops,),
    "lagerd stops": (lagerd_stops,),
    "the disk is full": (the_disk_fills,),
    "the bus dies": (the_bus_dies,),
    "the clock steps": (the_clock_steps,),
    "everything": (a_script_dies, clients_die, clients_stop, lagerd_is_killed, a_script_stops, lagerd_stops,
                   the_disk_fills, the_clock_steps),
}  # fmt: skip


async def run(world: World, name: str) -> None:
    """One phase, and its check. Raises Broken, or TimeoutError where something does not come."""
    world.ledger.begin_phase()
    world.log()
    world.journal.records.clear()
    faults = FAULTS[name]
    actions: list[Action] = list(USUAL)
    for step in range(_STEPS):
        await world.rng.choices(actions, list(USUAL.values()))[0](world)
        if step % 15 == 10:
            await world.rng.choice(faults)(world)
    await put_in_order(world)
    await check(world)


async def put_in_order(world: World) -> None:
    """End every fault, resume every pause, release every instrument, and restart all participants."""
    world.ledger.note("put in order")
    world.lagerd_signal(signal.SIGCONT)
    for script in world.scripts:
        if script.stopped:
            script.send_signal(signal.SIGCONT)
    world.fill_disk(False)
    world.step_clock(0.0)
    await world.quiet()
    await world.end_commands()
    for console in world.consoles:
        console.close()
    world.consoles.clear()
    async with asyncio.timeout(PATIENCE):
        while busy(world):
            await resume_and_release(world)
            if busy(world):
                await world.change()
    for script in [script for script in world.scripts if not script.alive]:
        await script.close()
        world.scripts.remove(script)
        await world.add_script()


def busy(world: World) -> bool:
    return any(script.paused or script.asking or script.holding() for script in world.scripts if script.alive)


async def resume_and_release(world: World) -> None:
    await world.call("ContinueAll")
    for script in world.awake():
        for ticket in script.holding():
            if ticket not in world.releasing:
                world.releasing.add(ticket)
                script.order("release", ticket=ticket)


async def check(world: World) -> None:
    """Check that nothing is paused or held, that signals, log and scripts agree, and that nothing remains."""
    if paused := await world.call("List"):
        raise Broken(f"lagerd has pauses that no script has: {paused}")
    await world.until(lambda: world.call("List", name=INSTRUMENTS), lambda held: not held, "instruments held")
    await world.until(world.files, lambda files: not files, "files of leases")
    await world.until(world.held_by_lagerd, lambda held: held <= world.baseline, "descriptors and threads of lagerd")
    if children := world.children_of_lagerd():
        raise Broken(f"lagerd has the children {children}.")
    for script in world.scripts:
        await world.until(script.count, script.settled, f"descriptors of {script.name}")
    await world.journal.all()
    await world.last_word()
    world.ledger.check(world.log(), await world.journal.all())
