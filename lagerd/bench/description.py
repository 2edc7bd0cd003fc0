"""Reads the description of a bench: a nets file with a table [simulate].

    [simulate]
    seed = 7                                    # of the noise (default 0)
    wires = [
        {nets = ["supply2", "adc1", "eload1"]},  # all at one voltage
        {nets = ["supply3", "adc2"], ohms = 220},  # and a resistor to ground
    ]

    [simulate.instruments.psu1]
    model = "DP832"                             # what is simulated, if it is not what the nets file says
    noise = 0.001                               # standard deviation of each reading, in volts and amperes
    latency = 0.02                              # seconds until an answer
    replies = {"ID?" = "ACME"}                  # answers to lines that the model does not know
    faults = [
        {fault = "no_reply", after = 10, count = 2},   # the 11th and 12th answer
        {fault = "trip", net = "supply2", at = 5},     # 5 s after the bench has started
    ]

One mistake rejects the whole file, as in any nets file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lager.errors import NetsFileError
from lager.nets import catalog, terminals
from lager.nets.checks.document import check
from lager.nets.checks.mistakes import Mistakes
from lager.nets.file import document as tables
from lager.nets.file import refuse
from lager.nets.model import Instrument, NetConfig, NetType
from lager.nets.resource import Reach
from lager.wording import text_files
from lager.wording.text import similar
from lager.wording.values import number, shown
from lagerd.bench.faults import Fault
from lagerd.bench.models import known
from lagerd.bench.models.data_acquisition.labjack_t7 import T7
from lagerd.bench.models.switches.modbus_coils import ModbusRelays
from lagerd.bench.wiring import SOURCES, WIRED

FAULTS: Mapping[str, Fault | None] = {
    "no_reply": Fault.NO_ANSWER,
    "half_reply": Fault.HALF_ANSWER,
    "wrong_reply": Fault.WRONG_ANSWER,
    "garbage": Fault.GARBAGE,
    "cut": Fault.CUT,
    "other_idn": Fault.OTHER_IDN,
    "trip": None,
}
_KEYS = ("seed", "wires", "instruments")
_INSTRUMENT_KEYS = ("model", "noise", "latency", "replies", "faults")
_FAULT_KEYS = ("fault", "net", "after", "at", "count")
_TRIPS = (NetType.PowerSupply, NetType.Battery, NetType.ELoad)
_MOST = 10**9


@dataclass(frozen=True)
class Wire:
    nets: tuple[NetConfig, ...]
    ohms: float | None


@dataclass(frozen=True)
class PlannedFault:
    """A fault of an instrument; without `fault`, the trip of `net`."""

    fault: Fault | None
    net: NetConfig | None
    after: int
    at: float | None
    count: int | None


@dataclass(frozen=True)
class Part:
    """One physical instrument: its entries in the nets file, which all have the same address, and its behaviour."""

    instruments: tuple[Instrument, ...]
    model: str
    noise: float = 0.0
    latency: float = 0.0
    replies: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[PlannedFault, ...] = ()

    @property
    def reach(self) -> Reach:
        return self.instruments[0].resource.reach


@dataclass(frozen=True)
class Description:
    """A whole bench. `text` and `where` are the file that describes it."""

    text: str
    where: str
    parts: tuple[Part, ...]
    nets: Mapping[str, NetConfig]
    wires: tuple[Wire, ...]
    seed: int


def read(where: str) -> Description:
    """Read and check a file. Raises NetsFileError that lists every mistake in it."""
    try:
        text = text_files.read(where)
    except (FileNotFoundError, NotADirectoryError):
        raise NetsFileError(f"There is no file {where}.", "Name a nets file.") from None
    except text_files.Unreadable as error:
        raise NetsFileError(f"{where} cannot be read: {error.reason}.", "Check the file.") from None
    return parse(text, where)


def parse(text: str, where: str = "bench.toml") -> Description:
    """Return the bench in TOML text; errors call it `where`. Raises NetsFileError like `read`."""
    document = tables(text, where)
    add_addresses(document)
    instruments, nets, found = check(document, where)
    mistakes = Mistakes(found)
    table = document.get("simulate", {})
    if not isinstance(table, dict):  # `check` has reported it
        table = {}
    mistakes.unknown("simulate.", table, _KEYS)
    reader = _Reader(instruments, nets, mistakes)
    description = Description(
        text, where, reader.parts(table.get("instruments", {})), nets, reader.wires(table.get("wires", [])),
        reader.whole("simulate.seed", table.get("seed", 0), -_MOST, _MOST),
    )  # fmt: skip
    refuse(where, mistakes)
    return description


def add_addresses(document: Mapping[str, Any]) -> None:
    """Give each instrument without an address a unique one: a simulated instrument needs none in its file."""
    tables = document.get("instruments")
    for index, table in enumerate(tables.values() if isinstance(tables, dict) else ()):
        if not isinstance(table, dict) or "address" in table:
            continue
        model = table.get("model")
        family = catalog.find(model) if isinstance(model, str) else None
        if model is None or model == "serial":
            table["address"] = f"/dev/simulated/{index}"
        elif family is not None and Reach.MODBUS in family.reach:
            table["address"] = f"simulated-{index}"
        elif family is not None and Reach.HUB in family.reach:
            table["address"] = f"usbhub:{index + 1}-1"
        else:
            table["address"] = f"TCPIP::simulated-{index}::INSTR"


class _Reader:
    """Reads the table [simulate] against the instruments and nets of the file, and collects the mistakes."""

    def __init__(
        self, instruments: Mapping[str, Instrument], nets: Mapping[str, NetConfig], mistakes: Mistakes
    ) -> None:
        self._instruments, self._nets, self._mistakes = instruments, nets, mistakes

    def parts(self, tables: object) -> tuple[Part, ...]:
        if not isinstance(tables, dict):
            self._mistakes.add("simulate.instruments", "should be tables [simulate.instruments.NAME]")
            tables = {}
        for name in tables:
            if name not in self._instruments:
                self._mistakes.add(
                    f"simulate.instruments.{name}", f"there is no [instruments.{name}]{_meant(name, self._instruments)}"
                )
        together: dict[str, list[Instrument]] = {}
        for instrument in self._instruments.values():
            try:
                together.setdefault(instrument.key, []).append(instrument)
            except ValueError:  # `check` has reported it
                continue
        return tuple(part for those in together.values() if (part := self._part(those, tables)) is not None)

    def _part(self, those: list[Instrument], tables: Mapping[str, object]) -> Part | None:
        first = those[0]
        for other in those[1:]:
            if catalog.plain(other.model) != catalog.plain(first.model):
                reason = f"is the address of {first.name} too, which is a {first.model}"
                self._mistakes.add(f"instruments.{other.name}.address", reason)
        named = [one.name for one in those if one.name in tables]
        if len(named) > 1:
            reason = f"{named[1]} is the same instrument as {named[0]}: describe it once"
            self._mistakes.add(f"simulate.instruments.{named[1]}", reason)
        table = tables[named[0]] if named else {}
        prefix = f"simulate.instruments.{named[0]}." if named else ""
        if not isinstance(table, dict):
            self._mistakes.add(prefix.rstrip("."), "should be a table")
            return None
        self._mistakes.unknown(prefix, table, _INSTRUMENT_KEYS)
        part = Part(
            tuple(those),
            those[0].model,
            self._number(f"{prefix}noise", table.get("noise", 0), 0, 1000),
            self._number(f"{prefix}latency", table.get("latency", 0), 0, 60),
            self._replies(f"{prefix}replies", table.get("replies", {}), those[0]),
            tuple(self._faults(f"{prefix}faults", table.get("faults", []), {one.name for one in those})),
        )
        return self._with_model(part, f"{prefix}model", table["model"]) if "model" in table else part

    def _with_model(self, part: Part, key: str, model: object) -> Part | None:
        if part.reach is Reach.SERIAL:
            self._mistakes.add(key, "a serial device has no model; say what it answers with replies")
            return None
        device = known.simulated(model) if isinstance(model, str) and model.isprintable() else None
        if device is None:
            self._mistakes.add(key, f"there is no simulated model for {shown(model)}{_meant(model, known.MODELS)}")
            return None
        fits = {Reach.VISA: not isinstance(device, T7 | ModbusRelays), Reach.RTU: isinstance(device, ModbusRelays)}
        if not fits.get(part.reach, isinstance(device, T7 | ModbusRelays)):
            self._mistakes.add(key, f"a {model} does not speak at {part.reach.value}, the address of the instrument")
        return Part(part.instruments, str(model), part.noise, part.latency, part.replies, part.faults)

    def _replies(self, key: str, given: object, instrument: Instrument) -> Mapping[str, str]:
        pairs = given.items() if isinstance(given, dict) else [("", None)]
        if not all(isinstance(text, str) and _is_line(line) and _is_line(text) for line, text in pairs):
            self._mistakes.add(key, "should be a table from lines to the lines that answer them, all in ASCII")
            return {}
        if given and catalog.plain(instrument.model).startswith("T7"):
            self._mistakes.add(key, "a T7 speaks Modbus, which has no lines")
        return {str(line).strip().upper(): str(text) for line, text in pairs}

    def _faults(self, key: str, given: object, instruments: set[str]) -> Iterable[PlannedFault]:
        if not isinstance(given, list):
            self._mistakes.add(key, 'should be a list of tables such as {fault = "no_reply", after = 10}')
            return
        for index, table in enumerate(given, 1):
            prefix = f"{key}[{index}]"
            if not isinstance(table, dict):
                self._mistakes.add(prefix, "should be a table")
                continue
            self._mistakes.unknown(f"{prefix}.", table, _FAULT_KEYS)
            word = table.get("fault")
            if not isinstance(word, str) or word not in FAULTS:
                self._mistakes.add(f"{prefix}.fault", f"{shown(word)} is not a fault{_meant(word, FAULTS)}")
                continue
            at = table.get("at")
            yield PlannedFault(
                FAULTS[word],
                self._tripping(f"{prefix}.net", table, word == "trip", instruments),
                self.whole(f"{prefix}.after", table.get("after", 0), 0, _MOST),
                None if at is None else self._number(f"{prefix}.at", at, 0, _MOST),
                self.whole(f"{prefix}.count", table["count"], 1, _MOST) if "count" in table else None,
            )

    def _tripping(self, key: str, table: Mapping[str, Any], trips: bool, instruments: set[str]) -> NetConfig | None:
        if not trips:
            if "net" in table:
                self._mistakes.add(key, "only the fault trip has a net; the others are of the whole instrument")
            return None
        net = self._net(key, table.get("net"))
        if net is not None and net.instrument.name not in instruments:
            self._mistakes.add(key, f"{net.name} is not a net of this instrument")
        elif net is not None and net.type not in _TRIPS:
            self._mistakes.add(key, f"{net.name} is a net of type {net.type.value}, which cannot trip")
        if "count" in table:
            self._mistakes.add(key.replace(".net", ".count"), "a trip happens once")
        return net

    def _net(self, key: str, name: object) -> NetConfig | None:
        net = self._nets.get(name) if isinstance(name, str) else None
        if net is None:
            self._mistakes.add(key, f"there is no net {shown(name)}{_meant(name, self._nets)}")
        return net

    def wires(self, given: object) -> tuple[Wire, ...]:
        if not isinstance(given, list):
            self._mistakes.add("simulate.wires", 'should be a list of tables such as {nets = ["supply1", "adc1"]}')
            return ()
        used: dict[object, str] = {}
        wires = []
        for index, table in enumerate(given, 1):
            if wire := self._wire(f"simulate.wires[{index}]", table, used):
                wires.append(wire)
        return tuple(wires)

    def _wire(self, key: str, table: object, used: dict[object, str]) -> Wire | None:
        names = table.get("nets") if isinstance(table, dict) else None
        if not isinstance(table, dict) or not isinstance(names, list):
            self._mistakes.add(key, 'should be a table such as {nets = ["supply1", "adc1"], ohms = 220}')
            return None
        self._mistakes.unknown(f"{key}.", table, ("nets", "ohms"))
        ohms = self._number(f"{key}.ohms", table["ohms"], 1e-3, _MOST) if "ohms" in table else None
        found = [net for name in names if (net := self._net(f"{key}.nets", name)) is not None]
        if len(found) == len(names) < (1 if ohms else 2):
            self._mistakes.add(f"{key}.nets", "a wire needs two nets, or one and ohms")
        nets = self._unused(f"{key}.nets", found, used)
        sources = [net for net in nets if net.type in SOURCES]
        if len(sources) > 1:
            both = f"{sources[0].name} and {sources[1].name}"
            self._mistakes.add(f"{key}.nets", f"wires two outputs together: {both}")
        return Wire(tuple(nets), ohms)

    def _unused(self, key: str, nets: Iterable[NetConfig], used: dict[object, str]) -> list[NetConfig]:
        """Return the nets that this wire adds, one for each terminal."""
        mine: dict[object, NetConfig] = {}
        for net in nets:
            terminal = terminals.terminal(net) or (net.instrument.key, net.type, net.channel)
            if net.type not in WIRED:
                self._mistakes.add(key, f"{net.name} is a net of type {net.type.value}, which cannot be wired")
            elif terminal in mine and mine[terminal] is net:
                self._mistakes.add(key, f"{net.name} is in this wire twice")
            elif terminal in used:
                other = used[terminal]
                same = other == net.name
                what = f"{net.name} is" if same else f"{net.name} is the terminal of {other}, which is"
                self._mistakes.add(key, f"{what} in another wire; write one wire with all their nets")
            else:
                mine.setdefault(terminal, net)
        used.update({terminal: net.name for terminal, net in mine.items()})
        return list(mine.values())

    def _number(self, key: str, value: object, low: float, high: float) -> float:
        given = number(value)
        if given is None or not low <= given <= high:
            self._mistakes.add(key, f"should be a number from {low:g} to {high:g}, not {shown(value)}")
            return low
        return given

    def whole(self, key: str, value: object, low: int, high: int) -> int:
        """Return a whole number, or the lowest after a mistake."""
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._mistakes.add(key, f"should be a whole number from {low} to {high}, not {shown(value)}")
            return low
        return value


def _is_line(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable() and 0 < len(text) <= 1000


def _meant(word: object, known: Iterable[str]) -> str:
    names = list(known)
    close = similar(word, names)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(names) or 'none'})"
