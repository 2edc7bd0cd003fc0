"""Import the parts of the D-Bus library that `wire` needs, without its package.

The packages dbus-fast and dbus-next import asyncio, XML, proxies and services, which takes longer than the work of most
commands. This is for lager's own processes; in the process of a script, `world` does the same.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import Any

_NAMES = ("dbus_fast", "dbus_next")


def only_parts() -> None:
    """Run the code of the package only when one of its names is used. Does nothing if it is already imported."""
    for name in _NAMES:
        if name not in sys.modules:
            _postpone(name)


def _postpone(name: str) -> None:
    spec = PathFinder.find_spec(name)
    if spec is None or spec.loader is None:
        return
    module, loader = module_from_spec(spec), spec.loader

    def run(wanted: str) -> Any:
        del module.__dict__["__getattr__"]
        loader.exec_module(module)
        return getattr(module, wanted)

    module.__dict__["__getattr__"] = run
    sys.modules[name] = module
