"""A bench as a file describes it: what is wired to what, noise, faults, latency, and what is said about mistakes."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lager.drivers.replay import Leases
from lager.errors import BadReply, InstrumentError, NetsFileError
from lager.instruments.net import Net
from lager.nets import catalog
from lager.nets import file as nets_file
from lagerd.bench.described import DescribedBench
from lagerd.bench.description import parse
from lagerd.bench.models import known
from lagerd.bench.models.data_acquisition.labjack_t7 import T7
from lagerd.bench.scpi.instrument import ScpiInstrument
from lagerd.bench.thread import running
from tests.documents import PAGES, ROOT

BENCH = """
[instruments]
psu1 = {model = "DP821"}
smu1 = {model = "2281S-20-6"}
load1 = {model = "DL3021"}
daq1 = {model = "T7"}
console1 = {}
scope1 = {model = "DS1054Z"}

[nets]
supply2 = {type = "supply", instrument = "psu1", channel = 1}
supply3 = {type = "supply", instrument = "psu1", channel = 2}
supply1 = {type = "supply", instrument = "smu1"}
battery1 = {type = "battery", instrument = "smu1"}
eload1 = {type = "eload", instrument = "load1"}
adc0 = {type = "adc", instrument = "daq1", channel = "AIN0"}
adc1 = {type = "adc", instrument = "daq1", channel = "AIN1"}
dac1 = {type = "dac", instrument = "daq1", channel = "DAC0"}
gpio0 = {type = "gpio", instrument = "daq1", channel = "FIO0"}
gpio1 = {type = "gpio", instrument = "daq1", channel = "FIO1"}
uart1 = {type = "uart", instrument = "console1"}
scope = {type = "scpi", instrument = "scope1"}
"""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def bench(simulate: str = "", clock: Any = time.monotonic) -> DescribedBench:
    return DescribedBench(parse(f"{BENCH}\n[simulate]\n{simulate}"), clock)


def wired(*nets: str, more: str = "") -> DescribedBench:
    return bench(f"wires = [{{nets = {list(nets)!r}{more}}}]".replace("'", '"'))


def volts(simulated: DescribedBench, channel: int = 0) -> float:
    daq: Any = simulated.devices["daq1"]
    daq.changed()
    return float(daq.inputs[channel].source())


def tell(simulated: DescribedBench, instrument: str, message: str) -> str:
    device: Any = simulated.devices[instrument]
    device.faults.begin()
    answer = device.handle(message)
    if answer is not None:
        device.faults.spend()
    return str(answer)


def readings(read: Callable[[], float], count: int) -> list[float | InstrumentError]:
    """What a net measured, or why it could not, one time after the other."""
    found: list[float | InstrumentError] = []
    for _ in range(count):
        try:
            found.append(read())
        except InstrumentError as error:
            found.append(error)
    return found


def mistakes(simulate: str, tables: str = "") -> str:
    with pytest.raises(NetsFileError) as caught:
        parse(f"{BENCH}\n{tables}\n[simulate]\n{simulate}")
    return str(caught.value)


def test_a_supply_shows_its_voltage_at_an_input_that_is_wired_to_it() -> None:
    simulated = wired("supply2", "adc1")
    tell(simulated, "psu1", ":SOUR1:VOLT 3.3;:OUTP CH1,ON")
    assert volts(simulated, 1) == pytest.approx(3.3)
    assert volts(simulated, 0) == 0


@pytest.mark.parametrize(
    ("model", "ask"), [("34461A", "MEAS:VOLT?"), ("DMM6500", ":MEAS:VOLT?"), ("DM3068", ":MEAS:VOLT:DC?")]
)
def test_a_multimeter_reads_the_voltage_of_its_wire_with_its_noise(model: str, ask: str) -> None:
    tables = f"[instruments.meter]\nmodel = '{model}'\n[nets.meter]\ntype = 'dmm'\ninstrument = 'meter'\n"
    text = f"{BENCH}\n{tables}[simulate]\nwires = [{{nets = ['supply2', 'adc0', 'meter']}}]\n"
    plain, noisy = (DescribedBench(parse(text + more)) for more in ("", "instruments.meter.noise = 0.01"))
    for simulated in (plain, noisy):
        for message in (":SOUR1:VOLT 4.5", ":OUTP CH1,ON"):
            tell(simulated, "psu1", message)
    assert float(tell(plain, "meter", ask)) == volts(plain) == 4.5
    heard = {float(tell(noisy, "meter", ask)) for _ in range(5)}
    assert len(heard) == 5
    assert all(abs(one - 4.5) < 0.1 for one in heard)


def test_a_load_and_a_resistor_draw_current_from_the_supply_and_push_it_into_its_limit() -> None:
    simulated = wired("supply2", "eload1", "adc0", more=", ohms = 100")
    tell(simulated, "psu1", ":SOUR1:VOLT 5;:SOUR1:CURR 0.5;:OUTP CH1,ON")
    assert tell(simulated, "psu1", ":MEAS:CURR? CH1") == "0.0500"
    tell(simulated, "load1", ":SOUR:FUNC CURR;:SOUR:CURR 0.2;:SOUR:INP ON")
    assert tell(simulated, "psu1", ":MEAS:CURR? CH1") == "0.2500"
    assert float(tell(simulated, "load1", ":MEAS:VOLT?")) == pytest.approx(5)
    tell(simulated, "psu1", ":SOUR1:CURR 0.05")
    assert tell(simulated, "psu1", ":OUTP:MODE? CH1") == "CC"
    assert volts(simulated) < 5


def test_both_roles_of_a_battery_simulator_are_one_end_of_a_wire() -> None:
    simulated = wired("supply1", "battery1", "adc0", more=", ohms = 100")
    tell(simulated, "smu1", ":VOLT 2.5;:OUTP ON")
    assert volts(simulated) == pytest.approx(2.5)
    smu: Any = simulated.devices["smu1"]
    assert len(smu.output.loads) == 1


@pytest.mark.parametrize(("source", "level"), [("dac1", 4.0), ("supply2", 4.0)])
def test_a_voltage_is_a_level_at_a_digital_line(source: str, level: float) -> None:
    simulated = wired(source, "gpio0")
    daq: Any = simulated.devices["daq1"]
    assert not daq.lines[0].level
    if source == "dac1":
        daq.dacs[0] = level
    else:
        tell(simulated, "psu1", f":SOUR1:VOLT {level};:OUTP CH1,ON")
    assert daq.lines[0].level


def test_a_digital_line_drives_another_and_an_analog_input() -> None:
    simulated = wired("gpio0", "gpio1", "adc0")
    daq: Any = simulated.devices["daq1"]
    daq.lines[1].output, daq.lines[1].state = True, False
    assert (daq.lines[0].level, volts(simulated)) == (False, 0.0)
    daq.lines[1].state = True
    assert (daq.lines[0].level, volts(simulated)) == (True, 3.3)


def test_noise_is_the_same_for_one_seed_and_another_for_another() -> None:
    def readings(seed: int) -> list[str]:
        simulated = bench(f"seed = {seed}\n[simulate.instruments.psu1]\nnoise = 0.01")
        tell(simulated, "psu1", ":SOUR1:VOLT 3.3;:OUTP CH1,ON")
        return [tell(simulated, "psu1", ":MEAS? CH1") for _ in range(20)]

    first = readings(1)
    assert first == readings(1) != readings(2)
    assert len(set(first)) > 10
    assert all(abs(float(one) - 3.3) < 0.1 for one in first)


def test_each_kind_of_instrument_has_noise() -> None:
    names = ("psu1", "smu1", "load1", "daq1")
    simulated = bench("\n".join(f"[simulate.instruments.{name}]\nnoise = 0.5" for name in names))
    asked = {"psu1": ":MEAS? CH1", "smu1": ":MEAS:VOLT?", "load1": ":MEAS:VOLT?"}
    assert all(len({tell(simulated, name, question) for _ in range(5)}) > 1 for name, question in asked.items())
    daq: Any = simulated.devices["daq1"]
    assert len({tuple(daq.read(0, 2)) for _ in range(5)}) > 1


def test_a_fault_begins_after_some_answers_and_ends_after_its_count(tmp_path: Path) -> None:
    faults = '[simulate.instruments.psu1]\nfaults = [{fault = "no_reply", after = 1, count = 1}]'
    simulated: Any = bench(faults).devices["psu1"]
    seen = []
    for _ in range(4):
        simulated.faults.begin()
        seen.append(simulated.faults.spend())
    assert [fault and fault.value for fault in seen] == [None, "no_answer", None, None]


def test_faults_of_one_instrument_come_one_after_the_other() -> None:
    faults = '[{fault = "garbage", count = 2}, {fault = "wrong_reply", after = 1, count = 1}]'
    simulated: Any = bench(f"[simulate.instruments.psu1]\nfaults = {faults}").devices["psu1"]
    seen = []
    for _ in range(4):
        simulated.faults.begin()
        seen.append(simulated.faults.spend())
    assert [fault and fault.value for fault in seen] == ["garbage", "garbage", "wrong_answer", None]


@pytest.mark.parametrize(
    ("instrument", "net", "wires", "on", "tripped"),
    [
        ("psu1", "supply2", '"supply2"', ":SOUR1:VOLT 3;:OUTP CH1,ON", (":OUTP:OVP:QUES? CH1", "YES")),
        ("smu1", "battery1", '"supply1"', ":VOLT 3;:OUTP ON", (":OUTP:PROT:TRIP?", "OVP")),
    ],
)
def test_a_trip_at_a_time_switches_the_output_off_also_for_what_is_wired_to_it(
    instrument: str, net: str, wires: str, on: str, tripped: tuple[str, str]
) -> None:
    clock = Clock()
    simulated = bench(
        f'wires = [{{nets = [{wires}, "adc0"]}}]\n[simulate.instruments.{instrument}]\n'
        f'faults = [{{fault = "trip", net = "{net}", at = 5}}]',
        clock,
    )
    tell(simulated, instrument, on)
    assert volts(simulated) == pytest.approx(3)
    clock.now = 5.1
    assert volts(simulated) == 0
    assert tell(simulated, instrument, tripped[0]) == tripped[1]


def test_a_load_trips_after_some_answers() -> None:
    simulated = bench('[simulate.instruments.load1]\nfaults = [{fault = "trip", net = "eload1", after = 2}]')
    tell(simulated, "load1", ":SOUR:INP ON")
    assert [tell(simulated, "load1", ":SOUR:INP?") for _ in range(3)] == ["1", "1", "0"]


def test_drivers_use_a_described_bench_and_meet_its_faults(tmp_path: Path) -> None:
    text = (
        '[simulate]\nwires = [{nets = ["supply2", "adc0"]}]\n[simulate.instruments.console1]\n'
        'replies = {"version?" = "1.2.3"}\n[simulate.instruments.daq1]\nlatency = 0.2\n'
        '[simulate.instruments.load1]\nfaults = [{fault = "garbage", after = 4}]\n'
    )
    with running(DescribedBench(parse(BENCH + text)), tmp_path):
        nets = nets_file.load(tmp_path / "nets.toml")
        leases = Leases()

        def get(name: str, type: str) -> Any:
            return Net.get(name, type=type, nets=nets, claim=leases)

        with get("supply2", "supply") as supply:
            supply.set_voltage(3.3)
            supply.enable()
        began = time.monotonic()
        with get("adc0", "adc") as adc:
            assert adc.input() == pytest.approx(3.3, abs=0.01)
        assert time.monotonic() - began >= 0.2
        with get("uart1", "uart") as uart:
            line = uart.connect(timeout=10)
            line.write(b"VERSION?\n")
            assert line.readline() == b"1.2.3\r\n"
        with get("scope", "scpi") as scope:
            assert "DS1054Z" in scope.ask("*IDN?")
        with get("eload1", "eload") as load:
            assert [type(answer) for answer in readings(load.measured_voltage, 10)].pop() is BadReply
    assert list(tmp_path.iterdir()) == []


def test_the_terminal_of_a_supply_on_a_serial_line_is_a_pseudo_terminal(tmp_path: Path) -> None:
    text = (
        '[instruments.psu1]\nmodel = "DP821"\naddress = "ASRL/dev/ttyS7::INSTR"\nbaudrate = 9600\n'
        '[nets.out]\ntype = "supply"\ninstrument = "psu1"\nchannel = 1\n'
    )
    with running(DescribedBench(parse(text)), tmp_path):
        nets = nets_file.load(tmp_path / "nets.toml")
        assert nets.instruments["psu1"].address == f"ASRL{tmp_path}/port0::INSTR"
        with Net.get("out", type="supply", nets=nets, claim=Leases()) as supply:
            assert supply.set_voltage(2.5) == 2.5


def test_two_names_of_one_instrument_are_one_simulated_instrument() -> None:
    text = (
        '[instruments.a]\nmodel = "DP821"\naddress = "TCPIP::10.0.0.1::INSTR"\n'
        '[instruments.b]\nmodel = "DP821"\naddress = "TCPIP0::10.0.0.1::inst0::INSTR"\n'
    )
    devices = DescribedBench(parse(text)).devices
    assert devices["a"] is devices["b"]
    with pytest.raises(NetsFileError, match=r"instruments\.b\.address: is the address of a too, which is a DP821"):
        parse(text.replace("DP821", "DP832").replace("DP832", "DP821", 1))
    with pytest.raises(NetsFileError, match="b is the same instrument as a: describe it once"):
        parse(f"{text}[simulate.instruments]\na = {{noise = 1}}\nb = {{noise = 2}}")


def test_an_instrument_on_a_serial_port_needs_no_address(tmp_path: Path) -> None:
    text = "".join(
        f'[instruments.{name}]\nmodel = "{model}"\n'
        f'[nets.{name}1]\ninstrument = "{name}"\nchannel = 1\ntype = "{type}"\n'
        for name, model, type in (("korad", "KA3005P", "supply"), ("board", "USB-RLY16", "switch"))
    )
    with running(DescribedBench(parse(text)), tmp_path):
        nets = nets_file.load(tmp_path / "nets.toml")
        with Net.get("korad1", "supply", nets=nets, claim=Leases()) as supply:
            supply.set_current(1)
            supply.set_voltage(5)
            supply.enable()
            assert supply.voltage() == 5
        with Net.get("board1", "switch", nets=nets, claim=Leases()) as relay:
            relay.on()
            assert relay.is_on()


def test_a_thermocouple_is_at_the_temperature_of_the_room(tmp_path: Path) -> None:
    text = '[instruments.d]\nmodel = "T7"\n[nets.t]\ntype = "thermocouple"\ninstrument = "d"\nchannel = 2\n'
    with running(DescribedBench(parse(text)), tmp_path):
        nets = nets_file.load(tmp_path / "nets.toml")
        with Net.get("t", "thermocouple", nets=nets, claim=Leases()) as thermocouple:
            assert thermocouple.read() == pytest.approx(25)


def test_every_model_that_lager_drives_needs_no_address_in_a_bench() -> None:
    models = [model for family in catalog.FAMILIES for model in family.examples]
    text = "\n".join(f"[instruments.i{at}]\nmodel = '{model}'" for at, model in enumerate(models))
    assert [part.instruments[0].model for part in parse(text).parts] == models


def test_every_model_that_lager_drives_can_be_simulated() -> None:
    for family in catalog.FAMILIES:
        for model in family.examples:
            assert known.simulated(model) is not None, model
    for model in ("DP811A", "DP831", "DL3031A", "2200-72-1", "E36311A", "E36313A", "T7-Pro", "2281S"):
        device = known.simulated(model)
        assert device is not None
        if not isinstance(device, T7):
            assert isinstance(device, ScpiInstrument)
            identity = device.handle("*IDN?")
            assert identity is not None
            assert catalog.is_model(identity.split(",")[1], model)


@pytest.mark.parametrize(
    ("simulate", "said"),
    [
        ("sed = 1", "simulate.sed: unknown key (did you mean 'seed'?)"),
        ("seed = true", "simulate.seed: should be a whole number"),
        ("seed = 1e400", "simulate.seed: should be a whole number"),
        ("wires = 3", "simulate.wires: should be a list"),
        ('wires = ["supply2"]', "simulate.wires[1]: should be a table such as"),
        ('wires = [{nets = ["suply2", "adc1"]}]', "there is no net 'suply2' (did you mean 'supply2'?)"),
        ("wires = [{nets = [1, [2]]}]", "there is no net 1"),
        ('wires = [{nets = ["supply2"]}]', "a wire needs two nets, or one and ohms"),
        ("wires = [{nets = []}]", "a wire needs two nets"),
        ('wires = [{nets = ["supply2", "supply3"]}]', "wires two outputs together: supply2 and supply3"),
        ('wires = [{nets = ["dac1", "adc1", "battery1"]}]', "wires two outputs together: dac1 and battery1"),
        ('wires = [{nets = ["adc1", "adc1"]}]', "adc1 is in this wire twice"),
        (
            'wires = [{nets = ["supply2", "adc1"]}, {nets = ["adc1", "dac1"]}]',
            "adc1 is in another wire; write one wire",
        ),
        (
            'wires = [{nets = ["supply1", "adc1"]}, {nets = ["battery1", "adc0"]}]',
            "battery1 is the terminal of supply1, which is in another wire",
        ),
        ('wires = [{nets = ["uart1", "adc1"]}]', "uart1 is a net of type uart, which cannot be wired"),
        ('wires = [{nets = ["scope", "adc1"]}]', "scope is a net of type scpi, which cannot be wired"),
        ('wires = [{nets = ["supply2"], ohms = 0}]', "ohms: should be a number from 0.001"),
        ('wires = [{nets = ["supply2"], ohms = nan}]', "ohms: should be a number from 0.001"),
        ('wires = [{nets = ["supply2", "adc1"], ohm = 5}]', "unknown key (did you mean 'ohms'?)"),
        ("instruments = 3", "simulate.instruments: should be tables"),
        ("instruments.psu1 = 3", "simulate.instruments.psu1: should be a table"),
        ("instruments.psu9 = {}", "there is no [instruments.psu9] (did you mean 'psu1'?)"),
        ('instruments.psu1 = {model = "DP822"}', "there is no simulated model for 'DP822' (did you mean"),
        ("instruments.psu1 = {model = 3}", "there is no simulated model for 3"),
        ('instruments.psu1 = {model = "T7"}', "a T7 does not speak at a VISA resource"),
        ('instruments.daq1 = {model = "DP821"}', "a DP821 does not speak at a Modbus TCP host"),
        ('instruments.console1 = {model = "DP821"}', "a serial device has no model"),
        ("instruments.psu1 = {noise = -1}", "noise: should be a number from 0 to 1000"),
        ("instruments.psu1 = {latency = inf}", "latency: should be a number from 0 to 60"),
        ("instruments.psu1 = {replies = {a = 1}}", "replies: should be a table from lines"),
        ('instruments.psu1 = {replies = {"a\\nb" = "c"}}', "replies: should be a table from lines"),
        ('instruments.daq1 = {replies = {a = "b"}}', "a T7 speaks Modbus, which has no lines"),
        ("instruments.psu1 = {faults = {}}", "faults: should be a list"),
        ("instruments.psu1 = {faults = [1]}", "faults[1]: should be a table"),
        ('instruments.psu1 = {faults = [{fault = "noreply"}]}', "'noreply' is not a fault (did you mean 'no_reply'?)"),
        ("instruments.psu1 = {faults = [{fault = []}]}", "is not a fault (known: no_reply"),
        ('instruments.psu1 = {faults = [{fault = "trip"}]}', "faults[1].net: there is no net None"),
        ('instruments.psu1 = {faults = [{fault = "trip", net = "eload1"}]}', "eload1 is not a net of this instrument"),
        ('instruments.daq1 = {faults = [{fault = "trip", net = "dac1"}]}', "a net of type dac, which cannot trip"),
        ('instruments.psu1 = {faults = [{fault = "trip", net = "supply2", count = 2}]}', "a trip happens once"),
        ('instruments.psu1 = {faults = [{fault = "cut", net = "supply2"}]}', "only the fault trip has a net"),
        ('instruments.psu1 = {faults = [{fault = "cut", after = -1}]}', "after: should be a whole number from 0"),
        ('instruments.psu1 = {faults = [{fault = "cut", count = 0}]}', "count: should be a whole number from 1"),
        ('instruments.psu1 = {faults = [{fault = "cut", at = "5"}]}', "at: should be a number from 0"),
    ],
)
def test_a_mistake_in_the_description_is_a_clear_sentence(simulate: str, said: str) -> None:
    assert said in mistakes(simulate)


def test_every_mistake_is_listed_together_with_those_of_the_nets() -> None:
    said = mistakes('seed = "x"\nwires = [{nets = ["nope", "adc1"]}]', '[nets.bad]\ntype = "supply"\ninstrument = "x"')
    assert "3 mistakes" in said
    assert "nets.bad.instrument" in said


def test_a_table_that_is_no_table_is_a_mistake_of_the_nets_file_too() -> None:
    with pytest.raises(NetsFileError, match="simulate: should be a table"):
        nets_file.parse("simulate = 3")
    assert nets_file.parse("[simulate]\nwires = 5").nets == {}  # what is in it matters to the simulation only


def test_the_bench_of_the_page_is_the_example_and_its_other_tables_are_valid() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (PAGES / "simulation.md").read_text(), re.DOTALL)
    example = (ROOT / "examples" / "simulated_bench.toml").read_text()
    assert blocks[0] == example
    assert len(parse(example + blocks[1]).parts) == 2


P100 = """
class Output(Supply):
    SET_VOLTAGE, GET_VOLTAGE = "OUT{n}:V {x}", "OUT{n}:V?"
    SET_CURRENT, GET_CURRENT = "OUT{n}:I {x}", "OUT{n}:I?"
    SET_OUTPUT, GET_OUTPUT = "OUT{n}:ON {x}", "OUT{n}:ON?"
    MEASURE_VOLTAGE, MEASURE_CURRENT = "OUT{n}:MV?", "OUT{n}:MI?"
"""
OVEN = """
class Oven:
    def handle(self, line):
        if line == "BOOM?":
            raise RuntimeError("boom")
        return "41.5" if line == "TEMP?" else None

    def volts(self, channel):
        return 0.5 * channel

SIMULATED = Oven
"""


def driver(name: str, model: str, code: str, channels: int = 1) -> str:
    table = {"maker": "Acme", "models": [model], "nets": {"supply": "Output"}, "channels": channels}
    return f"from lager.drivers import Supply\nDRIVER = {table!r}\n{code}"


def test_instruments_of_drivers_of_ones_own_are_simulated(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir(mode=0o755)
    (tmp_path / "own" / "p100.py").write_text(driver("p100", "SIMP100", P100, channels=2))
    (tmp_path / "own" / "oven.py").write_text(driver("oven", "SIMOVEN", P100 + OVEN))
    text = """
        drivers = "own"
        [instruments]
        acme1 = {model = "SIMP100"}
        oven1 = {model = "SIMOVEN"}
        daq1 = {model = "T7"}
        [nets]
        rail = {type = "supply", instrument = "acme1", channel = 2}
        heater = {type = "supply", instrument = "oven1"}
        oven = {type = "scpi", instrument = "oven1"}
        adc0 = {type = "adc", instrument = "daq1", channel = "AIN0"}
        adc1 = {type = "adc", instrument = "daq1", channel = "AIN1"}
        [simulate]
        wires = [{nets = ["rail", "adc0"], ohms = 10}, {nets = ["heater", "adc1"]}]
    """
    with running(DescribedBench(parse(text, str(tmp_path / "bench.toml"))), tmp_path) as simulated:
        nets = nets_file.load(tmp_path / "nets.toml")
        with Net.get("rail", type="supply", nets=nets, claim=Leases()) as rail:
            assert (rail.set_voltage(2), rail.set_current(1)) == (2, 1)
            rail.enable()
            assert (rail.measured_voltage(), rail.measured_current()) == (2, 0.2)
        with Net.get("oven", type="scpi", nets=nets, claim=Leases()) as oven:
            assert oven.ask("TEMP?") == "41.5"
            assert "SIMOVEN" in oven.ask("*IDN?")
            oven.session.tell("*CLS")
        assert (volts(simulated), volts(simulated, 1)) == (2, 0.5)
        device: Any = simulated.devices["oven1"]
        assert device.handle("BOOM?") is None
        assert "RuntimeError" in device.handle(":SYST:ERR?")
    assert simulated.notes == []


def test_what_has_no_simulation_tells_its_name_and_lager_says_so() -> None:
    text = '[instruments]\nscope1 = {model = "DS1054Z"}\n[nets]\nscope = {type = "scpi", instrument = "scope1"}\n'
    simulated = DescribedBench(parse(f'{text}[simulate.instruments.scope1]\nreplies = {{"ACQ?" = "NORM"}}'))
    assert simulated.notes == []  # a net of type scpi can be of any model
    assert tell(simulated, "scope1", "*IDN?").split(",")[1] == "DS1054Z"
