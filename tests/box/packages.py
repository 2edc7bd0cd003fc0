"""The Debian package in tests: how it is built, and installed on a box without lager."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.box import container
from tests.box.container import Box

CHECKOUT = Path(__file__).parents[2]
BUILD_SECONDS = 600


def build(checkout: Path, folder: Path) -> Path:
    """Build the package of a checkout, and return its file."""
    command = [sys.executable, "-m", "package.deb", str(folder)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@contextlib.contextmanager
def bare() -> Iterator[Box]:
    """A box without lager, whose packages may start services, which those of a container image may not."""
    with container.booted(None) as box:
        box.run("rm", "--force", "/usr/sbin/policy-rc.d")
        yield box


def apt(box: Box, verb: str, *words: str) -> str:
    environment = ["env", "DEBIAN_FRONTEND=noninteractive", "PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"]
    return box.run(*environment, "apt-get", "--yes", "--quiet", verb, *words).stdout


def put(box: Box, file: Path) -> str:
    """Copy a package into the box; return its place there."""
    place = box.root / "opt" / "dist" / file.name
    place.write_bytes(file.read_bytes())
    return f"/opt/dist/{file.name}"


def install(box: Box, file: Path) -> str:
    return apt(box, "install", "--allow-downgrades", put(box, file))
