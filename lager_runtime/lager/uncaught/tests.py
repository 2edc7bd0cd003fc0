"""Recognises where unittest catches the error that fails a test. It imports nothing of unittest."""

import sys
from types import FrameType, MethodType
from typing import Any

# What runs tests and their fixtures. The frames of assertRaises and the like are not among them.
_RUNNING = frozenset(
    ("run", "doCleanups", "doClassCleanups", "_handleClassSetUp", "_handleModuleFixture", "_handleModuleTearDown",
     "_tearDownPreviousClass", "doModuleCleanups")
)  # fmt: skip


def fails_test(kind: type[BaseException], caught_in: FrameType) -> bool:
    """Return whether an error of this type, caught in this frame, is the failure of a test of unittest."""
    case, suite = sys.modules.get("unittest.case"), sys.modules.get("unittest.suite")
    if case is None or caught_in.f_code.co_name not in _RUNNING:
        return False
    if caught_in.f_code.co_filename not in (getattr(case, "__file__", ""), getattr(suite, "__file__", "")):
        return False
    outcome = caught_in.f_locals.get("outcome")  # of TestCase.run
    return not getattr(outcome, "expecting_failure", False) and not issubclass(kind, (case.SkipTest, case._ShouldStop))


def is_subtest(function: Any) -> bool:
    """Return whether the function is `TestCase.subTest`."""
    case = sys.modules.get("unittest.case")
    function = function.__func__ if type(function) is MethodType else function
    return case is not None and function is vars(case.TestCase).get("subTest")
