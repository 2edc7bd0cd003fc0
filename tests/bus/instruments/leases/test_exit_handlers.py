"""The nets of a script at its end: in its exit handlers, whenever they were registered."""

import sys

import pytest

from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter

pytestmark = pytest.mark.usefixtures("bench")

BEGIN = """import atexit
def off():
    {off}
    print("off again")
atexit.register(off)
from lager import Net, NetType
{open}
"""
SUPPLY = 'net = Net.get("supply2", type="supply"); net.set_voltage(3); net.enable()'
AGAIN = """
    from lager import Net, NetType
    with Net.get("supply2", type="supply") as psu: psu.disable()
    Net.get("supply2", type="supply").close()"""
SCRIPTS = {
    "the net that is open": BEGIN.format(off="net.disable()", open=SUPPLY),
    "the net that is opened again": BEGIN.format(off=AGAIN, open=SUPPLY + "; net.close()"),
    "the net that is opened again after a pause": BEGIN.format(
        off=AGAIN, open=f"import lager; lager.pause(timeout=0.01); {SUPPLY}; del net"
    ),
    "a line of a DAQ": BEGIN.format(
        off="line.output(0); dac.output(0)",
        open='line, dac = Net.get("gpo1", type="gpio"), Net.get("dac1", type="dac"); line.output(1); dac.output(2)',
    ),
    "a net of a script that exits": BEGIN.format(off="net.disable()", open=SUPPLY + "; raise SystemExit(0)"),
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_an_exit_handler_switches_off_what_the_script_opened_later(
    run: Starter, client: Client, lager: Command, case: str
) -> None:
    process = run(SCRIPTS[case])
    process.out.expect("off again")
    assert process.wait() == 0
    assert client.expect("Released").args[1] == "released"  # and not lost
    assert "off" in lager("supply", "supply2", "state").stdout.splitlines()[1]
    assert lager("dac", "dac1").stdout == "0 V\n"
    assert lager("instruments").stdout == "No instrument is in use.\n"


@pytest.mark.variant
def test_the_nets_of_a_script_that_ends_are_released_and_not_lost(run: Starter, client: Client) -> None:
    process = run("from lager import Net\nnet = Net.get('supply2', type='supply')\n")
    assert client.expect("Released").args[1] == "released"
    assert process.wait() == 0


@pytest.mark.variant
def test_an_exit_handler_of_plain_python_uses_the_nets_too(
    start: Starter, script: ScriptWriter, lager: Command
) -> None:
    process = start(sys.executable, script("import lager\n" + SCRIPTS["the net that is open"]))
    process.out.expect("off again")
    assert process.wait() == 0
    assert "off" in lager("supply", "supply2", "state").stdout.splitlines()[1]
