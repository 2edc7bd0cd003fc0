"""Drivers of one's own: modules of installed packages (entry points of the group lager.drivers), and the files of the
folder that a nets file names.

Such a module has a table DRIVER, which says what it serves:

    DRIVER = {
        "maker": "Acme",
        "models": ["P100", "P200"],          # as *IDN? says, without the maker
        "nets": {"supply": "Output"},        # for each net type a class of this module
        "channels": {"P200": 2},             # or one number for all; 1 without it
        "line_end": "\\r\\n",                 # and what else is special about talking to them: lager.nets.talk
        "watchdog": ["supply"],              # what its own watchdog switches off; the module then has set_watchdog
        "safe_order": ["eload", "supply"],   # which nets of it are made safe first
    }

Packages are searched only when a nets file has a model that lager does not know, so that other scripts are not slowed
down. A module that cannot be used is recorded with the reason, and affects nothing else. lager's own models cannot be
replaced.
"""

import os
import re
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from lager.nets import catalog, talk
from lager.nets.catalog import Family
from lager.nets.model import NetType
from lager.nets.resource import Reach
from lager.wording.text import printable
from lager.wording.values import shown

GROUP = "lager.drivers"
_KEYS = ("maker", "models", "nets", "channels", "watchdog", "safe_order", *talk.KEYS)
_MOST_CHANNELS = 64
_FILE = re.compile(r"(?!test_|conftest\b)[A-Za-z]\w*\.py")


@dataclass(frozen=True)
class Broken:
    """A driver that cannot be used: where it is, and why."""

    where: str
    reason: str


_found: list[Family] = []
_broken: dict[str, str] = {}
_read: set[str] = set()  # what has been loaded, or has failed: files, and the group of entry points


def families() -> list[Family]:
    """Return the families of all usable outside drivers: those of packages, and of the folders named in the nets files
    that were read so far."""
    _read_packages()
    return list(_found)


def broken() -> list[Broken]:
    """Return the drivers that cannot be used."""
    _read_packages()
    return [Broken(where, reason) for where, reason in _broken.items()]


def find(model: str) -> Family | None:
    """Return the family of a model that lager itself does not know, or None."""
    known = next((family for family in _found if family.serves(model)), None)
    if known is None and GROUP not in _read:
        _read_packages()
        known = next((family for family in _found if family.serves(model)), None)
    return known


def read_folder(folder: str) -> None:
    """Load the drivers in a folder: each file NAME.py except tests.

    Raises ValueError with the reason if the folder cannot be used.
    """
    try:
        names = sorted(name for name in os.listdir(folder) if _FILE.fullmatch(name))
    except OSError as error:
        raise ValueError(f"{folder!r} cannot be read: {error.strerror}") from None
    _refuse_foreign(folder)
    for name in names:
        path = os.path.join(folder, name)
        if path not in _read:
            _read.add(path)
            _load(path, lambda path=path: _module(path))


def _refuse_foreign(path: str) -> None:
    """Raise ValueError unless the file or folder is root's or the user's own, and no other user may write to it."""
    found = os.stat(path)
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        who = "root" if os.geteuid() == 0 else "root or the user of this process"
        raise ValueError(f"{path!r} must belong to {who}, and no other user may write to it")


def _read_packages() -> None:
    if GROUP in _read:
        return
    _read.add(GROUP)
    from importlib import metadata

    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda one: one.name):
        _load(f"{entry.value} ({entry.dist.name if entry.dist else 'unknown package'})", entry.load)


def _module(path: str) -> ModuleType:
    _refuse_foreign(path)
    if not stat.S_ISREG(os.stat(path).st_mode):  # opening a named pipe would wait for its writer
        raise ValueError("it is not a regular file")
    name = f"lager_driver_{os.path.basename(path).removesuffix('.py')}"
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    module = ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load(where: str, load: Any) -> None:
    """Add the family of a module, or the reason why it cannot be used. Errors that the module raises are caught."""
    try:
        module = load()
        _found.append(_family(where, module))
    except ValueError as error:
        _broken[where] = f"{printable(error, 300)}."
    except (Exception, SystemExit) as error:
        at = _line_in(where, error)
        _broken[where] = f"{type(error).__name__}: {printable(error, 300)}{at}."


def _line_in(where: str, error: BaseException) -> str:
    """Return the last line of the driver's own file that raised the error, in brackets; else the last line of all.
    Return nothing if the error names the line itself."""
    lines: list[int] = []
    own: list[int] = []
    here = None if isinstance(error, SyntaxError) else error.__traceback__  # its text names the line
    while here is not None:
        (own if here.tb_frame.f_code.co_filename == where else lines).append(here.tb_lineno)
        here = here.tb_next
    return f" (line {(own or lines)[-1]})" if own or lines else ""


def _family(where: str, module: Any) -> Family:
    """Return the family that the table of a module describes. Raises ValueError with the mistake."""
    table = getattr(module, "DRIVER", None)
    if not isinstance(table, Mapping):
        raise ValueError("it has no table DRIVER")
    if unknown := [key for key in table if key not in _KEYS]:
        raise ValueError(f"DRIVER has an unknown key {shown(unknown[0])} (known: {', '.join(_KEYS)})")
    models = _models(table)
    maker = table.get("maker", "")
    if not isinstance(maker, str):
        raise ValueError('"maker" of DRIVER should be text')
    drivers = _drivers(module, table.get("nets"))
    guarded = _types("watchdog", table, drivers)
    if guarded and not callable(getattr(module, "set_watchdog", None)):
        raise ValueError('with "watchdog" in DRIVER, the module needs a function set_watchdog(session, nets)')
    names = "|".join(re.escape(catalog.plain(model)) for model in models)
    return Family(
        module=module.__name__,
        maker=maker,
        models=names,
        reach=frozenset((Reach.VISA,)),
        drivers=drivers,
        examples=tuple(models),
        outputs=_outputs(table.get("channels", 1), models),
        talk=talk.read(table),
        guarded=frozenset(guarded),
        safe_order=_types("safe_order", table, drivers),
        code=module,
        origin=where,
    )


def _models(table: Mapping[str, Any]) -> Sequence[str]:
    """Return the models of a table. Raises ValueError if there are none, or if another driver has one of them."""
    models: Sequence[str] | None = table.get("models")
    if not isinstance(models, list | tuple) or not models or not all(isinstance(one, str) and one for one in models):
        raise ValueError('DRIVER needs "models", a list of names')
    if own := _driven_by(catalog.FAMILIES, models):
        raise ValueError(f"lager itself drives a {own}")
    if taken := _driven_by(_found, models):
        raise ValueError(f"another driver has the model {taken}")
    return models


def _driven_by(families: Iterable[Family], models: Iterable[str]) -> str | None:
    """Return the first of the models that one of these families serves."""
    return next((model for model in models if any(family.serves(model) for family in families)), None)


def _types(key: str, table: Mapping[str, Any], drivers: Mapping[NetType, str]) -> tuple[NetType, ...]:
    """Return the net types that a list of the table names. Raises ValueError if it names others than the drivers'."""
    words = {type.value: type for type in drivers}
    given = table.get(key, ())
    if not isinstance(given, list | tuple) or any(word not in list(words) for word in given):
        raise ValueError(f'"{key}" of DRIVER should be a list of its net types ({", ".join(words)})')
    return tuple(words[word] for word in given)


def _drivers(module: Any, nets: object) -> dict[NetType, str]:
    words = {type.value: type for type in NetType if type not in (NetType.UART, NetType.SCPI)}
    if not isinstance(nets, Mapping) or not nets or any(word not in words for word in nets):
        raise ValueError(f'DRIVER needs "nets", a table from a net type ({", ".join(words)}) to the name of a class')
    for word, name in nets.items():
        _check_class(words[word], name, getattr(module, name, None) if isinstance(name, str) else None)
    return {words[word]: name for word, name in nets.items()}


def _check_class(type: NetType, name: object, driver: Any) -> None:
    import inspect

    from lager.nets.actions import ACTIONS

    if not inspect.isclass(driver) or not all(hasattr(driver, word) for word in ("prepare", "close_for_all")):
        raise ValueError(f"{shown(name)} is not a class of the module that is a lager.drivers.Driver")
    needed = [action.read or action.write or action.do for action in ACTIONS[type].values()]
    methods = dict.fromkeys(word.partition(".")[0] for word in needed)
    if type is NetType.PowerSupply:
        commands = ("SET_VOLTAGE", "GET_VOLTAGE", "SET_CURRENT", "GET_CURRENT", "SET_OUTPUT", "GET_OUTPUT")
        methods |= dict.fromkeys((*commands, "MEASURE_VOLTAGE", "MEASURE_CURRENT"))
    if missing := [word for word in methods if not hasattr(driver, word)]:
        raise ValueError(f"its class {name} for nets of type {type.value} has no {', '.join(missing)}")


def _outputs(channels: object, models: Any) -> dict[str, int]:
    given: dict[Any, Any] = dict(channels) if isinstance(channels, Mapping) else dict.fromkeys(models, channels)
    for model, count in given.items():
        if model not in models or type(count) is not int or not 1 <= count <= _MOST_CHANNELS:
            reason = f"should be a number from 1 to {_MOST_CHANNELS}, or a table from models to such numbers"
            raise ValueError(f'"channels" of DRIVER {reason}')
    return {catalog.plain(model): count for model, count in given.items()}


catalog.find_own = find
