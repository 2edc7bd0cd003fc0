"""Builds the Debian package of a bench box: `python -m package.deb FOLDER`.

The package carries a wheel of lager and of each package that it needs. Its postinst builds the environment of the box,
/opt/lager, from them, and lets `lagerd install` do the rest, as on a box that was installed by hand. So an installation
needs no network, and there is one home for what an installation consists of.

One commit always gives the same bytes: versions are fixed in requirements.txt and build-requirements.txt, and every
time is that of the commit.
"""

import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
SCRIPTS = Path(__file__).parent / "debian"
NAME = "lager-box"
PYTHON = (3, 11)  # that of Debian 12
WHEELS = "usr/lib/lager-box/wheels"
DOC = f"usr/share/doc/{NAME}"
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/lager",
    "zsh": "usr/share/zsh/vendor-completions/_lager",
    "fish": "usr/share/fish/vendor_completions.d/lager.fish",
}
_BUILT = ("lagerd", "lager_cli", "lager_runtime", "units", "page", "docs")  # what goes in, also where git knows it not
_NEEDED = ("dpkg-deb", "lowdown")
_RUN_BY_DPKG = ("postinst", "prerm", "postrm")


@dataclass(frozen=True)
class Version:
    """What the package is built from. `text` rises with each commit: 0.22.0+431.g1a2b3c4d5."""

    text: str
    epoch: int

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.epoch, UTC)


def build(folder: Path) -> Path:
    """Build the package into `folder` and return its path. Takes about a minute, and downloads what it carries.

    Raises SystemExit with a sentence if this machine cannot build it.
    """
    if missing := [command for command in _NEEDED if shutil.which(command) is None]:
        raise SystemExit(f"There is no {missing[0]}. Install it with: sudo apt-get install -y dpkg-dev lowdown")
    if sys.version_info[:2] != PYTHON:
        raise SystemExit("The package is for the Python 3.11 of Debian 12. Build it with: make deb PYTHON=python3.11")
    version = _version()
    os.environ["SOURCE_DATE_EPOCH"] = str(version.epoch)
    with tempfile.TemporaryDirectory(prefix="lager-deb-") as work:
        python, root = _environment(Path(work, "environment")), Path(work, "root")
        _add_wheels(python, root / WHEELS)
        _add_documents(python, root, version)
        _add_scripts(root, version)
        _same_modes_and_times(root, version.epoch)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{NAME}_{version.text}_{_architecture()}.deb"
        _run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, file)
    return file


def _version() -> Version:
    release = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
    if not (CHECKOUT / ".git").exists():
        return Version(release, int(os.environ.get("SOURCE_DATE_EPOCH", "315532800")))
    count, commit = _git("rev-list", "--count", "HEAD"), _git("rev-parse", "--short=9", "HEAD")
    added = _git("ls-files", "--others", "--exclude-standard", "--", *_BUILT)
    dirty = ".dirty" if added or _git("status", "--porcelain", "--untracked-files=no") else ""
    return Version(f"{release}+{count}.g{commit}{dirty}", int(_git("log", "-1", "--format=%ct")))


def _git(*words: str) -> str:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "safe.directory=*", *words]
    return subprocess.run(command, cwd=CHECKOUT, env=plain, capture_output=True, text=True, check=True).stdout.strip()


def _environment(folder: Path) -> Path:
    """Make the environment that the package is built in; return its Python."""
    _run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    _pip(python, "install", "--upgrade", "-r", SCRIPTS.parent / "build-requirements.txt")
    return python


def _add_wheels(python: Path, wheels: Path) -> None:
    """Fill the folder of wheels, and install them into the environment, which shows that none is missing."""
    wheels.mkdir(parents=True)
    made = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels)
    _pip(python, *made, "-r", SCRIPTS.parent / "requirements.txt")
    _pip(python, *made, _pinned("pip"))
    _pip(python, *made, CHECKOUT)
    _pip(python, "install", "--no-index", "--find-links", wheels, f"{NAME}[metrics,notify]")


def _pinned(name: str) -> str:
    lines = (SCRIPTS.parent / "build-requirements.txt").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{name}=="))


def _add_documents(python: Path, root: Path, version: Version) -> None:
    """Add the manual pages, the completion of three shells, and what Debian wants to have of each package."""
    for place in (*_COMPLETIONS.values(), f"{DOC}/README.md"):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
    pages = root / "usr/share/man"
    _run(python, "-m", "package.manual_pages", pages, version.time.date().isoformat(), cwd=CHECKOUT)
    for page in [page for page in pages.rglob("*") if page.is_file()]:
        page.with_name(f"{page.name}.gz").write_bytes(gzip.compress(page.read_bytes(), mtime=0))
        page.unlink()
    for shell, place in _COMPLETIONS.items():
        (root / place).write_bytes(_run(python.with_name("lager"), "completion", shell))
    shutil.copy(CHECKOUT / "README.md", root / DOC)
    (root / DOC / "copyright").write_text(_copyright())
    (root / DOC / "changelog.gz").write_bytes(gzip.compress(_changelog(version).encode(), mtime=0))
    overrides = root / "usr/share/lintian/overrides" / NAME
    overrides.parent.mkdir(parents=True)
    shutil.copy(SCRIPTS / "lintian-overrides", overrides)


def _add_scripts(root: Path, version: Version) -> None:
    (root / "DEBIAN").mkdir()
    files = [path for path in root.rglob("*") if path.is_file()]
    size = sum(-(-path.stat().st_size // 1024) for path in files)
    control = (SCRIPTS / "control").read_text()
    control = control.format(version=version.text, architecture=_architecture(), size=size)
    (root / "DEBIAN" / "control").write_text(control)
    for name in _RUN_BY_DPKG:
        shutil.copy(SCRIPTS / name, root / "DEBIAN" / name)
    places = sorted(str(path.relative_to(root)) for path in files)
    (root / "DEBIAN" / "md5sums").write_bytes(_run("md5sum", *places, cwd=root))


def _same_modes_and_times(root: Path, epoch: int) -> None:
    for path in (*root.rglob("*"), root):
        runs = path.is_dir() or (path.parent.name == "DEBIAN" and path.name in _RUN_BY_DPKG)
        path.chmod(0o755 if runs else 0o644)
        os.utime(path, (epoch, epoch))


def _copyright() -> str:
    text = (CHECKOUT / "LICENSE").read_text().strip()
    lines = "\n".join(f" {line}" if line else " ." for line in text.splitlines())
    return (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        f"Upstream-Name: {NAME}\n\n"
        f"Files: *\nCopyright: The lager authors\nLicense: MIT\n{lines}\n"
        "Comment: Each wheel in /usr/lib/lager-box/wheels has its own license in its metadata.\n"
    )


def _changelog(version: Version) -> str:
    """Return what Debian calls the changelog of a native package."""
    text = (CHECKOUT / "CHANGELOG.md").read_text()
    latest = re.search(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    entries = re.findall(r"^- (.*(?:\n  .*)*)", latest[2], re.MULTILINE) if latest else []
    lines = "\n".join(textwrap.fill(entry, 78, initial_indent="  * ", subsequent_indent="    ") for entry in entries)
    when = format_datetime(version.time)
    return f"{NAME} ({version.text}) stable; urgency=medium\n\n{lines}\n\n -- {_maintainer()}  {when}\n"


def _maintainer() -> str:
    found = re.search(r"^Maintainer: (.*)$", (SCRIPTS / "control").read_text(), re.MULTILINE)
    assert found
    return found[1]


def _architecture() -> str:
    return _run("dpkg", "--print-architecture").decode().strip()


def _pip(python: Path, *words: object) -> None:
    _run(python, "-m", "pip", "--quiet", "--disable-pip-version-check", *words)


def _run(*words: object, cwd: Path = Path("/")) -> bytes:
    command = [str(word) for word in words]
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr.decode(errors='replace').strip()}")
    return done.stdout


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist").absolute()))
