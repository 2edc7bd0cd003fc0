"""With CI set, a skipped test fails the run. Signals that the caller ignores, as nohup and background jobs do, are
reset, so that what the tests start does not ignore them. What the tests start may keep its bytecode: it would compile
lager anew in each process. What is printed in the process of a test names `lager` as if it were on the PATH.
Hypothesis measures no times: the machine may do other things."""

import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

# The same few examples at each run: more of them would find once what there is to find. `make fuzz` is the search for
# others, and what it finds becomes an @example.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fixed", _PATIENT, derandomize=True, database=None, max_examples=30)
settings.register_profile("fuzz", _PATIENT, derandomize=False, database=None, print_blob=True)
settings.load_profile("fuzz" if os.environ.get("LAGER_FUZZ") else "fixed")

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ["LAGER_COMMAND"] = ""

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line(f"{len(reporter.stats['skipped'])} tests were skipped, which counts as a failure here.")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
