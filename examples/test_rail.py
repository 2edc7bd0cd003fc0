"""A test that restores the bench; run it with: lager python -m pytest --lager-pause examples"""

import pytest

from lager import Net, NetType


@pytest.fixture
def supply():
    with Net.get("supply2", type=NetType.PowerSupply) as supply:
        supply.set_voltage(3.3)
        supply.enable()
        yield supply
        supply.disable()


def test_the_rail_is_up(supply):
    assert supply.voltage() == pytest.approx(3.3, abs=0.05)
