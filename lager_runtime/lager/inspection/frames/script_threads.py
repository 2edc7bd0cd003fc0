"""The script's threads, as the script's own copy of `threading` knows them. A pause uses another copy."""

import _frozen_importlib
import _thread
import sys
import threading
from typing import Any

from lager.process.raised import by_a_handler, suppressed

_bootstrap: Any = _frozen_importlib
# `threading`, and what it imports.
_THREADINGS = ("threading", "functools", "collections", "keyword", "operator", "reprlib", "types", "_weakrefset")


def name() -> str:
    """Return the name of the calling thread."""
    try:
        found = theirs().current_thread().name
    except Exception as error:
        if by_a_handler(error):
            raise
        found = None  # replaced by something else, or still being imported
    if type(found) is str:
        return found
    return "MainThread" if is_main() else f"Thread-{_thread.get_ident()}"


def names() -> dict[int, str]:
    """Return the names of the script's running threads by their identifiers, without those of lager."""
    try:
        return {ident: str(one.name) for ident, one in list(theirs()._active.items()) if not _is_ours(one)}
    except Exception as error:  # replaced by something else
        if by_a_handler(error):
            raise
        return {main_ident(): "MainThread"}


def is_main() -> bool:
    """Return whether the calling thread is the main thread of the process."""
    return _thread.get_ident() == main_ident()


def main_ident() -> int:
    """Return the identifier of the main thread."""
    try:
        found = theirs().main_thread().ident
    except Exception as error:
        if by_a_handler(error):
            raise
        found = None
    return found if type(found) is int else getattr(sys, "_lager_start").main_ident  # noqa: B009


def main_is_alive() -> bool:
    """Return whether the main thread has not ended yet."""
    try:
        return bool(theirs().main_thread().is_alive())
    except Exception as error:
        if by_a_handler(error):
            raise
        return True


def prepare() -> None:
    """Import the script's `threading`, if this is the main thread. Before Python 3.13 it takes the first thread that
    imports it for the main thread, and that would be a console's."""
    if sys.version_info >= (3, 13) or "threading" in sys.modules or not is_main():
        return
    start = getattr(sys, "_lager_start", None)
    with suppressed(Exception):
        if start is not None and all(_is_pythons_own(name, start.library) for name in _THREADINGS):
            start.builtins["__import__"]("threading")


def _is_pythons_own(name: str, library: list[str]) -> bool:
    """Return whether the script's `import` finds the module that Python ships, and not one of the script's folder."""
    folders = (f"{folder}/" for folder in library)
    return str(_bootstrap._find_spec(name, None).origin).startswith(("built-in", "frozen", *folders))


class _Unloaded:
    """Replaces `threading` until the script imports it; until then there is usually only the main thread."""

    class _Main:
        name = "MainThread"

        def __init__(self) -> None:
            start = getattr(sys, "_lager_start", None)
            self.ident = threading.main_thread().ident if start is None else start.main_ident

        def is_alive(self) -> bool:
            return True

    @property
    def _active(self) -> dict[int, Any]:
        main = self._Main()
        return {main_ident(): main}

    def main_thread(self) -> Any:
        return self._Main()

    def current_thread(self) -> Any:
        main = self._Main()
        return main if _thread.get_ident() == main.ident else threading.current_thread()


def _is_ours(thread: Any) -> bool:
    return thread.name == "lager" or getattr(thread, "is_lager_console", False) is True


def theirs() -> Any:
    if not hasattr(sys, "_lager_start"):
        return threading
    return sys.modules.get("threading") or _Unloaded()
