"""What a test needs of the machine."""

import os

import pytest


def nothing_more(missing: str) -> None:
    """Skip the test where something is missing, which in the continuous integration is a failure."""
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    elif missing:
        pytest.skip(missing)
