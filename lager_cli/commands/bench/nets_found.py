"""`lager nets scan` and `lager nets add`: find instruments, and write nets into the nets file."""

import contextlib
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import click

from lager.contract import LIMITS
from lager.errors import InvalidArgument, LagerError, NetsFileError
from lager.nets import file as nets_file
from lager.nets.model import Nets, NetType, net_type
from lager.wording.text import printable
from lager_cli import daemon
from lager_cli.display import output
from lager_cli.options.box_option import box_option
from lager_cli.options.common import json_option, seconds
from lager_cli.options.typed_values import number
from lager_cli.scan import asking, nets_writer, places
from lager_cli.scan.asking import Found

_AT_ONCE = 64
_HEADERS = ("ADDRESS", "MODEL", "NETS", "KNOWN AS", "WHAT")


@click.command()
@click.argument("places", nargs=-1, metavar="[HOST|NETWORK|ADDRESS]...")
@click.option(
    "--for", "--limit", "limit", type=seconds, default=10.0, metavar="TIME", help="End after this time (default: 10s)."
)
@json_option
@box_option
def scan(places: tuple[str, ...], limit: float, as_json: bool) -> None:
    """List the instruments that answer: on VISA (USB, and VXI-11 on this network), those of the nets file, and what
    answers at HOST, in NETWORK (192.168.1.0/24) or at ADDRESS. Serial ports are listed, and not opened.

    It sends only *IDN?, and asks a LabJack for its product. It skips instruments in use.

    \b
    Examples:
      lager nets scan
      lager nets scan 192.168.1.0/24
    """
    daemon.ready_address()
    found, late = _Scan(places, limit).run()
    if as_json:
        output.print_json([one.as_dict() for one in found])
    elif found:
        output.fitting_table(_HEADERS, [_row(one) for one in found])
        free = next((one for one in found if one.types and not one.known_as), None)
        if free is not None:
            output.advise(f"Add one with: lager nets add NAME --type {free.types[0]} --address {free.address}")
    else:
        output.advise("Nothing answered. Name hosts or a network: lager nets scan 192.168.1.0/24")
    if late:
        output.note(f"{late} of the places did not answer within {limit:g} s")


class _Scan:
    def __init__(self, words: tuple[str, ...], limit: float) -> None:
        self._nets = _existing()
        self._ends = time.monotonic() + limit
        self._pool = ThreadPoolExecutor(_AT_ONCE, "scan")
        self._words = list(places.of_words(words))

    def run(self) -> tuple[list[Found], int]:
        """Return what was found, and how many places were late."""
        try:
            looking = [self._pool.submit(places.visa), *map(self._pool.submit, self._words)]
            addresses = dict.fromkeys(places.of_file(self._nets))
            asked = {address: self._ask(address) for address in addresses}
            late = 0
            for one in looking:
                done = self._result(one)
                late += done is None
                for address in done or ():
                    if address not in asked:
                        asked[address] = self._ask(address)
            answers = [self._result(future) for future in asked.values()]
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
        late += answers.count(None)
        ports = [Found(path, problem=f"serial port, not asked: {what}") for path, what in places.serial_ports()]
        return [*_distinct(one for one in answers if one is not None), *ports], late

    def _ask(self, address: str) -> "Future[Found]":
        return self._pool.submit(asking.ask, address, self._nets)

    def _result(self, future: "Future[Any]") -> Any:
        """Return the result; None if it is late."""
        wait([future], timeout=max(self._ends - time.monotonic(), 0.0))
        return future.result() if future.done() else None


def _distinct(found: Any) -> list[Found]:
    """Leave out instruments that were found at a second address, by the serial number in *IDN?."""
    kept: dict[str, Found] = {}
    for one in found:
        serial = one.identity.split(",")[2].strip() if one.identity.count(",") > 1 else ""
        kept.setdefault(one.identity if serial.strip("0") else one.address, one)
    return list(kept.values())


def _row(one: Found) -> tuple[object, ...]:
    return one.address, one.model or "-", " ".join(one.types) or "-", one.known_as or "-", one.identity or one.problem


def _existing() -> Nets | None:
    try:
        return nets_file.load()
    except NetsFileError:
        return None


@click.command()
@click.argument("name")
@click.option(
    "--type",
    "type_word",
    required=True,
    metavar="TYPE",
    help=f"Set the type: {', '.join(type.value for type in NetType)}.",
)
@click.option(
    "--address", required=True, help="Set the address: a VISA resource, a serial device path, or a Modbus TCP host."
)
@click.option("--channel", help="Set the channel of the instrument (default: its only one).")
@click.option("--model", help="Set the model (default: ask the instrument).")
@click.option("--instrument", metavar="NAME", help="Name a new instrument (default: from its model).")
@click.option("--max-voltage", metavar="VOLTS", help="Set the maximum voltage (default: no limit).")
@click.option("--max-current", metavar="AMPERES", help="Set the maximum current (default: no limit).")
@click.option("--max-power", metavar="WATTS", help="Set the maximum power (default: no limit).")
@box_option
def add(
    name: str,
    type_word: str,
    address: str,
    channel: str | None,
    model: str | None,
    instrument: str | None,
    **given: Any,
) -> None:
    """Add the net NAME at the end of the nets file, and its instrument if that is new. Comments are kept. After
    a mistake, the file is unchanged.

    \b
    Examples:
      lager nets add rail --type supply --address TCPIP::192.168.1.20::INSTR --channel 1 --max-voltage 5.5
      lager nets add console --type uart --address /dev/ttyUSB0 --model serial
    """
    path = Path(nets_file.path())
    type = net_type(type_word)
    before = nets_writer.text_of(path)
    nets = nets_file.parse(before, str(path))
    _refuse_known(name, address, nets)
    model = model or _asked_model(nets, address, type)
    called, is_new = nets_writer.instrument_name(nets, address, instrument, model)
    tables = [nets_writer.table("instruments", called, {"model": model, "address": address})] if is_new else []
    limits = {key: _limit(key, value) for key, value in given.items() if value is not None}
    values = {"type": type.value, "instrument": called, "channel": _channel(channel), **limits}
    tables.append(nets_writer.table("nets", name, values))
    nets_writer.append(path, before, tables)
    output.say(f"Added {printable(name, 40)} to {path}: {type.value} on {called} ({model}).")


def _refuse_known(name: str, address: str, nets: Nets) -> None:
    """Raise NetsFileError if the net is in this nets file already, or the net or its instrument in a drop-in."""
    everything = _existing() or nets
    if name in everything.nets:
        path = nets.path if name in nets.nets else f"The bench {everything.nets[name].instrument.bench}"
        raise NetsFileError(f"{path} has a net {printable(name, 40)} already.", "Give another name, or edit the file.")
    key = None
    with contextlib.suppress(ValueError):  # of an address that is not valid, which is said later
        key = nets_writer.key_of(address)
    for one in everything.instruments.values():
        if one.name not in nets.instruments and one.key == key:
            what = f"The instrument at {printable(address, 60)} belongs to the bench {one.bench}."
            raise NetsFileError(what, f"Add the net to the file of that bench, in {nets.path}.d.")


def _asked_model(nets: Nets, address: str, type: NetType) -> str:
    """Return the model at the address, from the nets file or else from the instrument."""
    try:
        serial = places.is_serial(address)
    except ValueError as problem:
        raise InvalidArgument(f"--address: {problem}.", "See: lager nets add --help") from None
    for one in nets.instruments.values():
        if one.key == nets_writer.key_of(address):
            return one.model
    if serial:
        if type is NetType.UART:
            return "serial"
        raise InvalidArgument("lager does not ask instruments on a serial line for their model.", "Give --model.")
    daemon.ready_address()
    found = asking.ask(address)
    if not found.model:
        raise LagerError(f"The model at {address} is unknown: {found.problem}", "Give it with --model.")
    return found.model


def _channel(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


def _limit(key: str, text: str) -> float:
    try:
        return number(text, LIMITS[key])
    except ValueError as problem:
        raise click.UsageError(f"'{printable(text, 40)}' is not valid for {key}. {problem}") from None
