"""Prepare a Python process of a run before its script begins. lager_startup.pth imports this module.

It is outside the package, and imports nothing that Python has not imported itself, so that a script finds everything as
in plain Python. Each variable that enables something has a function here, which imports its own module.

Contains PYTEST_DONT_REWRITE: pytest imports this module too early to rewrite it.
"""

import _frozen_importlib
import _imp
import _signal  # type: ignore[import-not-found]  # signal's enumerations cost more than all of this
import _thread
import builtins
import os
import sys
import time

# The functions of a module get their builtins from here when they are defined. A script may replace its own.
__builtins__ = dict(builtins.__dict__)  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

_HOOK = "lager.breakpointhook"
_IMPORTED_AFTER = 0.02  # seconds: a module of ours takes about that long
_getframe = sys._getframe
_PAUSE_DESCRIPTORS = 16  # more than a pause and its consoles need
_MORE_DESCRIPTORS = 1024


class Start:
    """The state of Python before the script's code ran; see lager/world.py. A process has one."""

    def __init__(self) -> None:
        self.environ = dict(os.environ)
        self.folder = os.path.dirname(os.path.abspath(__file__))
        home = os.path.dirname(os.__file__)
        self.library = [home, *(path for path in sys.path if os.path.basename(path) == "lib-dynload")]
        given = [os.path.abspath(path) for path in self.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        # PYTHONPATH comes last: it usually names folders of the script.
        paths = [path for path in sys.path if path and path not in self.library]
        own = self.environ.get("LAGER_OWN_PATHS", "").split(":")[1:]  # in an interpreter of another environment
        self.others = [path for path in paths if path not in given] + [path for path in paths if path in given]
        self.others = [*own, *(path for path in self.others if path not in own)]
        self.builtins = dict(builtins.__dict__)
        self.sys = dict(sys.__dict__)
        self.modules = {name: module for name, module in sys.modules.items() if name != "__main__"}
        self.compiled = {
            name: dict(module.__dict__)
            for name, module in list(sys.modules.items())
            if name in sys.builtin_module_names and name not in ("sys", "builtins")
        }
        # Some tools that stop the clock replace time.monotonic itself, in C. They leave this function, which on Linux
        # reads the same clock: time.monotonic() in the Python library reference.
        self.monotonic = self.compiled["time"]["monotonic"] = time.perf_counter
        self.posix = self.compiled["posix"]
        self.importlib = _own_importlib(self.sys, self.posix)
        self.resource = _compiled("resource", self.library[1:])  # it cannot be imported once no descriptor is free
        array = _array(self.library[1:])
        if array is not None:
            self.compiled["array"] = array
        self.allocate_lock, self.allocate_rlock = _thread.allocate_lock, _thread.RLock
        self.start_new_thread = _thread.start_new_thread
        self.main_ident = _thread.get_ident()
        self.at_end: list[Callable[[], object]] = []
        self._world: Any = None
        self._making = _thread.RLock()

    def world(self) -> "Any":
        """Return the `lager.world.World` of the modules that pause this process, made at the first call."""
        with self._making:
            if self._world is None:
                path = f"{self.folder}/lager/world.py"
                module = type(sys)("lager.world")
                # It imports what Python had imported before: the script may have emptied sys.modules.
                by_name = {**self.builtins, "__import__": lambda name, *_: self.modules[name]}
                module.__dict__.update({"__file__": path, "__builtins__": by_name})
                with self.descriptors():
                    code = self.importlib.SourceFileLoader("lager.world", path).get_code("lager.world")
                exec(code, module.__dict__)
                self._world = module.World(self)
            return self._world

    def variable(self, name: str) -> "str | None":
        """Return a variable of the environment as it is now; None if it is not set, or the environment does not
        exist."""
        environ: Any = getattr(os, "environ", None)
        # Its methods are Python code, and use builtins that the script may have replaced.
        encoded = getattr(environ, "_data", None)
        if type(encoded) is dict:
            found = encoded.get(name.encode())
            return found.decode("utf-8", "surrogateescape") if type(found) is bytes else None
        found = environ.get(name) if hasattr(environ, "get") else None
        return found if type(found) is str else None

    def descriptors(self) -> "_FreeDescriptors":
        """Return a context in which a pause has free file descriptors, even if the script has used all of its own."""
        return _FreeDescriptors(self.posix, self.resource)


class _FreeDescriptors:
    def __init__(self, posix: "dict[str, Any]", resource: "Any") -> None:
        self._posix, self._resource = posix, resource
        self._before: tuple[int, int] | None = None
        self._raised: tuple[int, int] | None = None

    def __enter__(self) -> None:
        if self._resource is None or self._enough():
            return
        getlimit, setlimit, files = (self._resource[name] for name in ("getrlimit", "setrlimit", "RLIMIT_NOFILE"))
        self._before = soft, hard = getlimit(files)
        for limits in ((soft + _MORE_DESCRIPTORS, max(hard, soft + _MORE_DESCRIPTORS)), (hard, hard)):
            try:
                setlimit(files, limits)
            except (OSError, ValueError) as error:  # only root may raise the hard limit
                if _by_a_handler(error):
                    raise
                continue
            self._raised = limits
            return

    def __exit__(self, *_: object) -> None:
        if self._raised is not None and self._resource["getrlimit"](self._resource["RLIMIT_NOFILE"]) == self._raised:
            self._resource["setrlimit"](self._resource["RLIMIT_NOFILE"], self._before)

    def _enough(self) -> bool:
        """Return whether enough are free. It opens none itself: Ctrl-C could come before they are closed again. It asks
        for each number, since an audit hook of the script hears of a folder that is listed, and may raise."""
        soft: int = self._resource["getrlimit"](self._resource["RLIMIT_NOFILE"])[0]
        free = 0
        number = 0
        while free < _PAUSE_DESCRIPTORS and number != soft:  # which is -1 if there is no limit
            try:
                self._posix["get_inheritable"](number)
            except OSError as error:
                if error.__traceback__ and error.__traceback__.tb_next and _by_a_handler(error):
                    raise
                free += 1
            number += 1
        return free == _PAUSE_DESCRIPTORS


def _by_a_handler(error: Exception) -> bool:
    """Return whether a signal handler of the script has raised it; see lager/process/raised.py."""
    raised = start().world().modules.get("lager.process.raised")
    return raised is not None and bool(raised.by_a_handler(error))


def _compiled(name: str, folders: "list[str]") -> "dict[str, Any] | None":
    """Return the names of a new instance of a C module, imported without the search that takes longest; None: none."""
    specs = [_frozen_importlib.ModuleSpec(name, None, origin="built-in")]
    if name not in sys.builtin_module_names:
        suffix = _imp.extension_suffixes()[0]
        specs = [_frozen_importlib.ModuleSpec(name, None, origin=f"{folder}/{name}{suffix}") for folder in folders]
    for spec in specs:
        try:
            module = _imp.create_builtin(spec) if spec.origin == "built-in" else _imp.create_dynamic(spec)
            _imp.exec_dynamic(module)
        except ImportError:
            continue
        return dict(module.__dict__)
    return None


def _array(folders: "list[str]") -> "dict[str, Any] | None":
    """Return the names of `array`. It registers itself with a class of `collections.abc`, which it looks up in
    sys.modules; later, the script may have a module of that name, or import one at the same moment."""
    import _collections_abc

    shown = [name for name in ("collections", "collections.abc") if name not in sys.modules]
    try:
        for name in shown:
            sys.modules[name] = _collections_abc
        return _compiled("array", folders)
    finally:
        for name in shown:
            del sys.modules[name]


def _own_importlib(names_of_sys: "dict[str, Any]", names_of_posix: "dict[str, Any]") -> "Any":
    """Return a copy of Python's finders and loaders of files, with a sys and a posix of its own."""
    name = "_frozen_importlib_external"
    module: Any = type(sys)(name)
    exec(_imp.get_frozen_object(name), module.__dict__)
    module._set_bootstrap_module(_frozen_importlib)
    module.sys, module._os = type(sys)("sys"), type(sys)("posix")
    module.sys.__dict__.update(names_of_sys)
    module._os.__dict__.update(names_of_posix)
    return module


def start() -> "Any":
    """Return the Start of this process, even if the script has removed this module and imports it again."""
    found = getattr(sys, "_lager_start", None)
    if not isinstance(found, Start) and type(found).__name__ != "Start":
        found = Start()
        sys._lager_start = found  # type: ignore[attr-defined]
    return found


def _end_after_script() -> None:
    """End lager's part (process/at_end.py) after the exit handlers of the script, which may still use its nets."""
    import atexit

    atexit.register(_end)


def _end() -> None:
    for call in reversed(start().at_end):
        call()


def _breakpoint(*arguments: "Any", **options: "Any") -> "Any":
    """Pause, if breakpoint() is called in a run and neither the user nor the script has chosen another hook."""
    if _chosen_hook() not in ("", _HOOK):
        return start().sys["__breakpointhook__"](*arguments, **options)
    try:
        ours = start().world().need("lager")
    except Exception as error:
        if not _is_of_import(error):  # a signal handler has raised it meanwhile
            raise
        if sys.stderr is not None:
            why = str(error) if type(error) in (RuntimeError, ModuleNotFoundError) else repr(error)  # of lager/world.py
            why = "Python is ending." if sys.is_finalizing() else why
            print(f"lager: cannot pause here; continuing. {why}", file=sys.stderr)
        return None
    to_raise = ours._breakpoint(_caller(), *arguments, **options)
    if to_raise is not None:
        try:
            raise to_raise
        finally:
            del to_raise  # its traceback has this frame, and would keep it and its callers alive
    return None


def _chosen_hook() -> str:
    """Return the present value of PYTHONBREAKPOINT; empty if it is not set, or the script has replaced os.environ."""
    return start().variable("PYTHONBREAKPOINT") or ""


def _caller() -> "FrameType":
    """Return the frame that called the hook; the hook's own if C called it, as atexit does."""
    hook = _getframe(1)
    caller = hook.f_back
    while caller is not None and caller.f_globals is hook.f_globals:  # see _beside_debugger()
        caller = caller.f_back
    return caller or hook


def _is_of_import(error: Exception) -> bool:
    """Return whether `error` comes from lager's own imports, as when its files cannot be read."""
    raised = error.__traceback__
    while raised is not None and raised.tb_next is not None:
        raised = raised.tb_next
    ours = (__name__, "lager.world", "_frozen_importlib", "_frozen_importlib_external")
    return raised is not None and raised.tb_frame.f_globals.get("__name__") in ours


def _set_hook() -> None:
    """Set breakpoint() for this process only: with PYTHONBREAKPOINT, a child whose Python has no lager would warn."""
    if sys.flags.ignore_environment or os.environ.get("PYTHONBREAKPOINT", _HOOK) == _HOOK:
        os.environ.pop("PYTHONBREAKPOINT", None)
        sys.breakpointhook = sys.__breakpointhook__ = _breakpoint  # a reset of the hook sets it to the second one


class _DebuggerWatch:
    """A finder that keeps breakpoint() a pause where a script or a Jupyter kernel imports debugpy; it finds no modules.

    debugpy replaces the hook even if nothing is attached. Then breakpoint() would do nothing, or raise TypeError.
    """

    _LAST = "debugpy._vendored.force_pydevd"  # its import sets the hook
    _found = False

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        if name != self._LAST or self._found or sys.breakpointhook is not _breakpoint:
            return None
        self._found = True  # it stays where it is: another thread may be looking through the list
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader.exec_module = _keeping_hook(spec.loader.exec_module)  # type: ignore
                return spec
        return None


def _keeping_hook(run: "Callable[[Any], None]") -> "Callable[[Any], None]":
    def exec_module(module: "Any") -> None:
        run(module)
        sys.breakpointhook = _beside_debugger(module, sys.breakpointhook)

    return exec_module


def _beside_debugger(module: "Any", theirs: "Callable[[], Any]") -> "Callable[..., Any]":
    """Return a hook that stops in the debugger if one is attached, and else pauses."""

    def hook(*arguments: "Any", **options: "Any") -> "Any":
        return theirs() if module.debugpy.is_client_connected() else _breakpoint(*arguments, **options)

    # The debugger stops in the first frame that is not in a file of its own.
    hook.__code__ = hook.__code__.replace(co_filename=module.__file__)
    return hook


def _keep_hook() -> None:
    if sys.breakpointhook is _breakpoint:
        sys.meta_path.insert(0, _DebuggerWatch())


def _listen() -> None:
    """Make SIGURG pause the script. A process without a handler ignores this signal."""
    if _signal.getsignal(_signal.SIGURG) == _signal.SIG_DFL:
        _signal.signal(_signal.SIGURG, _asked)


def _asked(_: int, frame: "FrameType") -> None:
    if _is_importing_lager():
        start().start_new_thread(_ask_again, (_thread.get_ident(),))
    else:
        start().world().need("lager")._asked(frame)


def _is_importing_lager() -> bool:
    """Return whether the request interrupted the import of a module of lager, which is incomplete."""
    ours = f"{start().folder}/lager/"
    specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
    return any(
        getattr(spec, "_initializing", False) is True and str(getattr(spec, "origin", "")).startswith(ours)
        for spec in specs
    )


def _ask_again(main_thread: int) -> None:
    start().compiled["time"]["sleep"](_IMPORTED_AFTER)
    if _signal.getsignal(_signal.SIGURG) is _asked:
        _signal.pthread_kill(main_thread, _signal.SIGURG)


_INTERRUPTED_AFTER = 2.0  # seconds, at most; a busy box takes its time


def _end_by_the_ladder() -> None:
    """Give the script time to clean up if the whole job is ended, as by timeout(1) or a closed terminal.

    It passes the signal on to `lager python`, which interrupts the script. Children behave as in plain Python.
    """
    from _thread import get_ident
    from time import sleep

    parent = int(os.environ.pop("LAGER_PYTHON_PID"))
    if os.getppid() != parent:
        return

    def told_again(number: int, _: "FrameType | None") -> None:
        """Do nothing: when a terminal is closed, the kernel, the shell, and the kernel once more send SIGHUP."""

    def told(number: int, _: "FrameType | None") -> None:
        # A second SIGTERM ends it at once.
        _signal.signal(number, told_again if number == _signal.SIGHUP else _signal.SIG_DFL)
        if os.getppid() == parent:
            os.kill(parent, number)
            if _signal.getsignal(_signal.SIGINT) == _signal.SIG_IGN:
                raise KeyboardInterrupt
            sleep(_INTERRUPTED_AFTER)  # so that the script does not continue meanwhile
        elif number == _signal.SIGTERM:  # `lager python` is dead, and its keeper has interrupted us already
            if _signal.getsignal(_signal.SIGINT) == _signal.SIG_IGN:  # without effect: a job that a shell put behind
                raise KeyboardInterrupt
            _signal.raise_signal(number)

    masks: dict[int, Any] = {}

    def hold() -> None:
        # A signal to a child that still has our handler would be lost: Python clears pending signals in a child.
        masks[get_ident()] = _signal.pthread_sigmask(_signal.SIG_BLOCK, taken)

    def release() -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, masks.pop(get_ident()))

    def forget() -> None:
        for number in taken:
            if _signal.getsignal(number) in (told, told_again):
                _signal.signal(number, _signal.SIG_DFL)
        release()

    taken = [n for n in (_signal.SIGTERM, _signal.SIGHUP) if _signal.getsignal(n) == _signal.SIG_DFL]
    for number in taken:
        _signal.signal(number, told)
    os.register_at_fork(before=hold, after_in_parent=release, after_in_child=forget)


def _write_lines() -> None:
    """Buffer standard output by lines, so that followers of a detached run see each line at once."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _show_typed_names() -> None:
    from lager.inspection.frames.tracebacks import show_typed_names

    show_typed_names()


def _pause_on_error() -> None:
    """Watch this process and its forked children. Programs that it starts are plain Python."""
    del os.environ["LAGER_PAUSE_ON_ERROR"]
    from lager.breakpoints.triggers import on_error

    on_error.install()


def _pause_at_start() -> None:
    """Pause this process before the first line of its script. Programs that it starts are plain Python."""
    quiet = os.environ.pop("LAGER_PAUSE_AT_START") == "quiet"
    start().world().need("lager.breakpoints.triggers.at_start").watch(quiet)


_HOOKS = {
    "LAGER_PROCESS_ID": (start, _end_after_script, _set_hook, _keep_hook, _listen),
    "LAGER_PYTHON_PID": (_end_by_the_ladder,),
    "LAGER_DETACHED": (_write_lines,),
    "LAGER_RUN_FOLDER": (_show_typed_names,),
    "LAGER_PAUSE_ON_ERROR": (_pause_on_error,),
    "LAGER_PAUSE_AT_START": (_pause_at_start,),
}


def _begin(hook: "Callable[[], object]") -> None:
    try:
        hook()
    except Exception:  # for example, a second interpreter of the process cannot handle signals
        return  # the script runs anyway


for _name, _hooks in _HOOKS.items():
    if os.environ.get(_name):
        for _hook in _hooks:
            _begin(_hook)
