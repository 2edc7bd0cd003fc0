"""A forked child keeps nothing of the instruments of its parent: no lease, no connection, no way to disturb them."""

import os

import pytest

from tests.client import Client
from tests.fixtures import Command, Starter

pytestmark = pytest.mark.usefixtures("bench")

OPEN = """
import multiprocessing, os, signal, socket, sys, time
from lager import Net, NetType

def talks_to():
    '''What this process has open of the bench: the peers of its TCP sockets, its serial ports, its leases.'''
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            link = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if "/leases/" in link or (link.startswith("/dev/pts/") and int(number) > 2):
            found.append(link)
        elif link.startswith("socket:"):
            with socket.socket(fileno=os.dup(int(number))) as one:
                if one.family == socket.AF_INET:
                    found.append(one.getpeername())
    return found

supply = Net.get("supply2", type=NetType.PowerSupply)
adc = Net.get("adc1", type=NetType.ADC)
uart = Net.get("uart1", type=NetType.UART)
port = uart.connect(timeout=5)
assert len(talks_to()) == 6, talks_to()

def child(then=lambda: None):
    print("child talks to", talks_to(), flush=True)
    for use in supply.voltage, adc.input, uart.connect, lambda: port.write(b"x"), lambda: port.read(1):
        try:
            use()
        except Exception as error:
            print("refused", type(error).__name__, flush=True)
    then()

def disturbs_nobody():
    supply.voltage(), adc.input()
    port.write(b"*IDN?\\n")
    assert b"BENCH" in port.readline()
    print("parent goes on", flush=True)
"""
WAYS = {
    "fork": """
if os.fork() == 0:
    child()
    sys.exit()
os.wait()
""",
    "a daemon": """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        child()
        sys.exit()
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
os.wait()
""",
    "multiprocessing": """
one = multiprocessing.get_context("fork").Process(target=child)
one.start()
one.join()
assert one.exitcode == 0
""",
    "a pool": """
with multiprocessing.get_context("fork").Pool(1) as pool:
    pool.apply(child)
""",
    "a pseudo-terminal": """
out = os.dup(1)
number, terminal = os.forkpty()
if number == 0:
    os.dup2(out, 1)
    child()
    sys.exit()
os.wait()
""",
}
REFUSED = ["InstrumentError"] * 3 + ["PortNotOpenError"] * 2


@pytest.mark.parametrize("way", WAYS)
def test_a_child_has_no_connection_to_an_instrument_and_disturbs_none(run: Starter, way: str) -> None:
    said = run(OPEN + WAYS[way] + "disturbs_nobody()\n").out.rest()
    assert said.splitlines() == ["child talks to []", *(f"refused {name}" for name in REFUSED), "parent goes on"]


def test_a_child_that_outlives_its_parent_keeps_neither_its_lease_nor_its_connection(
    run: Starter, client: Client, lager: Command
) -> None:
    process = run(OPEN + "if os.fork() == 0:\n    child(signal.pause)\nsignal.pause()\n")
    for name in REFUSED:
        process.out.expect(name)
    (holder,) = {lease["pid"] for lease in client.call("List", name="com.lager.Instruments")}
    os.kill(holder, 9)
    for _ in range(3):
        client.expect("Released")
    assert lager("supply", "supply2", "voltage").returncode == 0
    assert lager("adc", "adc1").returncode == 0


@pytest.mark.variant
def test_a_child_may_open_the_nets_itself_once_its_parent_has_ended(run: Starter) -> None:
    text = OPEN + (
        "if os.fork():\n"
        "    os._exit(0)\n"
        "for name, kind in ('supply2', NetType.PowerSupply), ('adc1', NetType.ADC), ('uart1', NetType.UART):\n"
        "    Net.get(name, type=kind, wait=30)\n"
        "print('the child has them', flush=True)\n"
    )
    run(text).out.expect("the child has them")
