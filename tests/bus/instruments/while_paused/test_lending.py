"""`lager lend` and `lager return`: an instrument of a paused script for another process, for a while."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from lager.errors import InstrumentBusy, InvalidArgument, NoSuchInstrument
from tests.bus.instruments.safe_bench import INSTRUMENTS, SafeBench
from tests.client import Client
from tests.fixtures import Command, ScriptWriter, Starter
from tests.processes import PATIENCE, Process
from tests.station import Station

LENDER = """
import lager
supply = lager.Net.get("supply2", type="supply")
supply.set_voltage(3.3)
supply.enable()
lager.pause("lend it", timeout=0)
print("resumed", flush=True)
try:
    print("after:", supply.state().voltage_set, flush=True)
except Exception as error:
    print("after:", type(error).__name__, error, flush=True)
"""
BORROWER = """
import lager, sys
supply = lager.Net.get("supply2", type="supply", wait=20)
print("borrowed", supply.state().voltage_set, flush=True)
for line in sys.stdin:
    try:
        print("it is", supply.state().voltage_set, flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
        break
for line in sys.stdin:
    pass
"""


# A lagerd that waits for a second, instead of ten, for a borrower to close what it has borrowed.
IMPATIENT = """
from lagerd import main
from lagerd.instruments.lending import lending, loans
lending.OVERDUE_SECONDS = loans.OVERDUE_SECONDS = 1.0
main.main()
"""
of_impatient_lagerd = pytest.mark.parametrize(
    "own_station", [(sys.executable, "-c", IMPATIENT)], indirect=True, ids=["impatient"]
)


@pytest.fixture
def lent(nets: SafeBench, run: Starter, client: Client) -> Callable[..., Any]:
    """Start a script that holds supply2, and lend it; return the script and its pause."""

    def begin(**options: Any) -> tuple[Process, dict[str, Any]]:
        process = run(LENDER)
        pause = client.paused()
        lend(client, pause, nets, **options)
        return process, pause

    return begin


@pytest.fixture
def borrower(start: Starter, script: ScriptWriter, until_the_end: ExitStack) -> Callable[..., Any]:
    """Start a script that borrows supply2; `says` lets it use the instrument and returns what it prints."""

    def begin() -> Any:
        reading, writing = os.pipe()
        until_the_end.callback(os.close, writing)
        process: Any = start(sys.executable, script(BORROWER, "borrower.py"), stdin=reading)
        os.close(reading)
        process.out.expect("borrowed 3.3\n")
        process.use = lambda: os.write(writing, b"\n")
        return process

    return begin


def lend(client: Client, pause: Any, nets: SafeBench, **options: Any) -> float:
    return float(client.call("Lend", "ssa{sv}", pause["id"], nets.key(), options, name=INSTRUMENTS))


def give_back(client: Client, nets: SafeBench) -> None:
    client.call("Return", "s", nets.key(), name=INSTRUMENTS, timeout=60)


def held(client: Client) -> list[dict[str, Any]]:
    leases: list[dict[str, Any]] = client.call("List", name=INSTRUMENTS)
    return leases


def claim(client: Client, nets: SafeBench, **details: Any) -> int:
    lock: int = client.call("Claim", "sa{sv}", nets.key(), {"net": "x", "name": "psu1", **details}, name=INSTRUMENTS)
    return lock


def test_an_instrument_is_lent_used_by_a_command_and_returned(
    nets: SafeBench, run: Starter, client: Client, lager: Command
) -> None:
    process = run(LENDER)
    pause = client.paused()
    assert lager("supply", "supply2", "voltage", "4").returncode == 75
    said = lager("lend", pause["id"], "psu1", "--for", "5m")
    assert (said.returncode, said.stdout) == (
        0, "psu1 is lent to all members for 5m00s.\n  return it with: lager return psu1\n",
    )  # fmt: skip
    assert nets.is_on()
    assert [one["lent_to"] for one in held(client)] == ["*"]
    assert f"{pause['id']}, lent to all members" in lager("instruments").stdout
    assert lager("supply", "supply2", "voltage", "4").stdout == "4 V\n"
    assert lager("supply", "supply2", "voltage", "--through").returncode == 75
    assert lager("return", "psu1").stdout == "psu1 is back.\n"
    assert lager("supply", "supply2").returncode == 75
    assert [one["lent_to"] for one in held(client)] == [""]
    client.call("Continue", "s", pause["id"])
    process.out.expect("after: 4.0\n")
    assert nets.is_on()


@pytest.mark.variant
def test_a_borrower_is_told_at_the_end_of_the_loan_and_its_next_use_says_why(
    lent: Callable[..., Any], borrower: Callable[..., Any], nets: SafeBench, client: Client
) -> None:
    process, pause = lent()
    other = borrower()
    other.use()
    other.out.expect("it is 3.3\n")
    give_back(client, nets)
    other.use()
    other.out.expect("LoanEnded The loan of psu1 has ended: ")
    client.call("Continue", "s", pause["id"])
    process.out.expect("after: 3.3\n")


def test_the_end_of_the_pause_takes_the_instrument_back(
    lent: Callable[..., Any], borrower: Callable[..., Any], client: Client
) -> None:
    process, pause = lent()
    other = borrower()
    client.call("Continue", "s", pause["id"])
    process.out.expect("resumed\nafter: 3.3\n")
    other.use()
    other.out.expect("LoanEnded The loan of psu1 has ended: the script that lent it was resumed.")


def test_a_loan_ends_after_its_time(lent: Callable[..., Any], client: Client, nets: SafeBench) -> None:
    lent(seconds=1.0)
    deadline = time.monotonic() + 30
    while held(client)[0]["lent_to"] and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(InstrumentBusy):
        os.close(claim(client, nets))


@of_impatient_lagerd
def test_a_borrower_that_does_not_close_becomes_the_holder_and_the_script_goes_on_without_it(
    lent: Callable[..., Any], client: Client, nets: SafeBench
) -> None:
    process, pause = lent()
    fd = claim(client, nets, script="borrower.py")
    began = time.monotonic()
    client.call("Continue", "s", pause["id"])
    process.err.expect("lager: psu1 did not come back from its loan: psu1 is still held by ")
    assert time.monotonic() - began >= 0.9
    process.out.expect("resumed\nafter: InstrumentBusy psu1 did not come back from its loan: psu1 is still held by ")
    assert process.wait() == 0
    assert [(one["script"], one["lent_to"]) for one in held(client)] == [("borrower.py", "")]
    os.close(fd)
    os.close(claim(client, nets, wait=30.0))


@pytest.mark.variant
def test_the_death_of_a_borrower_ends_its_claim_only(
    lent: Callable[..., Any], borrower: Callable[..., Any], nets: SafeBench, client: Client
) -> None:
    _, _ = lent()
    borrower().kill()
    os.close(claim(client, nets, wait=30.0))
    assert nets.is_on()
    client.expect("Released", lambda s: s.args[2]["pid"] == os.getpid())
    assert held(client)[0]["lent_to"] == "*"


def test_after_the_death_of_the_lender_its_nets_are_made_safe(
    lent: Callable[..., Any], nets: SafeBench, client: Client, borrower: Callable[..., Any]
) -> None:
    _, pause = lent()
    other = borrower()
    os.kill(pause["pid"], signal.SIGKILL)
    assert client.expect("MadeSafe", lambda s: s.args[0] == nets.key()).args[1]["reason"] == "supply2 output off"
    assert not nets.is_on()
    other.use()
    other.out.expect("LoanEnded")


@of_impatient_lagerd
def test_after_the_death_of_the_lender_what_the_borrower_does_not_close_is_quarantined(
    lent: Callable[..., Any], nets: SafeBench, client: Client
) -> None:
    _, pause = lent()
    fd = claim(client, nets)
    os.kill(pause["pid"], signal.SIGKILL)
    reason = client.expect("Quarantined", lambda s: s.args[0] == nets.key()).args[1]["reason"]
    assert "who borrowed it, holds it" in reason
    with pytest.raises(InstrumentBusy, match="may be energised"):
        claim(client, nets, wait=5.0)
    client.call("Clear", "s", nets.key(), name=INSTRUMENTS)
    with pytest.raises(InstrumentBusy, match="held by"):  # never two users
        claim(client, nets)
    os.close(fd)
    os.close(claim(client, nets, wait=30.0))


def test_only_the_user_to_whom_it_is_lent_may_claim(lent: Callable[..., Any], client: Client, nets: SafeBench) -> None:
    lent(to="nobody")
    assert held(client)[0]["lent_to"] == "nobody"
    with pytest.raises(InstrumentBusy, match=r"psu1 is held by .*, lent to nobody until \d\d:\d\d:\d\d\."):
        claim(client, nets)
    give_back(client, nets)


def test_one_borrower_at_a_time_and_the_next_waits(lent: Callable[..., Any], client: Client, nets: SafeBench) -> None:
    lent()
    first = claim(client, nets)
    with pytest.raises(InstrumentBusy, match=r"lent by .* until .*End the loan with: lager return psu1"):
        claim(client, nets)
    claiming = client.bus.call(
        INSTRUMENTS, "/com/lager/Instruments", "Claim", "sa{sv}", nets.key(), {"net": "x", "wait": 60.0}, timeout=70
    )
    next_one = client.start(claiming)
    client.expect("Queued")
    os.close(first)
    os.close(next_one.result(PATIENCE)[0])
    assert held(client)[0]["lent_to"] == "*"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"to": "no-such-user-here"}, InvalidArgument),
        ({"seconds": 0.0}, InvalidArgument),
        ({"seconds": float("nan")}, InvalidArgument),
        ({"seconds": "10"}, InvalidArgument),
        ({"until": 3.0}, InvalidArgument),
    ],
)
def test_what_cannot_be_lent_is_refused_and_stays_with_the_script(
    options: Any, error: Any, nets: SafeBench, run: Starter, client: Client
) -> None:
    process = run(LENDER)
    pause = client.paused()
    with pytest.raises(error):
        lend(client, pause, nets, **options)
    client.call("Continue", "s", pause["id"])
    process.out.expect("after: 3.3\n")


def test_an_instrument_is_lent_once_and_only_what_the_script_holds(
    lent: Callable[..., Any], client: Client, nets: SafeBench
) -> None:
    _, pause = lent()
    with pytest.raises(InstrumentBusy, match="psu1 is lent already"):
        lend(client, pause, nets)
    with pytest.raises(InvalidArgument, match="does not hold"):
        client.call("Lend", "ssa{sv}", pause["id"], nets.key("load1"), {}, name=INSTRUMENTS)
    with pytest.raises(NoSuchInstrument, match="is not lent"):
        client.call("Return", "s", nets.key("load1"), name=INSTRUMENTS)


def test_lager_off_ends_a_loan_and_switches_off(
    lent: Callable[..., Any], borrower: Callable[..., Any], nets: SafeBench, lager: Command
) -> None:
    lent()
    other = borrower()
    said = lager("off", "supply2")
    assert (said.returncode, "yes" in said.stdout) == (0, True), said
    assert not nets.is_on()
    other.use()
    other.out.expect("LoanEnded The loan of psu1 has ended: lager off.")


@pytest.mark.parametrize("borrowed", [True, False])
def test_a_loan_outlives_a_restart_of_lagerd(
    borrowed: bool,
    own_station: Station,
    nets: SafeBench,
    run: Starter,
    start: Starter,
    script: ScriptWriter,
    borrower: Callable[..., Any],
) -> None:

    first = Client(own_station.address)
    process = run(LENDER)
    pause = first.paused()
    lend(first, pause, nets)
    first.close()
    other = borrower() if borrowed else None
    own_station.kill_lagerd()
    own_station.start_lagerd()
    client = Client(own_station.address)
    with contextlib.closing(client):
        if other is not None:
            other.use()
            other.out.expect("it is 3.3\n")
            with pytest.raises(InstrumentBusy):
                claim(client, nets)
        else:
            os.close(claim(client, nets))
        assert held(client)[0]["lent_to"]
        give_back(client, nets)
        if other is not None:
            other.use()
            other.out.expect("LoanEnded")
        client.call("Continue", "s", pause["id"])
        process.out.expect("after: 3.3\n")
