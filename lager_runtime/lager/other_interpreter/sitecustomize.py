"""Makes lager importable in an interpreter of another environment, which finds this file through PYTHONPATH.

The packages of that environment come first, and lager's own after them. Only `lager` itself always comes from the
installation of the `lager python` that started the run, whatever package the environment has under that name. Other
Pythons that inherit the variables, and lager's own, get nothing. Then the sitecustomize of the environment runs, if it
has one.
"""

import os
import sys


def _begin() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if not path or os.path.abspath(path) != here]
    tag, _, paths = os.environ.get("LAGER_OWN_PATHS", "").partition(":")
    if tag == sys.implementation.cache_tag and not hasattr(sys, "_lager_start"):
        own = paths.split(os.pathsep)
        sys.path += [path for path in own if path not in sys.path]
        sys.meta_path.insert(0, _OnlyLager(own))  # type: ignore[arg-type]
        import lager_startup  # noqa: F401


class _OnlyLager:
    """A finder of `lager` and `lager_startup` in the installation of lager that started the run."""

    _NAMES = ("lager", "lager_startup")

    def __init__(self, own: "list[str]") -> None:
        self._own = own

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        if name not in self._NAMES:
            return None
        from _frozen_importlib_external import PathFinder

        return PathFinder.find_spec(name, self._own)


def _run_theirs() -> None:
    """Run the sitecustomize that would have been found without this file."""
    import _frozen_importlib
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = _frozen_importlib.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_begin()
_run_theirs()
