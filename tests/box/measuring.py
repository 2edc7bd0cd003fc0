"""If coverage is measured, processes in a box are measured too: each Python there begins with a line of the tests, and
at the end its data is copied to that of the tests."""

import os
import shutil
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
MEASURED = "COVERAGE_PROCESS_CONFIG" in os.environ
_FOLDER = Path("/coverage")
_BEGIN = (
    f'import os; os.environ.update(COVERAGE_PROCESS_START="{_FOLDER}/pyproject.toml", COVERAGE_FILE="{_FOLDER}/data");'
    " import coverage; coverage.process_startup()\n"
)
_WRITABLE = f"[Service]\nReadWritePaths={_FOLDER}\n"


def stage(root: Path, packages: Path) -> None:
    """Into a box at `root`, whose Python has `packages`."""
    (packages / "a0_measuring.pth").write_text(_BEGIN)
    folder = root / _FOLDER.relative_to("/")
    folder.mkdir()
    folder.chmod(0o1777)
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    unit = root / "etc/systemd/system/lagerd.service.d/measuring.conf"
    unit.parent.mkdir(parents=True)
    unit.write_text(_WRITABLE)


def collect(changes: Path) -> None:
    """From the `changes` of a box in which nothing runs any more that is worth it."""
    target = Path(os.environ.get("COVERAGE_FILE", CHECKOUT / ".coverage"))
    for data in (changes / _FOLDER.relative_to("/")).glob("data.*"):
        shutil.copy(data, target.with_name(f"{target.name}.box{data.name}"))
