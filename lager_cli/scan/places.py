"""The places where instruments may be: devices that the buses list without access to them, named hosts, and the nets
file."""

import contextlib
import ipaddress
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lager.errors import InvalidArgument
from lager.nets import resource
from lager.nets.model import Nets
from lager.wording.text import printable

_MOST_HOSTS = 1024
_CONNECT_SECONDS = 0.5
# Raw SCPI of Keithley and Keysight, and of Rigol; VXI-11 by its portmapper; Modbus TCP.
_PORTS = {5025: "TCPIP::{}::5025::SOCKET", 5555: "TCPIP::{}::5555::SOCKET", 111: "TCPIP::{}::INSTR", 502: "{}"}


def visa() -> list[str]:
    """Return the VISA resources that pyvisa-py finds: USB devices, and what answers VXI-11's broadcast. Takes seconds.

    Serial ports are left out, because opening them resets many devices.
    """
    with contextlib.suppress(Exception):  # a library that it needs is missing or fails: then it finds nothing
        from pyvisa.highlevel import ResourceManager

        warnings.simplefilter("ignore")  # of what pyvisa-py cannot search without more libraries
        manager = ResourceManager("@py")
        try:
            return [one for one in manager.list_resources("?*::INSTR") if not one.startswith("ASRL")]
        finally:
            manager.close()
    return []


def serial_ports() -> list[tuple[str, str]]:
    """Return the path and the description of each serial port with a device; opens none."""
    from serial.tools import list_ports

    names = {link.resolve(): str(link) for link in sorted(Path("/dev/serial/by-id").glob("*"))}
    found = list_ports.comports()
    return [
        (names.get(Path(one.device).resolve(), one.device), printable(one.description or "serial port", 60))
        for one in sorted(found)
        if one.hwid != "n/a" or one.device in names.values()
    ]


def of_file(nets: Nets | None) -> Iterator[str]:
    """Yield the addresses in the nets file that can be asked without opening a serial port."""
    for instrument in nets.instruments.values() if nets is not None else ():
        if not is_serial(instrument.address):
            yield instrument.address


def is_serial(address: str) -> bool:
    """Return whether asking this address would open a serial port."""
    place = resource.parse(address)
    return place.reach is resource.Reach.SERIAL or place.is_serial_line


def of_words(words: Iterable[str]) -> Iterator[Callable[[], list[str]]]:
    """Yield a function for each place that the user names, which returns the addresses there that accept connections.

    A word is a host, a network (192.168.1.0/24), or a whole address. Raises InvalidArgument.
    """
    for word in words:
        hosts = _hosts(word)
        if hosts is None:
            yield lambda word=word: [word]  # type: ignore[misc]
        for host in hosts or ():
            yield lambda host=host: _open_at(host)  # type: ignore[misc]


def _hosts(word: str) -> list[str] | None:
    """Return the hosts that a word means; None if it is an address."""
    try:
        if "/" in word and not word.startswith("/"):
            network = ipaddress.IPv4Network(word, strict=False)
            if network.num_addresses > _MOST_HOSTS:
                raise InvalidArgument(f"{word} has {network.num_addresses} hosts.", f"Give at most {_MOST_HOSTS}.")
            return [str(host) for host in network.hosts()]
        place = resource.parse(word)
    except ValueError as problem:
        raise InvalidArgument(
            f"{printable(word, 60)} is not a place to scan: {problem}.", "Give a host, a network or an address."
        ) from None
    return [place.host] if place.reach is resource.Reach.MODBUS and ":" not in word else None


def _open_at(host: str) -> list[str]:
    """Return an address for each known port of the host that accepts a connection; of SCPI, the first one."""
    found: list[str] = []
    for port, address in _PORTS.items():
        if port == 111 and found:
            continue  # the same instrument
        with contextlib.suppress(OSError), socket.create_connection((host, port), _CONNECT_SECONDS):
            found.append(address.format(host))
    return found
