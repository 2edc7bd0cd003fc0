"""The bench as the process that it is on a box, used through the libraries that drivers use."""

import contextlib
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pyvisa
import serial
from pymodbus.client import ModbusTcpClient

from tests.processes import PATIENCE

ELSEWHERE = """
import sys, pyvisa
manager = pyvisa.ResourceManager("@py")
supply = manager.open_resource(sys.argv[1], read_termination="\\n", write_termination="\\n", timeout=20000)
supply.write(":SOUR1:VOLT 3.3;:OUTP CH1,ON")
print(supply.query(":OUTP? CH1"))
manager.close()
"""


@dataclass
class BenchProcess:
    process: subprocess.Popen[bytes]
    folder: Path
    parent: int

    @property
    def nets(self) -> dict[str, Any]:
        return tomllib.loads((self.folder / "nets.toml").read_text())

    def address(self, name: str) -> str:
        text: str = self.nets["instruments"][name]["address"]
        return text


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[BenchProcess]:
    ready_near, ready_far = os.pipe()
    parent_far, parent_near = os.pipe()
    arguments = ["--folder", str(tmp_path), "--ready-fd", str(ready_far), "--parent-fd", str(parent_far)]
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "lagerd.bench", *arguments],
        pass_fds=(ready_far, parent_far),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    os.close(ready_far)
    os.close(parent_far)
    with process, open(ready_near, "rb") as ready, contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        assert ready.read() == b"ready\n"
        bench = BenchProcess(process, tmp_path, parent_near)
        yield bench
        with contextlib.suppress(OSError):
            os.close(bench.parent)
        process.wait(PATIENCE)


@contextlib.contextmanager
def visa(bench: BenchProcess) -> Iterator[Callable[[str], Any]]:
    manager = pyvisa.ResourceManager("@py")
    try:
        yield lambda name: manager.open_resource(
            bench.address(name), read_termination="\n", write_termination="\n", timeout=PATIENCE * 1000
        )
    finally:
        manager.close()


@contextlib.contextmanager
def modbus(bench: BenchProcess, name: str) -> Iterator[ModbusTcpClient]:
    host, port = bench.address(name).split(":")
    client = ModbusTcpClient(host, port=int(port), timeout=PATIENCE)
    assert client.connect()  # type: ignore[no-untyped-call]
    try:
        yield client
    finally:
        client.close()  # type: ignore[no-untyped-call]


def analog(client: ModbusTcpClient, number: int) -> float:
    registers = client.read_holding_registers(2 * number, count=2).registers
    value = client.convert_from_registers(registers, client.DATATYPE.FLOAT32)
    assert isinstance(value, float)
    return value


def nothing_is_left(bench: BenchProcess) -> bool:
    output = bench.process.stdout
    assert output is not None
    said = [line for line in output if not line.startswith(b"Executing ")]  # asyncio, of a machine that is busy
    assert said == []
    return list(bench.folder.iterdir()) == []


def test_the_nets_file_names_everything_on_the_bench(bench: BenchProcess) -> None:
    nets = bench.nets
    assert {name: entry["model"] for name, entry in nets["instruments"].items()} == {
        "psu1": "DP821",
        "smu1": "2281S-20-6",
        "daq1": "T7",
        "daq2": "T7",
        "load1": "DL3021",
        "mux1": "34970A",
        "dmm1": "34461A",
        "uart1": "serial",
    }
    assert {entry["instrument"] for entry in nets["nets"].values()} == set(nets["instruments"])
    assert nets["nets"]["supply3"].items() >= {"type": "supply", "instrument": "psu1", "channel": 2}.items()
    assert nets["nets"]["supply3"]["max_voltage"] <= 8.4
    assert nets["nets"]["adc1"] == {"type": "adc", "instrument": "daq1", "channel": "AIN0"}
    assert (bench.folder / "nets.toml").stat().st_mode & 0o777 == 0o600


def test_the_libraries_that_drivers_use_reach_everything(bench: BenchProcess) -> None:
    with visa(bench) as instrument:
        for name, maker in (("psu1", "RIGOL"), ("smu1", "KEITHLEY"), ("load1", "RIGOL")):
            assert instrument(name).query("*IDN?").startswith(maker)
    for name in ("daq1", "daq2"):
        with modbus(bench, name) as client:
            assert client.read_holding_registers(55100, count=2).registers == [0x0011, 0x2233]
            assert client.read_holding_registers(1, count=1).exception_code == 2
    with serial.Serial(bench.address("uart1"), timeout=PATIENCE, exclusive=True) as line:
        line.write(b"*IDN?\n")
        assert line.readline().startswith(b"LAGER")


def test_a_supply_turned_on_by_one_process_moves_the_adc_of_another(bench: BenchProcess) -> None:
    with modbus(bench, "daq1") as client:
        assert analog(client, 0) == pytest.approx(0, abs=1e-3)
        command = [sys.executable, "-c", ELSEWHERE, bench.address("psu1")]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
        assert done.stdout == b"ON\n"
        assert analog(client, 0) == pytest.approx(3.3, abs=1e-3)
        assert analog(client, 2) == pytest.approx(3.1, abs=1e-3)


def test_an_output_line_drives_an_input_line(bench: BenchProcess) -> None:
    with modbus(bench, "daq1") as client:
        for level in (0, 1, 0):
            client.write_register(2001, level)
            assert client.read_holding_registers(2000, count=1).registers == [level]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_bench_ends_on_a_signal(bench: BenchProcess, number: signal.Signals) -> None:
    with visa(bench) as instrument:
        assert instrument("psu1").query("*OPC?") == "1"
        bench.process.send_signal(number)
        assert bench.process.wait(PATIENCE) == 0
    assert nothing_is_left(bench)


def test_the_bench_ends_with_its_parent(bench: BenchProcess) -> None:
    os.close(bench.parent)
    assert bench.process.wait(PATIENCE) == 0
    assert nothing_is_left(bench)


def test_a_file_left_by_a_bench_that_was_killed_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "nets.toml").write_text("stale")
    (tmp_path / "uart1").symlink_to("/nonexistent")
    near, far = os.pipe()
    command = [sys.executable, "-m", "lagerd.bench", "--folder", str(tmp_path), "--ready-fd", str(far)]
    with subprocess.Popen(command, pass_fds=(far,)) as process, open(near, "rb") as ready:
        os.close(far)
        try:
            assert ready.read() == b"ready\n"
            assert "psu1" in tomllib.loads((tmp_path / "nets.toml").read_text())["instruments"]
            assert (tmp_path / "uart1").exists()
        finally:
            process.terminate()
        assert process.wait(PATIENCE) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lagerd.bench", "--folder", str(tmp_path / "no")]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert b"is not a folder" in done.stderr
