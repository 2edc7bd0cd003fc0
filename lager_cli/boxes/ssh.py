"""The ssh connection to a box: starts ssh as a plain byte channel, and explains its failures in one sentence."""

import contextlib
import os
import re
import select
import shlex
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import IO

from lager import variables
from lager.errors import BoxError, LagerError, NoConnection
from lager.process import system
from lager.wording.text import printable
from lager_cli.boxes.names.box_table import Box

CONNECT_SECONDS = 10  # if the user's configuration sets none
_NAME_SECONDS = 5.0
_GOODBYE_SECONDS = 2.0
_KEPT = 1 << 16
_PIPE = 1 << 20
_F_SETPIPE_SZ = 1031
# As scp and sftp do: settings of the user's configuration for logins do not fit a command.
_OPTIONS = {
    "ClearAllForwardings": "yes",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
}
_IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGHUP)  # meant for the command, not for ssh


class Ssh:
    """One ssh process that runs `lager session` on a box. Keeps the end of its standard error."""

    def __init__(self, box: Box, *, batch: bool = False) -> None:
        """`batch`: ssh asks for no password and ends with the thread that starts it. The caller limits the time."""
        program = shlex.split(os.environ.get(variables.SSH, "")) or ["ssh"]
        chosen = {**_OPTIONS, **({"BatchMode": "yes"} if batch else _patience(program, box))}
        options = [f"-o{name}={value}" for name, value in chosen.items()]
        command = [*program, *options, "--", box.ssh, f"{box.command} session"]
        self._box = box
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                preexec_fn=_deaf_until_the_end() if batch else _deaf,
            )  # fmt: skip
        except OSError as problem:
            missing = isinstance(problem, FileNotFoundError)
            hint = "Install it: sudo apt-get install ssh" if missing else "Fix this and try again."
            raise NoConnection(f"ssh does not start: {problem}.", hint) from problem
        self._stdin, self._stdout, self._stderr = _pipes(self._process)
        os.set_blocking(self._stderr.fileno(), False)
        for pipe in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):  # beyond the user's limit for pipes
                _widen(pipe.fileno())
        self._complaints = b""
        self._silent = False

    @property
    def outgoing(self) -> int:
        return self._stdin.fileno()

    @property
    def incoming(self) -> int:
        return self._stdout.fileno()

    def interest(self) -> tuple[int, int] | None:
        return None if self._silent else (self._stderr.fileno(), select.POLLIN)

    def ready(self) -> None:
        try:
            data = os.read(self._stderr.fileno(), _KEPT)
        except BlockingIOError:
            return
        self._silent = not data
        self._complaints = (self._complaints + data)[-_KEPT:]

    def close(self, *, at_once: bool = False) -> int:
        """End ssh and return its exit code."""
        self._stdin.close()
        if at_once:
            self._process.terminate()
        try:
            code = self._process.wait(_GOODBYE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if not self._silent:
            self.ready()
        self._stdout.close()
        self._stderr.close()
        return code

    def why(self) -> LagerError:
        """Close ssh, which ended before lager answered, and return the error that says why."""
        return explain(self._box, self.close(), self._complaints.decode(errors="replace"))

    def __enter__(self) -> "Ssh":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self.close(at_once=True)


def _patience(program: list[str], box: Box) -> dict[str, str]:
    """Return the ConnectTimeout option. It would override the user's configuration, so ask ssh for that first."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        known = subprocess.run(
            [*program, "-G", "--", box.ssh], stdin=subprocess.DEVNULL, capture_output=True, timeout=CONNECT_SECONDS
        )
        if re.search(rb"^connecttimeout \d", known.stdout, re.MULTILINE):
            return {}
    return {"ConnectTimeout": str(CONNECT_SECONDS)}


def is_known(box: Box) -> bool:
    """Return whether the user's ssh configuration has the box, or its host has an address.

    Waits for the name service a few seconds at most.
    """
    program = shlex.split(os.environ.get(variables.SSH, "")) or ["ssh"]
    command = [*program, "-G", "--", box.ssh]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=CONNECT_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    lines = done.stdout.decode(errors="replace").splitlines()
    settings = dict(line.partition(" ")[::2] for line in lines)
    host = settings.get("hostname", "")
    if done.returncode or not host:
        return False
    written = re.sub(r"^ssh://|:\d+/?$", "", box.ssh).rpartition("@")[2]
    is_set = host.lower() != written.lower() or {"proxycommand", "proxyjump"} & settings.keys()
    return bool(is_set) or _has_address(host)


def _has_address(host: str) -> bool:
    import threading

    found: list[object] = []

    def look() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            found.extend(socket.getaddrinfo(host.strip("[]"), 22, type=socket.SOCK_STREAM))

    looking = threading.Thread(target=look, name="name service", daemon=True)
    looking.start()
    looking.join(_NAME_SECONDS)
    return bool(found)


def _deaf() -> None:
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)


def _deaf_until_the_end() -> Callable[[], None]:
    """Return the function that makes ssh ignore signals of the terminal, and ends it with this process, because it may
    wait for a box that does not answer."""
    end_with_parent = system.signal_with_parent(signal.SIGTERM)

    def settle() -> None:  # pragma: no cover: it is measured until it becomes another program, and then lost
        _deaf()
        end_with_parent()

    return settle


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdin, process.stdout, process.stderr


def _widen(fd: int) -> None:
    import fcntl

    fcntl.fcntl(fd, _F_SETPIPE_SZ, _PIPE)


def explain(box: Box, code: int, complaints: str) -> LagerError:
    """Return the error that explains why ssh, or the command that it started, ended with `code`."""
    name, ssh, command = box.name, box.ssh, box.command
    for pattern, what, hint in _KNOWN:
        found = re.search(pattern, complaints, re.IGNORECASE | re.MULTILINE | re.DOTALL)
        if code == 255 and found is not None:
            # It differs from the box's name if that is an alias, or if a jump host failed.
            host = printable(found.groupdict().get("host") or name, 200)
            at = "" if host == name else f" ({host})"
            said = what.format(name=name, host=host, at=at)
            return NoConnection(said, hint.format(name=name, ssh=ssh, host=shlex.quote(host)))
    last = printable((complaints.strip().splitlines() or ["it does not say why"])[-1], 200).rstrip(".")
    if code == 255 or code < 0:
        return NoConnection(f"ssh did not reach the box {name}: {last}.", f"Try: ssh {ssh}")
    if code in (126, 127):
        return BoxError(
            f"There is no command {command} on the box {name} ({last}).",
            f"Type there: sudo /opt/lager/bin/lagerd install; or here: lager boxes add {name} {ssh} --command PATH",
        )
    return BoxError(f"lager on the box {name} does not answer: {last}.", f"Try: ssh {ssh} {command} --version")


_KNOWN = (
    (
        r"^usage: ssh ",
        "{name} is not a valid ssh destination.",
        "See: lager boxes list; or give user@host.",
    ),
    (
        r"host identification has changed(.*^host key for (?P<host>\S+) has changed)?",
        "The host key of the box {name} has changed{at}.",
        "If that is expected, type: ssh-keygen -R {host} && ssh {ssh}",
    ),
    (
        r"host key verification failed|no \S+ host key is known",
        "The host key of the box {name} is unknown.",
        "Check it and accept it once: ssh {ssh} true",
    ),
    (
        r"^(\S+@)?(?P<host>[^\s@]+): permission denied|permission denied|"
        r"too many authentication failures|no more authentication methods",
        "The box {name} accepts none of your keys{at}.",
        "Install one: ssh-copy-id {ssh}",
    ),
    (
        r"could not resolve hostname (?P<host>[^\s:]+)|name or service not known|no address associated",
        "The box {name} cannot be reached: unknown host {host}.",
        "See: lager boxes list; or give user@host.",
    ),
    (
        r"(connect to host (?P<host>\S+) port \d+: )?connection refused",
        "The box {name} refuses ssh{at}.",
        "Is sshd running? Type there: sudo systemctl start ssh",
    ),
    (
        r"(connect to host (?P<host>\S+) port \d+: )?([\w ]+ )?"
        r"(timed out|no route to host|network is unreachable|host is down)",
        "The box {name} does not answer{at}.",
        "Is it on, and are you on its network? Try: ssh {ssh}",
    ),
    (
        r"bad configuration option|terminating, \d+ bad|bad owner or permissions",
        "Your ssh configuration is invalid.",
        "See what ssh says: ssh {ssh}",
    ),
)  # fmt: skip
