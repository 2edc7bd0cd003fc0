"""The age of a pause or a lease, by the monotonic clock."""

import time
from collections.abc import Mapping, Sequence
from typing import Any


def age(entry: Mapping[str, Any]) -> float:
    """Return the age in seconds. A box sends `age`, since its clock may differ; an older lagerd sends no `began`."""
    if "age" in entry:
        return float(entry["age"])
    if "began" in entry:
        return max(time.monotonic() - float(entry["began"]), 0.0)
    return max(time.time() - float(entry["since"]), 0.0)


def with_ages(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the same entries, each with its `age` in seconds."""
    return [{**entry, "age": age(entry)} for entry in entries]
