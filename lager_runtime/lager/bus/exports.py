"""Exported objects: find the method that a call names, run it, and reply with its result or an error."""

import asyncio
import errno
import logging
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from lager.bus.interfaces import LATER, Interface, Method, Outcome
from lager.bus.received import Call, no_descriptor
from lager.errors import AccessDenied, Failed, InvalidArgument, LagerError

_STANDARD = "org.freedesktop.DBus.Error."

_log = logging.getLogger(__name__)


class ObjectTree:
    """The objects of one connection, by path.

    `refused` is called for each call that failed with AccessDenied, and for each call of a `lasting` method that failed
    for any reason. When the tree closes, pending calls fail with the text and hint in `stopping`. Calls of `lasting`
    methods get no reply: when the connection ends, their callers call the next process that owns this name.
    """

    def __init__(
        self,
        refused: Callable[[Call, LagerError], Coroutine[Any, Any, None]] | None = None,
        lasting: Collection[str] = (),
        stopping: tuple[str, str] = ("lagerd is stopping.", "Try again when it is back."),
    ) -> None:
        self._refused = refused
        self._stopping = stopping
        self._lasting = lasting
        self._objects: dict[str, dict[str, Interface]] = {}
        self._descriptions: dict[str, str] = {}  # by path
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def add(self, path: str, interface: Interface) -> None:
        """Export an interface at `path`, with the standard interfaces."""
        self._descriptions.clear()
        self._objects.setdefault(path, dict(_STANDARD_INTERFACES))[interface.name] = interface
        own = self._objects[path]
        own["org.freedesktop.DBus.Properties"] = _properties(own)

    def dispatch(self, call: Call) -> None:
        """Run the called method. Its caller gets exactly one reply, whatever happens."""
        if self._closed:
            self._stop(call)
            return
        try:
            method = self._find(call)
            if method is None:
                return
            if "h" not in method.takes:
                call.close_fds()
            outcome = method.run(call)
        except Exception as error:
            self._fail(call, error)
            return
        if isinstance(outcome, tuple):
            self._reply(call, method, outcome)
        else:
            self._spawn(self._finish(call, method, outcome))

    async def close(self) -> None:
        """Cancel the methods that are still running. Their callers and all later ones get an error, except those of
        `lasting` methods."""
        self._closed = True
        await asyncio.sleep(0)  # let each task begin: a task that has not begun cannot reply
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(self, call: Call, method: Method, work: Coroutine[Any, Any, Outcome]) -> None:
        call.begin()
        try:
            self._reply(call, method, await work)
        except asyncio.CancelledError:
            self._stop(call)
            raise
        except Exception as error:
            self._fail(call, error)
        finally:
            call.end()

    def _reply(self, call: Call, method: Method, outcome: Any) -> None:
        call.close_fds()
        if outcome is not LATER:
            call.reply(method.gives, *outcome)

    def _stop(self, call: Call) -> None:
        if call.member in self._lasting:
            call.close_fds()
        else:
            self._fail(call, Failed(*self._stopping))

    def _fail(self, call: Call, error: Exception) -> None:
        call.close_fds()
        if isinstance(error, LagerError):
            call.fail(error)
            told = isinstance(error, AccessDenied) or call.member in self._lasting
            if told and self._refused is not None:
                self._spawn(self._refused(call, error))
        elif isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            call.fail(no_descriptor())
        elif isinstance(error, ModuleNotFoundError):  # after a change of the user or of the root folder
            what = f"The files of the module {error.name} cannot be read by that process any more."
            call.fail(Failed(what, "Use it once before the process changes its user or its root folder."))
        else:
            _log.error("%s failed.", call.member, exc_info=error)
            call.fail(Failed(f"Internal error in {call.member}.", "See its log."))

    def _find(self, call: Call) -> Method | None:
        interfaces = self._objects.get(call.path)
        if interfaces is None:
            return self._between(call)
        candidates = [interfaces[call.interface]] if call.interface in interfaces else []
        if not call.interface:
            candidates = list(interfaces.values())
        method = next((one.methods[call.member] for one in candidates if call.member in one.methods), None)
        if method is None:
            self._unknown(call, "UnknownMethod", f"{call.path} has no method {call.interface}.{call.member}.")
            return None
        if method.run is _introspect:
            return Method("", "s", lambda _: (self._introspection(call.path),))
        if method.takes != call.signature:
            takes, got = method.takes or "no arguments", call.signature or "none"
            raise InvalidArgument(f"{call.member} takes {takes}, but got {got}.")
        return method

    def _between(self, call: Call) -> Method | None:
        """Return Introspect for a path that only leads to other objects, so that one can browse."""
        if call.member == "Introspect" and any(path.startswith(call.path.rstrip("/") + "/") for path in self._objects):
            return Method("", "s", lambda _: (self._introspection(call.path),))
        self._unknown(call, "UnknownObject", f"There is no object {call.path} here.")
        return None

    def _unknown(self, call: Call, name: str, text: str) -> None:
        call.close_fds()
        call.refuse(_STANDARD + name, text)

    def _introspection(self, path: str) -> str:
        if path not in self._descriptions:
            self._descriptions[path] = self._described(path)
        return self._descriptions[path]

    def _described(self, path: str) -> str:
        from lager.bus import introspection  # few ask for it

        prefix = path.rstrip("/") + "/"
        children = {other[len(prefix) :].split("/")[0] for other in self._objects if other.startswith(prefix)}
        return introspection.of_object(self._objects.get(path, {}).values(), children)


def _introspect(_: Call) -> Outcome:
    raise AssertionError("ObjectTree answers this itself")


def _properties(own: dict[str, Interface]) -> Interface:
    def one(call: Call) -> Outcome:
        interface, name = call.args
        return (_value(own, interface, name),)

    def every(call: Call) -> Outcome:
        interface = own.get(call.args[0])
        if interface is None:
            raise InvalidArgument(f"There is no interface {call.args[0]} here.")
        return ({name: read() for name, (_, read) in interface.properties.items()},)

    def write(call: Call) -> Outcome:
        interface, name, value = call.args
        _value(own, interface, name)
        if name not in own[interface].setters:
            raise InvalidArgument(f"The property {name} cannot be set.")
        own[interface].setters[name](value)
        return ()

    methods = {"Get": Method("ss", "v", one), "GetAll": Method("s", "a{sv}", every), "Set": Method("ssv", "", write)}
    return Interface("org.freedesktop.DBus.Properties", methods)


def _value(own: dict[str, Interface], interface: str, name: str) -> Any:
    properties = own[interface].properties if interface in own else {}
    if name not in properties:
        raise InvalidArgument(f"There is no property {interface}.{name} here.")
    return properties[name][1]()


def _machine_id(_: Call) -> Outcome:
    with open("/etc/machine-id", encoding="ascii") as file:
        return (file.read().strip(),)


_STANDARD_INTERFACES = {
    interface.name: interface
    for interface in (
        Interface(
            "org.freedesktop.DBus.Introspectable",
            {"Introspect": Method("", "s", _introspect)},
        ),
        Interface(
            "org.freedesktop.DBus.Peer",
            {"Ping": Method("", "", lambda _: ()), "GetMachineId": Method("", "s", _machine_id)},
        ),
    )
}
