"""How long ago a pause or a lease began, by a clock that nobody sets."""

import time
from typing import Any


def age(entry: dict[str, Any]) -> float:
    """Seconds. A box has counted them itself, for its clock is its own; an older lagerd tells no `began`."""
    if "age" in entry:
        return float(entry["age"])
    if "began" in entry:
        return max(time.monotonic() - float(entry["began"]), 0.0)
    return max(time.time() - float(entry["since"]), 0.0)


def with_ages(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same entries, each with its `age` in seconds."""
    return [entry | {"age": age(entry)} for entry in entries]
