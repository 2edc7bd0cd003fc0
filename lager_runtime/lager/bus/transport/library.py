"""Import the parts of the D-Bus library that `wire` needs, without its package.

The package of dbus-fast, as that of dbus-next, imports asyncio, XML, proxies and services, which takes longer than what
most commands do. For processes of our own; the process of a script has `world`, which does the same.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import Any

_NAMES = ("dbus_fast", "dbus_next")


def only_parts() -> None:
    """Let the package itself run only if a name of it is used. Does nothing if a module has imported it before."""
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
