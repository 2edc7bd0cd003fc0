"""A test suite whose second test finds a rail that collapses under load; it pauses there, with the rail still on.

lager python -m pytest --lager-pause examples/rail_suite.py
"""

import pytest

from lager import Net, NetType


@pytest.fixture
def rail():
    with Net.get("supply2", type=NetType.PowerSupply, off_on_exit=True) as supply:
        supply.set_current(0.5)
        yield supply


@pytest.mark.parametrize("volts", [1.8, 3.3])
def test_the_rail_comes_up(rail, volts):
    rail.set_voltage(volts)
    rail.enable()
    assert rail.voltage() == pytest.approx(volts, abs=0.05)


def test_the_rail_holds_with_a_small_current_limit(rail):
    rail.set_voltage(3.3)
    rail.set_current(0.005)  # the board draws more
    rail.enable()
    assert rail.voltage() == pytest.approx(3.3, abs=0.05), f"the supply is in {rail.state().mode}"


def test_the_next_test_runs_as_ever(rail):
    assert not rail.state().enabled
