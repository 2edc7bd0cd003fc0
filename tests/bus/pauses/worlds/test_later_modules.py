"""Modules of the library that few pauses use run when they are used, and are then as if they had run at once."""

from typing import Any

USED = """
import lager, sys
has_run = lambda module: "__lager_module__" in vars(module)
lager.pause(timeout=0.001)
modules = sys._lager_start.world().modules
print(sorted(name for name in modules if "__lager_world__" in vars(modules[name]) and not has_run(modules[name])))
"""
LATER = ["asyncio.sslproto", "copy", "inspect", "json", "logging", "subprocess", "traceback"]
LOGGED = """
import lager, logging, sys
logging.disable()
world = sys._lager_start.world()
log = world.need("asyncio.log").logger
log.debug("not this")
log.info("nor this")
ours = world.modules["logging"]
print(log.isEnabledFor(10), log.isEnabledFor(40), "__lager_module__" in vars(ours))
log.error("but %s", "that")
print("__lager_module__" in vars(ours), ours.Logger is logging.Logger, ours.getLogger("asyncio").disabled)
"""
ALL = """
import importlib, lager, sys
lager.pause(timeout=0.001)
world = sys._lager_start.world()
for name in set(world.need.__globals__["_LATER"]) - {"asyncio.sslproto"}:  # which lacks what needs ssl
    ours, theirs = world.need(name), importlib.import_module(name)
    missing = {name for name in vars(theirs) if not hasattr(ours, name)} - {"__cached__"}
    print(name, sorted(missing), ours is theirs, hasattr(ours, "no_such_name"))
"""
BROKEN = """
import lager, sys
lager.pause(timeout=0.001)
world = sys._lager_start.world()
module = world.modules["json"]
loader, names = module.__spec__.loader, dict(vars(module))
def get_code(name): raise OSError(24, "Too many open files")
loader.get_code = get_code
try:
    module.dumps
except OSError as error:
    print(error.errno, vars(module) == names)
del loader.get_code
print(module.dumps([1]), "__lager_module__" in vars(module))
"""


def test_a_pause_runs_no_module_that_it_does_not_use(run: Any) -> None:
    process = run(USED)
    assert process.out.rest() == f"{LATER}\n"


def test_a_logger_prints_what_it_would_print_if_its_module_had_run(run: Any) -> None:
    process = run(LOGGED)
    assert process.out.rest() == "False True False\nTrue False False\n"
    assert "but that\n" in process.err.rest()
    assert "this" not in process.err.text


def test_each_module_has_all_of_its_names(run: Any) -> None:
    process = run(ALL)
    lines = process.out.rest().splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["[] False False"] * len(lines)
    assert len(lines) > 5


def test_a_module_that_cannot_run_now_runs_at_its_next_use(run: Any) -> None:
    process = run(BROKEN)
    assert process.out.rest() == "24 True\n[1] True\n"
