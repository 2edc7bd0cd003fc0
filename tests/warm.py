"""Commands of ours as forks of a process that has imported them already.

Most tests start `lager` or `lagerd` for what it does, and most of the time of such a process goes into importing. So a
server of each pytest worker imports all of it once, and forks for each command. What it forks is a process of its own,
as the test asked for it: descriptors, folder, environment, session, arguments, name, and a child of the worker. Where
Python itself would begin otherwise (another locale, PYTHONPATH), and where this machine cannot do it, the test gets a
process from the beginning, as it does for all that it starts by itself.
"""

import atexit
import contextlib
import ctypes
import fcntl
import gc
import io
import json
import os
import platform
import pty
import runpy
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_BIN = Path(sys.executable).parent
_COMMANDS = {str(_BIN / "lager"): "lager_cli.entry", str(_BIN / "lagerd"): "lagerd.main"}
_BENCH = [sys.executable, "-m", "lagerd.bench"]
_BEGINS_OTHERWISE = ("PYTHON", "LC_", "LANG", "LD_", "COVERAGE", "LAGER_PROCESS_ID", "LAGER_PYTHON_PID", "MALLOC")
_CLONE = {"x86_64": (56, 3), "aarch64": (220, 4)}  # its number, and which argument is the place of the thread's id
_FLAGS = 0x00008000 | 0x01000000 | 0x00200000 | signal.SIGCHLD  # PARENT, CHILD_SETTID, CHILD_CLEARTID: clone(2)
_PR_SET_NAME, _PR_SET_MM, _PR_GET_TID_ADDRESS = 15, 35, 40  # prctl(2)
_PR_SET_MM_ARG_END = 9
_ONLY_IN_SCRIPTS = (
    "lager.world", "lager.pytest_plugin", "lager.breakpoints", "lager.console", "lager.uncaught",
    "lager.stepping", "lager_cli.detached",
)  # fmt: skip
_MOST = 2  # servers of one worker
_ROOM = 1 << 14  # bytes of arguments
_LONGEST = 1 << 17  # bytes of a request
_LIBRARIES = (
    "asyncio", "click", "click.shell_completion", "dbus_fast.aio", "prompt_toolkit", "pygments", "pymodbus.client",
    "pyvisa", "pyvisa_py", "pyvisa_py.highlevel", "serial", "sdnotify", "tomlkit", "uuid", "xml.etree.ElementTree",
)  # fmt: skip


def _beginning(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_BEGINS_OTHERWISE)}


class Server:
    """The process that forks, from the side of the tests."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.beginning = _beginning(env)
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.warm", str(theirs.fileno()), "x" * _ROOM]
            # Nothing that is of one test: /proc shows this environment for all that the server will have forked.
            others = {name: value for name, value in os.environ.items() if not name.startswith(_BEGINS_OTHERWISE)}
            self._popen = subprocess.Popen(
                command, cwd=_ROOT, env=others | self.beginning, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        atexit.register(self.close)

    def fork(self, request: dict[str, Any], fds: Sequence[int]) -> int | None:
        """Return the id of the new process, None if there can be none."""
        data = json.dumps(request).encode()
        if len(data) > _LONGEST or self._popen.poll() is not None:
            return None
        try:
            socket.send_fds(self._sock, [data], list(fds))
            return int(self._sock.recv(100)) or None
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        self._sock.close()
        self._popen.wait()


_servers: list[Server] = []


def _server(env: Mapping[str, str]) -> Server | None:
    """Return the server for processes that begin as with this environment."""
    beginning = _beginning(env)
    if {"COVERAGE_PROCESS_CONFIG", "COLD"} & os.environ.keys() or platform.machine() not in _CLONE or os.getuid() != 0:
        return None
    for one in _servers:
        if one.beginning == beginning:
            return one
    if beginning.keys() - {"PYTHONUNBUFFERED"} - _beginning(os.environ).keys() or len(_servers) == _MOST:
        return None
    _servers.append(Server(env))
    return _servers[-1]


class Popen(subprocess.Popen[Any]):
    """As subprocess.Popen, which starts what no server can fork."""

    def _execute_child(
        self, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any, cwd: Any, env: Any, *more: Any
    ) -> None:
        shell, pipes, starts_session = more[2], more[3:9], more[14]
        command = [os.fspath(one) for one in args]
        if not pass_fds and preexec_fn is None and not shell and starts_session and env and _is_ours(command):
            server = _server(env)
            given = [fd if fd >= 0 else number for number, fd in enumerate((pipes[0], pipes[3], pipes[5]))]
            pid = (
                server.fork({"args": command, "cwd": os.fspath(cwd), "env": dict(env), "terminal": False}, given)
                if server
                else None
            )
            if pid is not None:
                self.pid = pid
                self._child_created = True
                self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]
                return
        super()._execute_child(  # type: ignore[misc]
            args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *more
        )


def on_terminal(
    command: Sequence[str], env: Mapping[str, str], cwd: Path, size: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Start a command on a terminal of its own; its process id and the other end. None where no server can fork it."""
    server = _server(env) if _is_ours(command) else None
    if server is None:
        return None
    ours, theirs = pty.openpty()
    try:
        if size is not None:
            termios.tcsetwinsize(theirs, size)
        pid = server.fork(
            {"args": list(command), "cwd": os.fspath(cwd), "env": dict(env), "terminal": True}, [theirs] * 3
        )
    finally:
        os.close(theirs)
    if pid is None:
        os.close(ours)
        return None
    return pid, ours


def _is_ours(command: Sequence[str]) -> bool:
    return command[0] in _COMMANDS or list(command[:3]) == _BENCH


def _serve(sock: socket.socket) -> Callable[[], Any]:
    """Fork for each request; what to run, in the child. The server itself ends with the tests."""
    libc, python = ctypes.PyDLL(None, use_errno=True), ctypes.pythonapi
    thread_id = ctypes.c_void_p()
    if libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(thread_id), 0, 0, 0) != 0:
        sys.exit("this kernel cannot tell where a thread's id is kept")
    number, place = _CLONE[platform.machine()]
    arguments = [0, 0, 0, 0]
    arguments[place - 1] = thread_id.value or 0
    values = [ctypes.c_long(number), ctypes.c_long(_FLAGS), *map(ctypes.c_void_p, arguments)]
    while True:
        data, fds, _, _ = socket.recv_fds(sock, _LONGEST, 3)
        if not data:
            os._exit(0)
        python.PyOS_BeforeFork()
        pid = libc.syscall(*values)
        if pid == 0:
            python.PyOS_AfterFork_Child()
            work = _begun(json.loads(data), fds, libc)
            sock.send(str(os.getpid()).encode())
            sock.close()
            return work
        python.PyOS_AfterFork_Parent()
        for fd in fds:
            os.close(fd)
        if pid < 0:
            sock.send(b"0")


def _begun(request: dict[str, Any], fds: Sequence[int], libc: Any) -> Callable[[], Any]:
    """Make this process what was asked for, and return what it has to run."""
    os.setsid()
    if request["terminal"]:
        fcntl.ioctl(fds[0], termios.TIOCSCTTY, 0)
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
    for fd in fds:
        os.close(fd)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    sys.stdout = _written(1, "strict")
    sys.stderr = _written(2, "backslashreplace")
    vars(sys).update(__stdin__=sys.stdin, __stdout__=sys.stdout, __stderr__=sys.stderr)
    words = request["args"]
    program = os.path.basename(words[0])
    _name(libc, [sys.executable, *words] if words[0] in _COMMANDS else words, program)
    if words[0] in _COMMANDS:
        sys.argv = list(words)
        sys.orig_argv = [sys.executable, *words]
        main = sys.modules["__main__"]
        main.__dict__.update(__file__=words[0], __spec__=None)
        return lambda: import_module(_COMMANDS[words[0]]).main()
    sys.argv, sys.orig_argv = list(words[2:]), list(words)
    return lambda: runpy.run_module(words[2], run_name="__main__", alter_sys=True)


def _written(fd: int, errors: str) -> Any:
    now = bool(os.environ.get("PYTHONUNBUFFERED"))
    raw = io.FileIO(fd, "wb", closefd=False)
    return io.TextIOWrapper(
        raw if now else io.BufferedWriter(raw),
        errors=errors,
        line_buffering=os.isatty(fd) or fd == 2,
        write_through=now,
    )


def _name(libc: Any, words: Sequence[str], program: str) -> None:
    """Show this command line in /proc, instead of the server's."""
    libc.prctl(_PR_SET_NAME, program.encode()[:15], 0, 0, 0)
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    line = b"".join(os.fsencode(word) + b"\0" for word in words)
    if len(line) <= end - start:
        ctypes.memset(start, 0, end - start)
        ctypes.memmove(start, line, len(line))
        libc.prctl(_PR_SET_MM, _PR_SET_MM_ARG_END, ctypes.c_void_p(start + len(line)), 0, 0)


def _end_with(run: Callable[[], Any]) -> None:
    """Run it and end the process as Python does, but without taking all modules down one by one."""
    code: Any = 0
    try:
        try:
            code = run()
        except SystemExit as leaving:
            code = leaving.code
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
        threading._shutdown()  # type: ignore[attr-defined]
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 120
    os._exit((code or 0) & 255)


def _import_all() -> None:
    """Import the libraries that commands use, and our own modules but for those that run when they are imported."""
    for name in _LIBRARIES:
        with contextlib.suppress(Exception):
            import_module(name)
    usb: Any = sys.modules.get("usb.backend.libusb1")
    if usb is not None and usb._lib_object is not None:  # importing pyvisa-py opens it; it has a thread
        usb._lib_object.finalize()
        usb._lib = usb._lib_object = None
    for package in ("lager_cli", "lagerd", "lager_runtime/lager"):
        folder = _ROOT / package
        for file in sorted(folder.rglob("*.py")):
            name = ".".join((folder.name, *file.relative_to(folder).with_suffix("").parts)).removesuffix(".__init__")
            if not name.startswith(_ONLY_IN_SCRIPTS) and file.stem != "__main__":
                with contextlib.suppress(Exception):
                    import_module(name)


if __name__ == "__main__":
    _import_all()
    gc.collect()
    gc.freeze()
    sys.path[0] = str(_BIN)
    _end_with(_serve(socket.socket(fileno=int(sys.argv[1]))))
