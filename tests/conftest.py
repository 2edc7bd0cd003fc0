"""For all tiers: where CI is set, a test that is skipped counts as one that failed."""

import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line(f"{len(reporter.stats['skipped'])} tests were skipped, which counts as a failure here.")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
