"""Imports one module of the product with a change in it, here and in each Python process that is started from here."""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tests.mutants.mutations import Mutation, mutations

ROOT = Path(__file__).parents[2]
_VARIABLE = "LAGER_MUTANT"


def change(module: str, mutation: Mutation) -> None:
    """Make this process, and each Python that it starts, import the module with this change."""
    os.environ[_VARIABLE] = f"{module}:{mutation.number}"
    here = [str(Path(__file__).with_name("startup")), str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, here))
    sys.meta_path.insert(0, _Finder(module, mutation.changed()))


def change_as_told() -> None:
    """Have this process import the module that the one which started it imports, changed in the same way."""
    module, _, number = os.environ.get(_VARIABLE, "").partition(":")
    if module:
        sys.meta_path.insert(0, _Finder(module, mutations((ROOT / module).read_text())[int(number)].changed()))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module, changed."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self._file = ROOT / module
        dotted = module.removeprefix("lager_runtime/").removesuffix(".py").replace("/", ".")
        self._name, self._tree = dotted, tree

    def find_spec(
        self, name: str, path: Any, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._name:
            return None
        loader = _Loader(name, str(self._file), self._tree)
        return importlib.util.spec_from_file_location(name, self._file, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        super().__init__(name, path)
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._tree, self.path, "exec", dont_inherit=True)
