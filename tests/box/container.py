"""A box for tests: a real systemd in a container, on an overlay of this machine's own root.

All mounts live in a mount namespace of their own and end with it, so that nothing stays behind, however a test ends.
"""

import atexit
import contextlib
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from io import FileIO
from pathlib import Path
from queue import Empty, SimpleQueue

from tests.box import measuring

BOOT_SECONDS = 120.0
COMMAND_SECONDS = 120.0
USERS = {"alice": 2001, "bob": 2002, "mallory": 2003}
VENV = Path("/opt/lager")
_MOVED = Path("/opt/python")

# Services that the machine happens to have are not wanted here, so nothing in /etc is enabled but what a test enables.
_BOOT = """
set -e
for group in $LAGER_BOX_CGROUPS; do echo 0 > "$group/cgroup.procs"; done
mount -t tmpfs -o size=512M tmpfs "$1"
mkdir "$1/work" "$1/root"
cp -a "$2" "$1/up"
test -z "$3" || cp -a "$3/." "$1/up"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" "$1/root"
rm -rf "$1"/root/etc/systemd/system/*.wants "$1"/root/var/log/journal
shift 3
exec "$@"
"""
# nspawn ends with 133 when what it runs reboots.
_REBOOTS = _BOOT.replace('exec "$@"', 'while true; do code=0; "$@" || code=$?; test $code = 133 || exit $code; done')
_environments: dict[Path, Path] = {}
_staging = threading.Lock()
_MASKED = ("systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service", "apt-daily.timer")


def missing() -> str:
    """Return why no box can be booted here, or an empty text."""
    if os.geteuid() != 0:
        return "a box is booted as root"
    commands = {
        "systemd-nspawn": "systemd-container", "dbus-daemon": "dbus", "pkaction": "polkitd", "setpriv": "util-linux",
    }  # fmt: skip
    absent = [package for command, package in commands.items() if shutil.which(command) is None]
    return f"a box needs: apt-get install {' '.join(absent)}" if absent else ""


@dataclass(frozen=True)
class Box:
    """`changes` is the overlay's upper layer: what differs from this machine's own root."""

    leader: int
    changes: Path

    def rebooted(self) -> "Box":
        """Reboot a box that was `booted` with reboots=True; return it when it is up again."""
        shell = _parent(_parent(self.leader))
        with open(os.pidfd_open(self.leader), "rb", buffering=0) as ended:
            self.run("systemctl", "reboot", check=False)
            assert select.select([ended], [], [], BOOT_SECONDS)[0], "the box does not go down"
        until = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(OSError, ValueError):
                box = Box(_only_child(_only_child(shell)), self.changes)
                state = box.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip()
                if state in ("running", "degraded"):
                    return box
            time.sleep(0.1)
        raise AssertionError("The box did not boot again.")

    @property
    def root(self) -> Path:
        """The box's files, seen from outside."""
        return Path(f"/proc/{self.leader}/root")

    def command(self, *argv: object, user: str = "root") -> list[str]:
        path = f"PATH={VENV}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        home = "/root" if user == "root" else f"/home/{user}"
        enter = ["nsenter", "-t", str(self.leader), "-a", f"--wdns={home}"]
        # nsenter forks: what it runs shall not outlive it.
        become = ["setpriv", "--pdeathsig=KILL", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        environment = ["env", "-i", path, f"HOME={home}", f"USER={user}", "LC_ALL=C.UTF-8", "TERM=dumb"]
        return [*enter, *become, *environment, *(str(word) for word in argv)]

    def run(
        self,
        *argv: object,
        user: str = "root",
        check: bool = True,
        timeout: float = COMMAND_SECONDS,
        input: str = "",
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*argv, user=user), input=input, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{argv} of {user} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, *argv: object, user: str = "root") -> "Process":
        return Process(self.command(*argv, user=user))

    def write(self, path: str, text: str, mode: int = 0o644) -> str:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)
        return path


class Process:
    """A process in a box, whose output is waited for line by line. Ends at the end of a `with`, if not before."""

    def __init__(self, command: list[str]) -> None:
        self.popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self.seen: list[str] = []
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """What runs in the box ends before nsenter, its parent, which reaps it: an orphan there waits for the first
        process of this machine, and a box that goes down waits for the orphan."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(_only_child(self.popen.pid), signal.SIGKILL)
            self.popen.wait(COMMAND_SECONDS)
        self.popen.kill()
        self.popen.wait(COMMAND_SECONDS)
        self._reader.join(COMMAND_SECONDS)
        assert self.popen.stdin
        self.popen.stdin.close()

    def type(self, line: str) -> None:
        assert self.popen.stdin
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def until(self, pattern: str, timeout: float = COMMAND_SECONDS) -> re.Match[str]:
        """Return the first of the unread lines that matches `pattern`."""
        ends = time.monotonic() + timeout
        while True:
            try:
                line = self._lines.get(timeout=max(ends - time.monotonic(), 0.001))
            except Empty:
                raise AssertionError(f"No {pattern!r} within {timeout} s in:\n{''.join(self.seen)}") from None
            if line is None:
                raise AssertionError(f"It ended without {pattern!r}:\n{''.join(self.seen)}")
            self.seen.append(line)
            if found := re.search(pattern, line):
                return found

    def ended(self, timeout: float = COMMAND_SECONDS) -> int:
        return self.popen.wait(timeout)

    def _read(self) -> None:
        assert self.popen.stdout
        with self.popen.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)


@contextlib.contextmanager
def booted(wheel: Path | None, *, reboots: bool = False) -> Iterator[Box]:
    """A box with a virtual environment in VENV that has everything the wheel depends on, but not the wheel itself.

    Without a wheel there is no environment either.
    """
    name = f"lager-{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder, contextlib.ExitStack() as stack:
        staged, mount = Path(folder, "staged"), Path(folder, "mount")
        mount.mkdir()
        _stage(staged)
        environment = str(_environment(wheel)) if wheel else ""
        ready = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        ready.bind(f"{folder}/notify")
        log = stack.enter_context(open(f"{folder}/console", "w+b"))
        groups = stack.enter_context(_own_cgroups(name))
        nspawn = subprocess.Popen(
            [
                "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private",
                "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
                "sh", "-c", _REBOOTS if reboots else _BOOT, "sh", str(mount), str(staged), environment,
                "systemd-nspawn", "--register=no", "--keep-unit", f"--directory={mount}/root", f"--machine={name}",
                "--boot", "--private-network", "--link-journal=no", "--console=pipe", "--notify-ready=yes",
                *_interpreter_bind(), "systemd.unit=multi-user.target",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, "NOTIFY_SOCKET": f"{folder}/notify", "LAGER_BOX_CGROUPS": " ".join(map(str, groups))},
        )  # fmt: skip
        stack.callback(_end, nspawn)
        _until_up(nspawn, ready, log.name)
        ready.close()  # else what systemd reports later would fill it, and then systemd waits for us
        inner = _only_child(nspawn.pid)
        box = Box(_only_child(_only_child(inner) if reboots else inner), Path(f"/proc/{inner}/root{mount}/up"))
        box.run("ldconfig")
        if wheel:
            box.run(_interpreter(), "-m", "venv", "--without-pip", VENV)
        yield box
        if measuring.MEASURED:
            box.run("systemctl", "stop", "lagerd.service", "user@*.service", check=False)
            measuring.collect(box.changes)


def build_wheel(checkout: Path, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True, timeout=COMMAND_SECONDS)
    return next(folder.glob("*.whl"))


def _until_up(nspawn: subprocess.Popen[bytes], ready: socket.socket, log: str) -> None:
    """Wait until the box's systemd says that it is up."""
    ends = time.monotonic() + BOOT_SECONDS
    with open(os.pidfd_open(nspawn.pid), "rb", buffering=0) as ended:
        while True:
            watched: list[socket.socket | FileIO] = [ready, ended]
            readable, _, _ = select.select(watched, [], [], max(ends - time.monotonic(), 0))
            if ready not in readable:
                raise AssertionError(f"The box did not boot:\n{Path(log).read_text(errors='replace')}")
            if "READY=1" in ready.recv(4096).decode():
                return


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _only_child(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def _end(nspawn: subprocess.Popen[bytes]) -> None:
    """With unshare ends the pid namespace around nspawn, with that every process inside, and with these every mount."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, ValueError):
            inner = stack.enter_context(open(os.pidfd_open(_only_child(nspawn.pid)), "rb", buffering=0))
            stack.callback(select.select, [inner], [], [], BOOT_SECONDS)
        nspawn.send_signal(signal.SIGKILL)
        nspawn.wait(BOOT_SECONDS)


@contextlib.contextmanager
def _own_cgroups(name: str) -> Iterator[list[Path]]:
    """A cgroup in each hierarchy of systemd: two boxes in one would take each other's processes for their own."""
    root, found = Path("/sys/fs/cgroup"), []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "name=systemd"):
            tree = root / ("systemd" if controllers else "unified")
            found.append((tree if tree.is_dir() else root) / path.lstrip("/") / name)
    for group in found:
        group.mkdir()
    try:
        yield found
    finally:
        for group in found:
            for folder, _, _ in os.walk(group, topdown=False):
                os.rmdir(folder)


def _stage(staged: Path) -> None:
    """Create the files that the box has and this machine does not have."""
    system = staged / "etc" / "systemd" / "system"
    system.mkdir(parents=True)
    for unit in _MASKED:
        (system / unit).symlink_to("/dev/null")
    (staged / "etc" / "machine-id").write_text(uuid.uuid4().hex + "\n")
    users = staged / "etc" / "sysusers.d" / "people.conf"
    users.parent.mkdir()
    users.write_text("".join(f"u {name} {uid} - /home/{name} /bin/bash\n" for name, uid in USERS.items()))
    for name, uid in USERS.items():
        home = staged / "home" / name
        home.mkdir(parents=True)
        os.chown(home, uid, uid)
    _stage_libpython(staged)
    (staged / "opt" / "dist").mkdir(parents=True)


def _environment(wheel: Path) -> Path:
    """What a box needs of the wheel, in a folder that all boxes of this process copy: it has thousands of files."""
    with _staging:
        if wheel not in _environments:
            folder = tempfile.TemporaryDirectory(prefix="lager-environment-")
            atexit.register(folder.cleanup)
            _stage_environment(Path(folder.name), wheel)
            _environments[wheel] = Path(folder.name)
        return _environments[wheel]


def _stage_environment(staged: Path, wheel: Path) -> None:
    staged.chmod(0o755)
    (staged / "opt" / "dist").mkdir(parents=True)
    packages = staged / str(VENV).lstrip("/") / "lib" / _python_version() / "site-packages"
    packages.mkdir(parents=True)
    _copy_dependencies(wheel, packages)
    if measuring.MEASURED:
        _copy(distribution("coverage"), packages)
        measuring.stage(staged, packages)
    shutil.copy(wheel, staged / "opt" / "dist")


def _stage_libpython(staged: Path) -> None:
    """A shared libpython beside a Python that was moved is found by the loader's cache, in front of any other."""
    if _interpreter_bind():
        (staged / "etc" / "ld.so.conf.d").mkdir()
        (staged / "etc" / "ld.so.conf.d" / "00-python.conf").write_text(f"{_MOVED}/lib\n")


def _python_version() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def _everybody_reads(path: Path) -> bool:
    return all(part.stat().st_mode & 0o5 == 0o5 for part in (path, *path.parents))


def _interpreter_bind() -> list[str]:
    """Bind a Python in a home folder to a place where every user of the box can read it."""
    base = Path(sys.base_prefix)
    return [] if _everybody_reads(base) else [f"--bind-ro={base}:{_MOVED}"]


def _interpreter() -> Path:
    base = Path(sys.base_prefix)
    return (base if _everybody_reads(base) else _MOVED) / "bin" / _python_version()


def _copy_dependencies(wheel: Path, packages: Path) -> None:
    """What the wheel and its extra `notify` need and what that needs, and pip, from the environment that runs the
    tests."""
    seen: set[str] = set()
    wanted = ["pip", "apprise", *_requirements(next(iter(distributions(path=[str(wheel)]))))]
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        with contextlib.suppress(PackageNotFoundError):  # one that only another Python needs
            found = distribution(name)
            wanted += _requirements(found)
            _copy(found, packages)


def _requirements(package: Distribution) -> list[str]:
    return [re.split(r"[^\w.-]", need)[0] for need in package.requires or [] if "extra ==" not in need]


def _copy(package: Distribution, packages: Path) -> None:
    """With its bytecode: only root could write that in the box, so the processes of everybody else would compile."""
    for file in package.files or []:
        source = Path(str(file.locate()))
        if ".." not in file.parts and source.is_file():
            (packages / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, packages / file)  # bytecode holds for the time of its source


def install(box: Box) -> str:
    """What the README says: pip install dist/*.whl && lagerd install."""
    wheels = [f"/opt/dist/{path.name}" for path in (box.root / "opt" / "dist").iterdir()]
    box.run("python", "-m", "pip", "install", "--no-index", "--quiet", "--root-user-action=ignore", *wheels)
    return box.run("lagerd", "install").stdout
