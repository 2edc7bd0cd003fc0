"""`make mutants`: which changes it makes, and that its lists name what is there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.__main__ import harmless
from tests.mutants.modules import TESTS
from tests.mutants.mutations import mutations

ROOT = Path(__file__).parents[3]
SOURCE = '''
"""A docstring."""
WORDS = {"OUTP ON": 1.5}
def act(self, limit=10, *, on=True):
    """Not this."""
    with self.lock:
        if limit < 2 and not on:
            raise ValueError("a sentence with blanks")
        self.value = max(limit, -1)
        self.tell(f"VOLT {limit}")
    return self.value * 2
'''


def test_each_change_is_of_one_kind_and_leaves_a_program() -> None:
    found = {(mutation.old, mutation.new) for mutation in mutations(SOURCE)}
    for change in [
        ("limit < 2 and (not on)", "limit <= 2 and (not on)"),
        ("limit < 2", "limit < 20"),
        ("limit < 2 and (not on)", "limit < 2 or not on"),
        ("limit < 2 and (not on)", "limit < 2 and on"),
        ("10", "11"),
        ("10", "100"),
        ("True", "False"),
        ("{'OUTP ON': 1.5}", "{'OUTP ON': 15.0}"),
        ("{'OUTP ON': 1.5}", "{'OUTP ONX': 1.5}"),
        ("self.tell(f'VOLT {limit}')", "pass"),
        ("f'VOLT {limit}'", "f'VOLT X{limit}'"),
        ("self.value = max(limit, -1)", "pass"),
        ("max(limit, -1)", "min(limit, -1)"),
        ("return self.value * 2", "return None"),
        ("self.value * 2", "self.value / 2"),
        ("raise ValueError('a sentence with blanks')", "pass"),
    ]:
        assert change in found
    assert not [old for old, _ in found if "Not this" in old or old.startswith("'a sentence")]
    for number in range(len(found)):
        changed = mutations(SOURCE)[number].changed()
        compile(changed, "changed", "exec")
        assert ast.unparse(changed) != ast.unparse(ast.parse(SOURCE))


def test_a_lock_is_left_out_and_what_it_guards_is_not() -> None:
    left = [one.changed() for one in mutations(SOURCE) if one.new.startswith("if True:")]
    assert len(left) == 1
    assert "with self.lock" not in ast.unparse(left[0])
    assert "self.tell" in ast.unparse(left[0])


def test_a_process_that_a_test_starts_has_the_same_change() -> None:
    module = "lagerd/make_safe/standby.py"
    mutation = next(one for one in mutations((ROOT / module).read_text()) if one.new == "1 << 21")
    changed = f"import tests.mutants.changed as c, tests.mutants.mutations as m; c.change({module!r}, m.mutations("
    changed += f"open({module!r}).read())[{mutation.number}])"
    shown = "from lagerd.make_safe.standby import _LONGEST; print(_LONGEST)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {shown!r}])"
    for code, longest in ((child, 1 << 20), (f"{changed}; {shown}", 1 << 21), (f"{changed}; {child}", 1 << 21)):
        ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        assert ran.stdout == f"{longest}\n"


@pytest.mark.parametrize("module", TESTS)
def test_what_is_listed_as_harmless_is_a_change_that_there_is(module: str) -> None:
    known = {str(mutation) for mutation in mutations((ROOT / module).read_text())}
    assert [line for line in harmless(module) if line not in known] == []
    assert all((ROOT / test.partition("::")[0]).is_file() for test in TESTS[module])


def test_every_driver_is_listed() -> None:
    drivers = ROOT / "lager_runtime/lager/instruments/drivers"
    found = {str(file.relative_to(ROOT)) for file in drivers.rglob("*.py") if file.name != "__init__.py"}
    assert found - set(TESTS) == set()
