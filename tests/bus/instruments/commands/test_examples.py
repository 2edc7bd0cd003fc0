"""The examples in the style of other bench systems, one for each net type, do on the bench what they say."""

from pathlib import Path

import pytest

from tests.fixtures import Command
from tests.station import Station

EXAMPLES = Path(__file__).parents[4] / "examples"
pytestmark = pytest.mark.usefixtures("bench")
PRINTED = {
    "power_supply.py": [
        "protections at 5.5 V and 0.6 A",
        "5.00 V, 32.7 mA, 0.164 W",
        "supply2 (channel 1)",
        "set to 5.0 V",
    ],
    "battery.py": ["model 1, 3.0 V to 4.2 V", "100 %: 4.1", "50 %: 3.7", "10 %: 3.4", "battery1", "  mode"],
    "electronic_load.py": ["CC: 0.50 A of the 0.5 A", "CR: 5.0 V, 0.25 A", "CP: 2.0 W, of 2.0 W from", "eload1"],
    "analog_inputs.py": ["adc1: 0.00 V (ADC)", "adc4: ", "There is no net 'adc99' in"],
    "analog_output.py": ["at 5.0 V"],
    "digital_lines.py": [
        "high -> 1",
        "off -> 0",
        "1 -> 1",
        "ready after 0 s",
        "gpi1 did not change to 0 within 0.2 s.",
    ],
    "relay.py": ["relay1 is off", "relay1 is on", "relay1 is on after 0.2 s without power", "relay1 is off"],
    "multimeter.py": ["the rail is at 3.30 V", "the relay has 10.0 Ω", "open: dmm1: overload"],
    "thermocouple.py": ["thermocouple1 is at 25.0 °C"],
    "any_instrument.py": ["HEWLETT-PACKARD,34970A,0,13-2-2", "channel 101: 1", "mux1 (34970A at "],
    "serial_port.py": ["9600 baud, USB serial number None, settings {}", "commands: *IDN?"],
}


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_the_bench_does(lager: Command, station: Station, name: str) -> None:
    if name == "any_instrument.py":  # the one net that the bench does not have: it is without limits
        path = Path(station.env["LAGER_NETS"])
        path.write_text(path.read_text() + '\n[nets.any1]\ntype = "scpi"\ninstrument = "mux1"\n')
    done = lager("python", str(EXAMPLES / name))
    unlimited = "lager: any1 sends"
    said = "" if name == "serial_port.py" or done.stderr.startswith(unlimited) else done.stderr
    assert (done.returncode, said) == (0, "")
    place = 0
    for text in PRINTED[name]:
        place = done.stdout.find(text, place)
        assert place >= 0, f"{text!r} is missing, or out of order, in:\n{done.stdout}"


def test_each_example_is_run_by_a_test() -> None:
    engineer = {"battery_cycling.py", "progress_and_pause.py", "rail_suite.py", "uart_beside_a_pause.py"}
    by_others = {"ask_operator.py", "inspect_bench.py", "simulated_rail.py", "test_rail.py", *engineer}
    assert {path.name for path in EXAMPLES.glob("*.py")} == by_others | set(PRINTED)
