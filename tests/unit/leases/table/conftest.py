"""What the tests of the table of leases share."""

import pytest

from tests.unit.leases.table.lease_table import Table


@pytest.fixture
def table() -> Table:
    return Table()
