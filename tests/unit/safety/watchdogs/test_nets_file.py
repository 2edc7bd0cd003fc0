"""What `keepalive` and `deadman` of a net may say."""

import pytest

from lager.errors import NetsFileError
from lager.nets import file
from lager.nets.model import NetConfig
from tests.unit.safety.watchdogs.simulated import SUPPLY

_BENCH = """
[instruments.psu1]
model = "E36312A"
address = "TCPIP::10.0.0.1::INSTR"
[instruments.psu2]
model = "DP821"
address = "TCPIP::10.0.0.2::INSTR"
[instruments.daq1]
model = "T7"
address = "10.0.0.3"
[instruments.port1]
address = "/dev/ttyUSB0"
"""


def only(net: str) -> NetConfig:
    return file.parse(f"{_BENCH}[nets.out]\n{net}\n").net("out")


@pytest.mark.parametrize(
    ("lines", "keepalive", "deadman"),
    [
        ("keepalive = 20", 20, 0),
        ("keepalive = 1.5", 1.5, 0),
        ("deadman = 30", 10, 30),
        ("deadman = 30\nkeepalive = 5", 5, 30),
        ("", 0, 0),
    ],
)
def test_a_deadman_implies_a_keepalive_of_a_third(lines: str, keepalive: float, deadman: int) -> None:
    net = only(SUPPLY + lines)
    assert (net.keepalive, net.deadman) == (keepalive, deadman)


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (SUPPLY + "keepalive = 0.5", r"nets\.out\.keepalive: should be 1 to 3600 seconds, not 0\.5"),
        (SUPPLY + "keepalive = true", r"keepalive: should be 1 to 3600 seconds, not True"),
        (SUPPLY + 'keepalive = "20"', r"keepalive: should be 1 to 3600 seconds, not '20'"),
        (SUPPLY + "keepalive = nan", r"keepalive: should be 1 to 3600 seconds"),
        (SUPPLY + "deadman = 30\nkeepalive = 20", r"keepalive: should be at most 10, a third of deadman, not 20"),
        (SUPPLY + "deadman = 2", r"deadman: should be a whole number of seconds from 3 to 3600, not 2"),
        (SUPPLY + "deadman = 30.5", r"deadman: should be a whole number of seconds"),
        (SUPPLY + "deadman = true", r"deadman: should be a whole number of seconds"),
        (
            'type = "supply"\ninstrument = "psu2"\nchannel = 1\ndeadman = 30',
            r"deadman: a DP821 has no watchdog of its own; models that have one: E36312A, T7",
        ),
        (
            'type = "adc"\ninstrument = "daq1"\nchannel = 0\ndeadman = 30',
            r"deadman: a net of type adc has no output to be switched off",
        ),
        (
            'type = "uart"\ninstrument = "port1"\nkeepalive = 30',
            r"keepalive: no query is harmless for every device",
        ),
        ('type = "uart"\ninstrument = "port1"\ndeadman = 30', r"deadman: a serial has no watchdog of its own"),
    ],
)
def test_a_mistake_in_a_watchdog_rejects_the_file(net: str, said: str) -> None:
    with pytest.raises(NetsFileError, match=said):
        only(net)
