"""Shows files with the names that the user typed.

A run whose files were sent to a box starts in a private folder there, LAGER_RUN_FOLDER. LAGER_TYPED has, as JSON, names
in that folder, each with the path that the user typed for it.
"""

import functools
import os

import lager
from lager import variables
from lager.process.raised import by_a_handler


def shown(path: str) -> str:
    """Return the typed name of a file in the run's folder; any other path as it is."""
    folder = lager.at_start(variables.RUN_FOLDER)
    if not folder or not path.startswith(folder + "/"):
        return path
    name = path[len(folder) + 1 :]
    for known, typed in _typed().items():
        if name == known or name.startswith(known + "/"):
            return typed + name[len(known) :]
    return name


def there(typed: str) -> str:
    """Return the path, relative to the run's folder, of what the user typed."""
    return next((name for name, known in _typed().items() if known == typed), typed)


def found(path: str) -> str | None:
    """Return the file of this machine that `shown` shows as `path`, or `path` itself if it is absolute; else None."""
    folder = lager.at_start(variables.RUN_FOLDER)
    if not folder:
        return path if os.path.isabs(path) else None
    for name, typed in _typed().items():
        if path == typed or path.startswith(typed + "/"):
            return os.path.join(folder, name + path[len(typed) :])
    own = os.path.normpath(os.path.join(folder, path))
    return own if os.path.isfile(own) else None


def in_line(text: str) -> str:
    """Return a line of a traceback with the typed name in place of the path between its quotation marks."""
    before, found, after = text.partition(f'"{lager.at_start(variables.RUN_FOLDER)}/')
    if not found:
        return text
    path, quote, rest = after.partition('"')
    return f'{before}"{shown(found[1:] + path)}{quote}{rest}'


@functools.cache
def _typed() -> dict[str, str]:
    import json  # only on demand: it is slow to import

    try:
        return {str(name): str(typed) for name, typed in json.loads(lager.at_start(variables.TYPED) or "{}").items()}
    except (ValueError, AttributeError) as error:
        if by_a_handler(error):
            raise
        return {}
