"""The world of lager's side of a pause: copies of the standard library as Python ships it, separate from the script's.

A script may replace `socket.socket`, freeze `time`, empty `os.environ` and `sys.path`, and have a `secrets.py` of its
own. So the code that pauses a script imports its own copies of the standard library and of the D-Bus library, with an
`__import__` in its own builtins. None of them is in `sys.modules`: later imports of the script find what they find in
plain Python. C modules are copies as they were before the script began, or new instances.

Imports only modules that Python has imported before it runs any script. PYTEST_DONT_REWRITE: it is imported too early.
"""

import _frozen_importlib
import _imp
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, ModuleType
    from typing import Any

    from lager_startup import Start

bootstrap: "Any" = _frozen_importlib
Module: "type[ModuleType]" = type(sys)
_LOAD_SECONDS = 60.0
_DEEP = 1000  # calls; Python's default limit
_REAL, _WORLD, _AT_ONCE = "__lager_module__", "__lager_world__", "__lager_names__"  # of a module that runs later

# Some import or change objects of the script, from C; others are slow, and a pause does not need them.
_WITHOUT = frozenset(("_asyncio", "_elementtree", "_pickle", "ssl", "_ssl", "gi"))
# Others import these, and few pauses use them: each runs when a name of it is used first. Of some, those that import
# them need these names at once. None of them looks itself up in sys.modules, as signal does.
_LATER: "dict[str, dict[str, Any]]" = {
    "asyncio.sslproto": {}, "copy": {}, "inspect": {}, "json": {}, "locale": {},
    "textwrap": {}, "traceback": {}, "logging": {"DEBUG": 10, "WARNING": 30},
    "subprocess": {"PIPE": -1, "STDOUT": -2, "DEVNULL": -3},
}  # fmt: skip
_ONLY_ONE = ("_frozen_importlib", "_frozen_importlib_external", "_imp", "marshal", "gc", "encodings")
# Attributes of sys that change while a script runs; we read their present values.
_LIVE = frozenset(
    (
        "stdin", "stdout", "stderr", "breakpointhook", "path", "meta_path", "path_hooks", "path_importer_cache", "argv",
        "tracebacklimit", "last_exc", "last_type", "last_value", "last_traceback", "dont_write_bytecode",
    )
)  # fmt: skip
# To inspect the script's objects, lager uses the script's own instance, if it is the one that Python ships.
_LOOKING = frozenset(
    ("sys", "builtins", "linecache", "traceback", "inspect", "collections", "collections.abc", "array")
)
# Python's compiler imports this for names beyond ASCII, and then takes it from the script's `sys.modules`.
_COMPILERS = "unicodedata"
_ONLY_PARTS = frozenset(("dbus_fast", "dbus_next"))  # the packages themselves import what we do not use
# A tool that fakes files, as pyfakefs does, replaces the modules with these names in each module of the script's world,
# and some of ours are there. Our copies have other names.
_RENAMED = frozenset(("os", "posix", "posixpath", "genericpath", "io", "fcntl", "shutil", "tempfile"))
_NEW_ONES = frozenset(("select",))  # gevent removes half of it
# Modules of ours that change the script's own threading, or open its instruments, belong to the script's world. There
# may be two of the bus: commands that a script starts, or runs itself, use it with an event loop of their own.
_OUTSIDE = (
    "lager.errors", "lager.contract", "lager.variables", "lager.world", "lager.wording.text", "lager.wording.values",
    "lager.wording.commands",
    "lager.process.system", "lager.process.fork_lock", "lager.process.threads", "lager.bus", "lager.nets",
    "lager.drivers", "lager.instruments", "lager.recording", "lager.uncaught", "lager.pytest_plugin",
    "lager.breakpoints.triggers.on_error", "lager.breakpoints.triggers.on_test_failure",
    "lager.breakpoints.terminal.in_pytest", "lager.inspection.frames.tracebacks",
)  # fmt: skip
_SCRIPTS = frozenset(
    ("lager.pytest_plugin", "lager.breakpoints.triggers.on_test_failure", "lager.breakpoints.terminal.in_pytest")
)


class World:
    """Modules by name. `load` imports one. A process has one instance of lager itself."""

    def __init__(self, start: "Start") -> None:
        self.start = start
        self.modules: dict[str, ModuleType] = {}
        self._ready: set[str] = set()
        self._ran: dict[str, ModuleType] = {}
        self._lock = start.allocate_rlock()
        # A fork waits until no import is in progress here: its child would wait forever for the end of one.
        start.posix["register_at_fork"](
            before=self._lock.acquire, after_in_parent=self._lock.release, after_in_child=self._lock.release
        )
        self.builtins: dict[str, Any] = {**start.builtins, "__import__": self.import_}
        self._lager = self._finders([start.folder])
        self._library = self._finders(start.library)
        self._others = self._finders(start.others, compiled=False)
        self._of_packages: dict[str, list[Any]] = {}  # each keeps the names in its folder

    def need(self, name: str, later: "_Later | None" = None) -> "ModuleType":
        """Return the module `name`, imported in a thread of its own; with `later`, its code runs there now.

        In that thread, an error that an import keeps has no frame of the caller, the recursion limit is far away,
        descriptors are free for its files if the process may have more, and a signal that is handled meanwhile
        interrupts nothing. All of this is one function: breakpoint() comes here where a script's stack may be full.
        """
        if name in self._ready and later is None:
            return self.modules[name]
        if sys.is_finalizing():  # a thread would start but never run
            return self._load_here(name, later, RuntimeError("Python is ending."))
        if _is_importing(self.start.sys["_getframe"]()):  # another thread would wait for what this one has locked
            return self._loaded(name, later)
        done = self.start.allocate_lock()
        done.acquire()
        failed: list[BaseException] = []

        def work() -> None:
            limit = self.start.sys["getrecursionlimit"]()
            try:
                if limit < _DEEP:
                    self.start.sys["setrecursionlimit"](_DEEP)
                with self.start.descriptors():
                    self._loaded(name, later)
            except BaseException as error:
                failed.append(error.with_traceback(None))
            finally:
                if limit < _DEEP:
                    self.start.sys["setrecursionlimit"](limit)
                done.release()

        try:
            self.start.start_new_thread(work, ())
        except RuntimeError as refused:  # also in Python 3.12.1, from the end of the main thread on
            error = RuntimeError("The script cannot start another thread. End some of its threads.")
            if "subinterpreter" in str(refused):
                error = RuntimeError("A subinterpreter without threads cannot be paused.")
            return self._load_here(name, later, error)
        if not done.acquire(timeout=_LOAD_SECONDS):
            raise ImportError(f"{name} could not be imported within {_LOAD_SECONDS:g} s.")
        if failed:
            raise _in_words(failed.pop())
        return self.modules[name] if later is None else self._ran[name]

    def _loaded(self, name: str, later: "_Later | None") -> "ModuleType":
        return self.load(name) if later is None else self._run_later(later)

    def _load_here(self, name: str, later: "_Later | None", why_here: RuntimeError) -> "ModuleType":
        """Return the module `name`, imported in the calling thread, if it does not import `threading`: the thread that
        does counts as the main thread of that instance, and the script could wait for its end forever."""
        if name != "lager" and "threading" not in self._ready:
            raise why_here
        return self._loaded(name, later)

    def load(self, name: str) -> "ModuleType":
        """Return the module `name` of this world, imported if needed. Raises ImportError, or what the module raises."""
        if name in self._ready:
            return self.modules[name]
        with self._lock:
            return self._load(name)

    def _load(self, name: str) -> "ModuleType":
        parent, _, child = name.rpartition(".")
        package = self.load(parent) if parent else None
        module = self.modules.get(name)  # this thread is importing it, or its parent has put it there
        if module is None:
            module = self._import(name, package)
            if name in _RENAMED:
                module.__dict__["__name__"] = f"lager:{name}"
            self._ready.add(name)
        # Even if the import is not complete: the rest of an import statement looks it up in the package.
        if package is not None and name != "lager.bus":
            setattr(package, child, module)
        return module

    def import_(
        self, name: str, globals: "Any" = None, locals: "Any" = None, fromlist: "Any" = (), level: int = 0
    ) -> "ModuleType":
        """Import as the `import` statements of this world do: see __import__() in the Python library reference."""
        if type(fromlist) is list and not fromlist and not level:
            # C code, such as the warning of a coroutine that ends here: PyImport_Import() looks in sys.modules next.
            return bootstrap._gcd_import(name)  # type: ignore[no-any-return]
        by_us = str((globals or {}).get("__name__", "")).partition(".")[0] == "lager"
        if level:
            package = globals["__package__"].rsplit(".", level - 1)[0]
            name = f"{package}.{name}" if name else package
        module = self._seen_by(by_us, name)
        if not fromlist:
            return self._seen_by(by_us, name.partition(".")[0])
        if "__path__" in module.__dict__:
            for attribute in fromlist:
                if attribute != "*" and not hasattr(module, attribute):
                    try:
                        self._seen_by(by_us, f"{name}.{attribute}")
                    except ModuleNotFoundError as error:
                        if error.name != f"{name}.{attribute}":
                            raise  # else the statement itself reports what is missing
        return module

    def _seen_by(self, by_us: bool, name: str) -> "ModuleType":
        if by_us and name in _LOOKING:
            theirs = self.start.modules[name] if name in ("sys", "builtins") else sys.modules.get(name)
            if theirs is not None and self._is_shipped(name, theirs) and not _is_initializing(theirs):
                return theirs if name != "collections.abc" else self._looking_abc(theirs)
        if name == _COMPILERS or (by_us and _is_foreign(name)):
            return bootstrap._gcd_import(name)  # type: ignore[no-any-return]
        return self.load(name)

    def _looking_abc(self, theirs: "ModuleType") -> "ModuleType":
        """Return the script's `collections.abc` for annotations, too: those with Callable[…] are made by Python code,
        which uses builtins that the script may have replaced."""
        module = _copy("collections.abc", theirs.__dict__)
        module.__dict__["Callable"] = _Annotation("Callable")
        return module

    def _is_shipped(self, name: str, module: "ModuleType") -> bool:
        if name in ("sys", "builtins"):
            return True
        origin = getattr(getattr(module, "__spec__", None), "origin", None)
        if origin in ("built-in", "frozen"):
            return True
        return type(origin) is str and origin.startswith(tuple(f"{folder}/" for folder in self.start.library))

    def _import(self, name: str, package: "ModuleType | None") -> "ModuleType":
        if name in _WITHOUT:
            raise ModuleNotFoundError(f"{name} is not used in a pause", name=name)
        if name.partition(".")[0] in _ONLY_ONE:
            load = _built_in if name in sys.builtin_module_names else bootstrap._gcd_import
            return self._keep(name, self.start.modules.get(name) or load(name))
        if name == "sys":
            return self._keep(name, self._sys())
        if name == "builtins":
            return self._keep(name, _copy(name, self.builtins))
        if name == "typing":
            return self._keep(name, _typing(self.load("collections").namedtuple))
        if name in self.start.compiled:
            return self._keep(name, _copy(name, self.start.compiled[name]))
        if name in sys.builtin_module_names:  # no script has one of its own
            return self._keep(name, _copy(name, _built_in(name).__dict__))
        if name == "lager" or name.startswith("lager."):
            return self._ours(name, package)
        spec = self._find(name, package)
        if isinstance(spec.loader, self.start.importlib.ExtensionFileLoader):
            return self._keep(name, self._compiled(spec))
        if name in _LATER:
            return self._keep(name, _Later(spec, self, _LATER[name]))
        return self._run(spec)

    def _finders(self, folders: "Any", *, compiled: bool = True) -> "list[Any]":
        """Return finders for the folders. `compiled`: C modules come first. The C modules of other libraries would
        import from the script's world."""
        files = self.start.importlib
        details = [
            (files.ExtensionFileLoader, _imp.extension_suffixes()),
            (files.SourceFileLoader, files.SOURCE_SUFFIXES),
            (files.SourcelessFileLoader, files.BYTECODE_SUFFIXES),
        ]
        return [files.FileFinder(folder, *details[:: 1 if compiled else -1]) for folder in folders]

    def _find(self, name: str, package: "ModuleType | None") -> "Any":
        if package is not None:
            found = self._of_packages.get(package.__name__)
            if found is None:
                compiled = name.partition(".")[0] in sys.stdlib_module_names
                found = self._of_packages[package.__name__] = self._finders(package.__path__, compiled=compiled)
            finders = found
        elif name == "lager":
            finders = self._lager
        else:
            finders = self._library if name in sys.stdlib_module_names else self._others
        for finder in finders:
            spec = finder.find_spec(name)
            if spec is not None and spec.loader is not None:
                return spec
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def _keep(self, name: str, module: "ModuleType") -> "ModuleType":
        self.modules[name] = module
        return module

    def _run(self, spec: "Any") -> "ModuleType":
        if spec.name in _ONLY_PARTS:
            return self._keep(spec.name, self._empty(spec))
        module = self._execute(spec, self.modules)
        if spec.name == "types":
            module.__dict__["ModuleType"] = Module  # `types` takes it from the type of sys, and our sys has another one
        return self.modules[spec.name]

    def _empty(self, spec: "Any") -> "ModuleType":
        module = Module(spec.name)
        module.__dict__.update(self.names_of(spec))
        return module

    def _execute(self, spec: "Any", among: "dict[str, ModuleType]") -> "ModuleType":
        """Return a new module whose code has run. It is in `among` from the beginning, unless its code fails."""
        module = among[spec.name] = self._empty(spec)
        try:
            exec(spec.loader.get_code(spec.name), module.__dict__)
        except BaseException:  # its next use tries again
            del among[spec.name]
            raise
        return module

    def names_of(self, spec: "Any") -> "dict[str, Any]":
        """Return the names of a module before its code runs."""
        names = {
            "__name__": spec.name, "__spec__": spec, "__loader__": spec.loader, "__file__": spec.origin,
            "__package__": spec.parent, "__doc__": None, "__builtins__": self.builtins,
        }  # fmt: skip
        if spec.submodule_search_locations is not None:
            names["__path__"] = spec.submodule_search_locations
        return names

    def run_later(self, later: "_Later") -> "ModuleType":
        """Return the module of _LATER, whose code runs now, unless it has run, or this thread is running it."""
        lock: Any = self._lock
        if lock._is_owned():  # in an import
            return self._run_later(later)
        return self.need(later.__dict__["__spec__"].name, later)

    def _run_later(self, later: "_Later") -> "ModuleType":
        with self._lock:
            spec = later.__dict__["__spec__"]
            module = self._ran.get(spec.name)
            if module is None:
                module = self._execute(spec, self._ran)
                later.__dict__[_REAL] = module
                for name in later.__dict__[_AT_ONCE]:
                    del later.__dict__[name]
            return module

    def _ours(self, name: str, package: "ModuleType | None") -> "ModuleType":
        spec = self._find(name, package)
        if name in _SCRIPTS:  # they work with libraries that the script uses
            return self._keep(name, bootstrap._gcd_import(name))
        theirs = sys.modules.get(name)
        is_it = getattr(getattr(theirs, "__spec__", None), "origin", None) == spec.origin
        if theirs is not None and is_it and not _is_bus(name):
            return self._keep(name, theirs)
        module = self._run(spec)
        parent = name.rpartition(".")[0]
        if not _is_bus(name) and (not parent or sys.modules.get(parent) is self.modules[parent]):
            sys.modules.setdefault(name, module)
        return module

    def _sys(self) -> "ModuleType":
        class Sys(Module):  # type: ignore[valid-type,misc]
            def __getattr__(self, name: str) -> "Any":
                return getattr(sys, name)

        private = Sys("sys")
        names = {name: value for name, value in self.start.sys.items() if name not in _LIVE}
        private.__dict__.update(names, modules=self.modules)
        return private

    def _compiled(self, spec: "Any") -> "ModuleType":
        theirs = sys.modules.get(spec.name)
        is_it = getattr(getattr(theirs, "__spec__", None), "origin", None) == spec.origin
        if theirs is not None and is_it and spec.name not in _NEW_ONES and not _is_initializing(theirs):
            return _copy(spec.name, theirs.__dict__)
        if spec.name in _NEW_ONES:
            return _created(spec)
        if theirs is not None:
            del sys.modules[spec.name]
        try:
            return _created(spec)
        finally:
            sys.modules.pop(spec.name, None)  # old C modules put themselves there
            if theirs is not None:
                sys.modules[spec.name] = theirs

    # An import of one of our modules in the script's world finds the one instance.

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        """Find the spec of a module of lager, as a finder of `sys.meta_path` does."""
        if not name.startswith("lager.") or any(name == one or name.startswith(one + ".") for one in _OUTSIDE):
            return None
        parent = name.rpartition(".")[0]
        if sys.modules.get(parent) is not self.need(parent):
            return None
        try:
            origin = self._find(name, self.modules[parent])
        except ModuleNotFoundError:
            return None
        spec = bootstrap.ModuleSpec(name, self, origin=origin.origin, is_package=origin.submodule_search_locations)
        spec.submodule_search_locations = origin.submodule_search_locations
        spec.has_location = True
        return spec

    def create_module(self, spec: "Any") -> "ModuleType":
        return self.need(spec.name)

    def exec_module(self, module: "ModuleType") -> None:
        """Do nothing: the module has run already."""


class _Later(Module):  # type: ignore[valid-type,misc]
    """A module of _LATER for those that import it."""

    def __init__(self, spec: "Any", world: World, names: "dict[str, Any]") -> None:
        super().__init__(spec.name)
        if spec.name == "logging":
            names = {**names, "getLogger": lambda name: _Logger(self, name)}
        self.__dict__.update(names, **world.names_of(spec))
        self.__dict__.update({_WORLD: world, _AT_ONCE: tuple(names)})

    def __getattr__(self, name: str) -> "Any":
        # Until it has run, another thread waits for that: what is there already may need what is not.
        module = self.__dict__.get(_REAL) or self.__dict__[_WORLD].run_later(self)
        return getattr(module, name)


class _Logger:
    """A logger of this world. It has no configuration, so it prints warnings and errors on standard error."""

    def __init__(self, logging: "ModuleType", name: str) -> None:
        self._logging, self._name = logging, name

    def isEnabledFor(self, level: int) -> bool:
        return level >= 30  # WARNING

    def debug(self, *_: object, **__: object) -> None:
        pass

    info = debug

    def __getattr__(self, name: str) -> "Any":
        try:
            _ = self._logging.Logger  # its own getLogger() replaces ours
            return getattr(self._logging.getLogger(self._name), name)
        except Exception:  # no file of it can be read, or an audit hook of the script forbids it
            return self.debug


class _Typing(Module):  # type: ignore[valid-type,misc]
    """`typing` of this world: its names may be in annotations and class statements, and do nothing.

    Since Python 3.12, C code makes generic classes with functions of the real one, which it looks up in the script's
    modules.
    """

    TYPE_CHECKING = False

    def __getattr__(self, name: str) -> "Any":
        if name.startswith("__"):
            raise AttributeError(name)
        self.__dict__[name] = found = _Annotation(name)
        return found


class _Annotation:
    """The value of a name of `typing`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getitem__(self, _: object) -> "_Annotation":
        return self

    def __or__(self, _: object) -> "_Annotation":
        return self

    __ror__ = __or__

    def __call__(self, *arguments: "Any", **_: object) -> "Any":
        """Return the value of cast(kind, value), the function of overload(function), or a type variable."""
        return _Annotation(arguments[0]) if self._name.startswith(("TypeVar", "ParamSpec")) else arguments[-1]

    def __mro_entries__(self, _: object) -> "tuple[type, ...]":
        return (dict,) if self._name == "TypedDict" else ()


def _typing(namedtuple: "Any") -> "ModuleType":
    class NamedTupleMeta(type):
        def __new__(cls, name: str, bases: "Any", names: "dict[str, Any]") -> "Any":
            fields = names.pop("__annotations__", None)
            if fields is None:  # since Python 3.14, a function returns them
                annotate = names.pop("__annotate_func__", None)
                fields = annotate(1) if annotate else {}
            defaults = [names.pop(field) for field in fields if field in names]
            return type(name, (namedtuple(name, fields, defaults=defaults),), {"__slots__": (), **names})

    module = _Typing("typing")
    module.__dict__["NamedTuple"] = type.__new__(NamedTupleMeta, "NamedTuple", (), {})
    return module


def _is_importing(frame: "FrameType | None") -> bool:
    """Return whether the calling thread was interrupted in an import of the standard library, as by a pause request."""
    while frame is not None:
        code = frame.f_code
        is_import = code.co_filename == "<frozen importlib._bootstrap>" and code.co_name == "_find_and_load"
        if is_import and str(frame.f_locals.get("name")).partition(".")[0] in sys.stdlib_module_names:
            return True
        frame = frame.f_back
    return False


def _is_initializing(module: "ModuleType") -> bool:
    """Return whether it is only half there: the pause interrupted its import."""
    return getattr(getattr(module, "__spec__", None), "_initializing", False) is True


def _in_words(error: BaseException) -> BaseException:
    """Return an error with a sentence if the script has made the files of lager, or of Python, unreadable."""
    if not isinstance(error, ModuleNotFoundError):
        return error
    what = f"The files of the module {error.name} cannot be read any more."
    hint = "Pause once before the script changes its user or its root folder."
    return ModuleNotFoundError(f"{what} {hint}", name=error.name)


def _is_foreign(name: str) -> bool:
    """Return whether a library of the script's world has it, as those that open instruments."""
    root = name.partition(".")[0]
    return root != "lager" and root not in sys.stdlib_module_names and root not in _ONLY_PARTS


def _is_bus(name: str) -> bool:
    return name == "lager.bus" or name.startswith("lager.bus.")


def _built_in(name: str) -> "ModuleType":
    """Return the script's own instance, or a new one. It needs neither the script's finders nor Python's import lock,
    which a thread of the script may hold."""
    found = sys.modules.get(name)
    if found is not None:
        return found
    try:
        return _created(bootstrap.BuiltinImporter.find_spec(name))
    finally:
        sys.modules.pop(name, None)  # old C modules put themselves there


def _created(spec: "Any") -> "ModuleType":
    """Return a new instance of a C module."""
    module: ModuleType
    if spec.origin == "built-in":
        module = _imp.create_builtin(spec)
        _imp.exec_builtin(module)
    else:
        module = _imp.create_dynamic(spec)
        _imp.exec_dynamic(module)
    module.__spec__ = spec
    return module


def _copy(name: str, names: "dict[str, Any]") -> "ModuleType":
    module = Module(name)
    module.__dict__.update(names)
    return module
