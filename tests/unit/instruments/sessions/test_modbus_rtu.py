"""Coils on a serial line, in Modbus RTU."""

import os
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial

from lager.drivers.replay import Leases
from lager.errors import BadReply, InstrumentError, InstrumentTimeout, InstrumentUnreachable, NetsFileError, Rejected
from lager.instruments.net import Net
from lager.nets import file as nets_file
from lager.nets import resource
from lager.nets.resource import Reach
from lagerd.bench.described import DescribedBench
from lagerd.bench.description import parse
from lagerd.bench.faults import Fault
from lagerd.bench.models.switches.modbus_coils import ModbusRelays
from lagerd.bench.thread import running
from lagerd.bench.transports.modbus_rtu import crc

NETS = """
[instruments.relays]
model = "modbus-coils"
address = "{address}"
timeout = 0.3
{line}
[nets.coil]
type = "switch"
instrument = "relays"
channel = 172
unit = 17
[nets.low]
type = "switch"
instrument = "relays"
channel = 3
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[DescribedBench]:
    with running(DescribedBench(parse(NETS.format(address="rtu:/dev/ttyUSB9", line=""))), tmp_path) as bench:
        yield bench


def opened(tmp_path: Path, name: str = "low") -> Any:
    return Net.get(name, "switch", nets=nets_file.load(tmp_path / "nets.toml"), claim=Leases())


def device(bench: DescribedBench) -> ModbusRelays:
    found = bench.devices["relays"]
    assert isinstance(found, ModbusRelays)
    return found


def test_a_coil_is_switched_on_off_and_cycled(bench: DescribedBench, tmp_path: Path) -> None:
    with opened(tmp_path) as switch:
        assert switch.is_on() is False
        switch.on()
        assert (switch.is_on(), device(bench).coils[3]) == (True, True)
        switch.off()
        assert (switch.is_on(), device(bench).coils[3]) == (False, False)
        switch.cycle(0)
        assert device(bench).coils[3]


def test_the_device_says_that_it_has_no_such_coil(bench: DescribedBench, tmp_path: Path) -> None:
    with opened(tmp_path, "coil") as switch, pytest.raises(Rejected, match="Modbus exception 2"):
        switch.on()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.NO_ANSWER, InstrumentTimeout),
        (Fault.HALF_ANSWER, (InstrumentTimeout, BadReply)),
        (Fault.GARBAGE, (InstrumentTimeout, BadReply)),
        (Fault.WRONG_ANSWER, (InstrumentTimeout, BadReply)),
    ],
)
def test_after_a_fault_the_next_call_is_right(bench: DescribedBench, tmp_path: Path, fault: Fault, error: Any) -> None:
    with opened(tmp_path) as switch:
        switch.on()
        device(bench).faults.inject(fault, 1)
        with pytest.raises(error):
            switch.is_on()
        assert switch.is_on() is True
        switch.off()
        assert not device(bench).coils[3]


def test_a_late_answer_is_not_taken_for_the_answer_to_a_later_question(bench: DescribedBench, tmp_path: Path) -> None:
    with opened(tmp_path) as switch:
        switch.on()
        device(bench).faults.latency = 0.45
        with pytest.raises(InstrumentTimeout, match="Check its power, how it is wired, the settings of its line"):
            switch.is_on()
        device(bench).faults.latency = 0
        device(bench).coils[3] = False
        assert switch.is_on() is False


def test_nothing_is_sent_to_a_line_in_use(bench: DescribedBench, tmp_path: Path) -> None:
    with (
        serial.Serial(str(tmp_path / "port0"), exclusive=True),
        pytest.raises(InstrumentError, match="Another program has relays"),
    ):
        opened(tmp_path)


def test_nothing_is_sent_to_a_line_that_is_not_there(bench: DescribedBench, tmp_path: Path) -> None:
    (tmp_path / "port0").unlink()
    with pytest.raises(InstrumentUnreachable, match="No such file"):
        opened(tmp_path)


def test_the_frames_are_those_of_the_specification(tmp_path: Path) -> None:
    """Function 5 to unit 17, coil 172, on; then function 1, which reads it."""
    assert crc(b"\x02\x07") == 0x1241  # V1.02, 6.2.2
    near, far = os.openpty()
    tty.setraw(far)
    write, read = bytes.fromhex("11 05 00 AC FF 00 4E 8B"), bytes.fromhex("11 01 00 AC 00 01")
    answers = {write: write, read: bytes.fromhex("11 01 01 01")}
    heard = []

    def play() -> None:
        for expected in (write, read):
            got = b""
            while len(got) < 8:
                got += os.read(near, 8 - len(got))
            heard.append(got)
            answer = answers[expected]
            os.write(near, answer if len(answer) == 8 else answer + crc(answer).to_bytes(2, "little"))

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    (tmp_path / "nets.toml").write_text(NETS.format(address=f"rtu:{os.ttyname(far)}", line="baudrate = 19200"))
    with opened(tmp_path, "coil") as switch:
        switch.on()
    thread.join(5)
    assert heard == [write, read + crc(read).to_bytes(2, "little")]
    os.close(near)
    os.close(far)


def test_what_was_still_on_its_way_is_thrown_away(tmp_path: Path) -> None:
    near, far = os.openpty()
    tty.setraw(far)
    (tmp_path / "nets.toml").write_text(NETS.format(address=f"rtu:{os.ttyname(far)}", line=""))

    def late() -> None:
        time.sleep(0.05)
        answer = bytes.fromhex("01 01 01 01")
        os.write(near, answer + crc(answer).to_bytes(2, "little"))

    threading.Thread(target=late, daemon=True).start()
    with opened(tmp_path) as switch, pytest.raises(InstrumentTimeout):
        switch.is_on()
    os.close(near)
    os.close(far)


@pytest.mark.parametrize("model", ["T7", "DP821"])
def test_only_coils_are_simulated_on_a_line(model: str) -> None:
    simulated = f"[simulate.instruments.relays]\nmodel = '{model}'"
    with pytest.raises(NetsFileError, match="does not speak at a Modbus RTU line"):
        parse(NETS.format(address="rtu:/dev/ttyUSB9", line="") + simulated)


def test_an_address_on_a_line_is_its_path() -> None:
    place = resource.parse("RTU:/dev/ttyUSB0")
    assert (place.reach, place.path, place.is_serial_line) == (Reach.RTU, "/dev/ttyUSB0", True)
    assert place.key == resource.parse("ASRL/dev/ttyUSB0::INSTR").key == resource.parse("/dev/ttyUSB0").key
    with pytest.raises(ValueError, match="neither a VISA resource"):
        resource.parse("rtu:ttyUSB0")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("unit = 17", "unit = 0", "0 addresses all devices on a serial line, and none of them answers"),
        ("timeout = 0.3", 'read_termination = "\\n"', "is a setting of lines of text, and Modbus RTU sends none"),
        ("timeout = 0.3", "baudrate = 3", "should be a whole number from 50"),
        ('"modbus-coils"', '"DP821"', "'rtu:/dev/ttyUSB9' is a Modbus RTU line, but a DP821 needs a VISA resource"),
    ],
)
def test_a_mistake_in_the_file_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "nets.toml"
    path.write_text(NETS.format(address="rtu:/dev/ttyUSB9", line="").replace(old, new))
    with pytest.raises(NetsFileError) as error:
        nets_file.load(path)
    assert said in str(error.value)
