"""Multimeters of each family, and the thermocouples of a T7."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lager.drivers.replay import Leases, bench, playing
from lager.errors import BadReply, InstrumentError, InstrumentTimeout, NetsFileError, WrongModel
from lager.instruments import looks
from lager.instruments.drivers.base import dmm
from lager.instruments.net import Net
from lager.instruments.while_paused import through
from lager.nets import file as nets_file
from lager.nets.actions import ACTIONS, is_setting, look
from lager.nets.model import NetType
from lagerd.bench.bench import Bench, DefaultBench
from lagerd.bench.faults import Fault
from lagerd.bench.models.meters.keithley_dmm6500 import DMM6500
from lagerd.bench.models.meters.keysight_truevolt import Keysight34461A
from lagerd.bench.models.meters.multimeter import FUNCTIONS, Multimeter
from lagerd.bench.models.meters.rigol_dm3000 import DM3068
from lagerd.bench.nets import NetEntry
from lagerd.bench.thread import running
from tests.unit.drivers.exchanges import labjack_t7 as t7
from tests.unit.drivers.families import Uninterrupted

DMM = "type = 'dmm'"
IDN = ("*IDN?", "Keysight Technologies,34461A,MY53200135,A.01.10-02.25-01.10-00.35-01-01")
RIGOL = ("*IDN?", "Rigol Technologies,DM3068,DM3O150100021,01.01.00.01.00")
MODELS = {"34461A": Keysight34461A, "DMM6500": DMM6500, "DM3068": DM3068}
VALUES = {
    "voltage": -3.3, "voltage_ac": 230.0, "current": 0.0125, "current_ac": 1e-6, "resistance": 4.7e3,
    "resistance_4w": 0.012, "frequency": 50.0, "continuity": 0.4, "diode": 0.62,
}  # fmt: skip

UNITS = {
    "voltage": "V", "voltage_ac": "V", "current": "A", "current_ac": "A", "resistance": "Ω", "resistance_4w": "Ω",
    "frequency": "Hz", "continuity": "Ω", "diode": "V",
}  # fmt: skip


class Meters(Bench):
    def __init__(self) -> None:
        self.meters: dict[str, Multimeter] = {name: kind() for name, kind in MODELS.items()}
        devices = {f"m{number}": meter for number, meter in enumerate(self.meters.values())}
        super().__init__(devices, [NetEntry(one, "dmm", name) for one, name in zip(self.meters, devices, strict=True)])


@pytest.fixture
def meters(tmp_path: Path) -> Iterator[Meters]:
    with running(Meters(), tmp_path) as bench:
        yield bench


def opened(tmp_path: Path, name: str, type: str = "dmm") -> Any:
    return Net.get(name, type, nets=nets_file.load(tmp_path / "nets.toml"), claim=Leases())


@pytest.mark.parametrize("model", MODELS)
def test_a_multimeter_measures_each_of_its_functions(meters: Meters, tmp_path: Path, model: str) -> None:
    meter = meters.meters[model]
    if isinstance(meter, DM3068):
        meter.unready = 2
    with opened(tmp_path, model) as net:
        for function, value in VALUES.items():
            meter.sources[function] = lambda value=value: value  # type: ignore[misc]
            assert getattr(net, function)() == pytest.approx(value, rel=1e-7)
            assert meter.function == function
            state = net.state()
            assert (state.function, state.unit, state.unread) == (function, UNITS[function], {})
            assert state.value == pytest.approx(value, rel=1e-7)
    assert set(VALUES) == set(FUNCTIONS) == set(UNITS)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("function", ["voltage", "resistance", "continuity", "diode", "current"])
@pytest.mark.parametrize("value", [1e9, -1e9])
def test_an_overload_is_an_error_and_never_a_number(
    meters: Meters, tmp_path: Path, model: str, function: str, value: float
) -> None:
    meters.meters[model].sources[function] = lambda: value
    with opened(tmp_path, model) as net:
        with pytest.raises(BadReply, match=r"overload\. The .* is beyond the range"):
            getattr(net, function)()
        assert net.state().value is None
        meters.meters[model].sources["voltage"] = lambda: 1.5
        assert net.voltage() == 1.5
        assert net.session.is_connected()


@pytest.mark.parametrize("answer", ["9.9E37", "+9.90000000E+37", "-9.9E+37", "9.91E37", "1e999"])
def test_every_spelling_of_an_overload_is_one(answer: str) -> None:
    with playing([IDN, ("MEAS:VOLT:DC?", answer)], "34461A", DMM) as net, pytest.raises(BadReply, match="overload"):
        net.voltage()


@pytest.mark.parametrize("answer", ["", "nan", "inf", "OVLD", "1.5 V", "1,5", "1.5,1.6", "--1", "0x10", "\x00"])
def test_what_is_no_reading_is_never_taken_for_one(answer: str) -> None:
    with playing([IDN, ("MEAS:VOLT:DC?", answer)], "34461A", DMM) as net, pytest.raises(BadReply):
        net.voltage()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("voltage", "DC voltage"), ("voltage_ac", "AC voltage"), ("current", "DC current"),
        ("current_ac", "AC current"), ("resistance", "resistance"), ("resistance_4w", "4-wire resistance"),
    ],
)  # fmt: skip
def test_an_overload_names_what_was_measured(meters: Meters, tmp_path: Path, function: str, words: str) -> None:
    meters.meters["34461A"].sources[function] = lambda: 1e9
    with opened(tmp_path, "34461A") as net, pytest.raises(BadReply, match=f"overload. The {words} is beyond"):
        getattr(net, function)()


def test_the_state_of_a_multimeter_is_a_line() -> None:
    assert str(dmm.DmmState("it", function="voltage_ac", value=230.0, unit="V")) == "it\n  voltage ac  230.000 V"
    assert str(dmm.DmmState("it", function=None, value=None, unit="")) == "it\n  -  -"


def test_a_function_that_a_model_does_not_have_is_named_and_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with playing([IDN], "34461A", DMM) as net:
        monkeypatch.setattr(type(net), "MEASURE", {"voltage": "MEAS:VOLT:DC?"})
        with pytest.raises(InstrumentError, match="A 34461A cannot measure AC current"):
            net.current_ac()


@pytest.mark.parametrize("model", MODELS)
def test_a_measurement_and_a_state_are_one_exchange_each(meters: Meters, tmp_path: Path, model: str) -> None:
    with opened(tmp_path, model) as net:
        session = Uninterrupted(net)
        net.voltage()
        assert session.times == 1
        net.state()
        assert session.times == 2
        net.as_it_is = True
        net.voltage()
        assert session.times == 3


@pytest.mark.parametrize("model", MODELS)
def test_a_reader_leaves_the_function_as_it_is(meters: Meters, tmp_path: Path, model: str) -> None:
    meter = meters.meters[model]
    meter.sources["current"] = lambda: 0.25
    with opened(tmp_path, model) as net:
        assert net.current() == 0.25
        act = {name: ACTIONS[NetType.DMM][name] for name in ("current", "voltage", "state")}
        assert through.act(net.config, net.session, act["current"], as_it_is=True) == 0.25
        with pytest.raises(InstrumentError, match="measures DC current now, not DC voltage"):
            through.act(net.config, net.session, act["voltage"], as_it_is=True)
        assert through.act(net.config, net.session, act["state"], as_it_is=True).function == "current"
        assert meter.function == "current"


def test_a_rigol_is_set_and_read_as_its_guide_says() -> None:
    script = [
        RIGOL, (":FUNC?", "DCV"), (":FUNC:RES", None), (":MEAS AUTO", None), (":MEAS?", "FALSE"), (":MEAS?", "TRUE"),
        (":MEAS:RES?", "1.234567e+03"), (":FUNC?", "2WR"), (":MEAS AUTO", None), (":MEAS?", "TRUE"),
        (":MEAS:RES?", "9.900000E+37"),
    ]  # fmt: skip
    with playing(script, "DM3068", DMM) as net:
        assert net.resistance() == 1234.567
        with pytest.raises(BadReply, match="overload"):
            net.resistance()


def test_a_meter_without_a_reading_is_a_timeout(meters: Meters, tmp_path: Path) -> None:
    path = tmp_path / "nets.toml"
    path.write_text(path.read_text().replace('model = "', 'timeout = 0.2\nmodel = "'))
    meter = meters.meters["DM3068"]
    assert isinstance(meter, DM3068)
    meter.unready = 10_000
    with opened(tmp_path, "DM3068") as net, pytest.raises(InstrumentTimeout, match=r"no reading within 0\.2 s"):
        net.resistance()
    other = meters.meters["34461A"]
    with opened(tmp_path, "34461A") as net:
        other.faults.inject(Fault.NO_ANSWER, count=1)
        with pytest.raises(InstrumentTimeout):
            net.voltage()


def test_another_model_is_refused() -> None:
    wrong = [("*IDN?", "Keysight Technologies,34465A,MY1,1")]
    with pytest.raises(WrongModel), playing(wrong, "34461A", DMM):
        pass


def test_the_actions_of_a_multimeter_only_read() -> None:
    assert look(NetType.DMM) == "state"
    assert not any(is_setting(name, None) for name in ACTIONS[NetType.DMM])


# AIN4: ±0.1 V, single-ended, resolution by default; feature 21 is type J, unit 1 is degrees Celsius.
TC = "type = 'thermocouple'\nchannel = 'AIN4'"
SET_UP = [
    *t7.OPEN, t7.write(2, 40008, "f", 0.1), t7.write(3, 41004, "H", 199), t7.write(4, 41504, "H", 0),
    t7.write(5, 9008, "I", 21), t7.write(6, 9308, "I", 1), t7.write(7, 9608, "I", 60052),
]  # fmt: skip


def test_a_thermocouple_is_set_up_and_read_in_degrees_celsius() -> None:
    with playing([*SET_UP, t7.read(8, 7008, "f", 24.75)], "T7", f"{TC}\nkind = 'J'") as net:
        assert net.temperature() == 24.75


@pytest.mark.parametrize("value", [-9999.0, float("nan")])
def test_no_valid_temperature_is_an_error(value: float) -> None:
    with playing([*SET_UP, t7.read(8, 7008, "f", value)], "T7", f"{TC}\nkind = 'J'") as net, pytest.raises(BadReply):
        net.read()


def test_a_thermocouple_is_what_the_bench_connects_and_a_reader_sets_up_nothing(tmp_path: Path) -> None:
    with running(DefaultBench(), tmp_path) as bench:
        config = nets_file.load(tmp_path / "nets.toml").net("thermocouple1")
        bench.daq1.inputs[4].select_feature(0)
        leases = Leases()
        found = looks.readings([config], lambda instrument, net: leases(instrument.key, net=net))
        assert "is not set up for a thermocouple of type K" in str(found["thermocouple1"].error)
        assert bench.daq1.inputs[4].feature == 0
        with opened(tmp_path, "thermocouple1", "thermocouple") as net:
            assert net.temperature() == 25.0
            bench.daq1.inputs[4].celsius = None
            with pytest.raises(BadReply, match="AIN4 has no valid temperature"):
                net.temperature()
            bench.daq1.inputs[4].celsius = lambda: 100.0
        found = looks.readings([config], lambda instrument, net: leases(instrument.key, net=net))
        assert found["thermocouple1"].measured(NetType.Thermocouple) == {"temperature": 100.0}


def test_an_adc_and_a_thermocouple_share_an_input(tmp_path: Path) -> None:
    with running(DefaultBench(), tmp_path) as bench:
        path = tmp_path / "nets.toml"
        path.write_text(path.read_text() + '\n[nets.raw]\ntype = "adc"\ninstrument = "daq1"\nchannel = "AIN4"\n')
        bench.daq1.inputs[4].source = lambda: 0.5
        nets, leases = nets_file.load(path), Leases()
        with (
            Net.get("thermocouple1", "thermocouple", nets=nets, claim=leases) as warm,
            Net.get("raw", "adc", nets=nets, claim=leases) as raw,
        ):
            assert [warm.temperature(), round(raw.input(), 3), warm.temperature()] == [25.0, 0.5, 25.0]


@pytest.mark.parametrize(
    ("model", "lines", "said"),
    [
        ("T7", f"{TC}\nkind = 'X'", "kind: should be one of E, J, K, R, S, T"),
        ("T7", "type = 'thermocouple'\nchannel = 'FIO4'", "is not a channel of a net of type thermocouple"),
        ("T7", f"{TC}\nsafe = 'off'", "unknown key"),
        ("T7", "type = 'dmm'", "a T7 has no dmm nets"),
        ("34461A", f"{DMM}\nmax_voltage = 5", "unknown key"),
    ],
)
def test_a_mistake_in_the_nets_file_is_a_sentence(model: str, lines: str, said: str) -> None:
    with pytest.raises(NetsFileError) as caught:
        bench(model, "10.0.0.1" if model == "T7" else "TCPIP::h::INSTR", it=lines)
    assert said in str(caught.value)
