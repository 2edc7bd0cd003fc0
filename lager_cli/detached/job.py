"""The job of a detached run, passed to its supervisor in a file: arguments and environment keep every byte."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lager_cli.runs import records
from lager_cli.runs.records import Record


@dataclass
class Job:
    """`ends` is on the monotonic clock. `remove` is a folder to remove when the run has ended, or empty. `nets` are
    reserved for the run. `simulate` is the nets file whose simulation the run uses, or empty."""

    record: Record
    command: list[str]
    environment: dict[str, str]
    umask: int
    ends: float | None
    remove: str = ""
    nets: list[str] = field(default_factory=list)
    simulate: str = ""

    def hand_over(self) -> Path:
        """Write the job to a file, and return its path for `take`."""
        path = records.path(self.record.id, "job")
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                json.dump(asdict(self), file)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path

    @classmethod
    def take(cls, path: Path) -> "Job":
        """Read the file and remove it: an environment can contain secrets."""
        values = json.loads(path.read_text(encoding="ascii"))
        path.unlink()
        return cls(**{**values, "record": Record.of(values["record"])})
