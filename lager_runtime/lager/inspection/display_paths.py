"""Files under the names that the user typed. A run that a box got files for starts in a private folder with a name that
means nothing to anybody: LAGER_RUN_FOLDER is that folder, and LAGER_TYPED has, as JSON, the names in it of what the
user typed otherwise, each with what was typed.
"""

import functools

import lager


def shown(path: str) -> str:
    """The user's name of a file in the run's folder; any other path as it is."""
    folder = lager.at_start("LAGER_RUN_FOLDER")
    if not folder or not path.startswith(folder + "/"):
        return path
    name = path[len(folder) + 1 :]
    for known, typed in _typed().items():
        if name == known or name.startswith(known + "/"):
            return typed + name[len(known) :]
    return name


def there(typed: str) -> str:
    """Where in the run's folder, which is the current one, that is what the user typed."""
    return next((name for name, known in _typed().items() if known == typed), typed)


def in_line(text: str) -> str:
    """A line of a traceback, which has the path between quotation marks."""
    before, found, after = text.partition(f'"{lager.at_start("LAGER_RUN_FOLDER")}/')
    if not found:
        return text
    path, quote, rest = after.partition('"')
    return f'{before}"{shown(found[1:] + path)}{quote}{rest}'


@functools.cache
def _typed() -> dict[str, str]:
    import json  # which a run that has no such names need not wait for

    try:
        return {str(name): str(typed) for name, typed in json.loads(lager.at_start("LAGER_TYPED") or "{}").items()}
    except (ValueError, AttributeError):
        return {}
