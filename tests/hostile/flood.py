"""A client that floods lagerd, as a process of its own: python -m tests.hostile.flood ADDRESS KIND [ID].

ID is of a pause with a console."""

import socket
import sys
import threading
from collections.abc import Callable

from tests.hostile.marshal import NO_REPLY, call
from tests.hostile.raw import Raw

BREAKPOINTS, INSTRUMENTS = "com.lager.Breakpoints", "com.lager.Instruments"
_MANY = {f"key{n}": ("s", "x" * 100) for n in range(8000)}


def _ping(serial: int) -> bytes:
    return call(serial, BREAKPOINTS, "Ping", interface="org.freedesktop.DBus.Peer")


def _list(serial: int) -> bytes:
    return call(serial, BREAKPOINTS, "List")


def _pause_interrupt(serial: int) -> bytes:
    id = f"{serial // 2:08x}"
    if serial % 2:
        return call(serial, BREAKPOINTS, "Interrupt", "s", id)
    return call(serial, BREAKPOINTS, "Pause", "a{sv}", {"id": ("s", id)}, flags=NO_REPLY)


def _big(serial: int) -> bytes:
    return call(serial, BREAKPOINTS, "Pause", "a{sv}", _MANY)


def _long(serial: int) -> bytes:
    return call(serial, BREAKPOINTS, "Pause", "a{sv}", {"label": ("s", "x" * 1_000_000)})


def _consoles(serial: int) -> bytes:
    return call(serial, BREAKPOINTS, "OpenConsole", "sa{sv}", "feedfeed", {})


def _claims(serial: int) -> bytes:
    if serial % 2:
        return call(serial, INSTRUMENTS, "Release", "s", "flooded")
    return call(serial, INSTRUMENTS, "Claim", "sa{sv}", "flooded", {"net": ("s", "x")})


def _fds(serial: int) -> bytes:
    return call(serial, BREAKPOINTS, "Ping", interface="org.freedesktop.DBus.Peer", fds=1)


KINDS: dict[str, Callable[[int], bytes]] = {
    "cheap": _ping, "list": _list, "pause": _pause_interrupt, "big": _big, "long": _long, "consoles": _consoles,
    "claims": _claims, "fds": _fds,
}  # fmt: skip
_AT_ONCE = {"big": 10, "long": 10, "fds": 100}


def main(address: str, kind: str, id: str = "feedfeed") -> None:
    raw = Raw(address)
    many = _AT_ONCE.get(kind, 2000)
    data = b"".join(KINDS[kind](serial) for serial in range(2, many + 2)).replace(b"feedfeed", id.encode())
    fds = [raw.socket.fileno()] * many if kind == "fds" else []
    threading.Thread(target=_drain, args=(raw,), daemon=True).start()
    print("flooding", flush=True)
    while True:
        sent = socket.send_fds(raw.socket, [data], fds) if fds else 0
        raw.socket.sendall(data[sent:])


def _drain(raw: Raw) -> None:
    while raw.socket.recv(1 << 20):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
