"""The bench over its sockets and its port: hostile clients, and the faults that tests give to instruments."""

import contextlib
import fcntl
import os
import socket
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
import serial

from lagerd.bench.bench import Bench, DefaultBench
from lagerd.bench.faults import GARBAGE, Fault
from lagerd.bench.models.supplies.keithley_2200 import Keithley2200
from lagerd.bench.models.supplies.keysight_e36300 import E36312A
from lagerd.bench.thread import running
from lagerd.bench.transports.lines import MAX_LINE
from lagerd.bench.transports.tcp import MAX_PEERS
from lagerd.bench.transports.terminal import Terminal
from tests.processes import PATIENCE

TEST_REGISTER = bytes.fromhex("0001 0000 0006 01 03 d73c 0002")
TIOCGEXCL = 0x80045440


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[DefaultBench]:
    with running(DefaultBench(), tmp_path) as bench:
        yield bench


@contextlib.contextmanager
def connected(bench: Bench, name: str) -> Iterator[socket.socket]:
    port = bench.instruments[name].address.removesuffix("::SOCKET").split(":")[-1]
    with socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE) as connection:
        yield connection


def ask(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    return line_from(connection)


def line_from(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\n") and (more := connection.recv(4096)):
        received += more
    return received


def identifies(bench: Bench, name: str = "psu1") -> bool:
    with connected(bench, name) as connection:
        return ask(connection, b"*IDN?\n").startswith(b"RIGOL")


def test_state_is_shared_and_a_silent_client_blocks_no_other(bench: DefaultBench) -> None:
    with connected(bench, "psu1") as one, connected(bench, "psu1") as other, connected(bench, "psu1"):
        one.sendall(b":SOUR1:VO")
        assert ask(other, b":SOUR1:VOLT 3.3;:SOUR1:VOLT?\n") == b"3.300\n"
        assert ask(one, b"LT?\r\n") == b"3.300\n"


def test_several_messages_in_one_segment_are_answered_in_order(bench: DefaultBench) -> None:
    with connected(bench, "psu1") as connection:
        connection.sendall(b"*OPC?\n:OUTP? CH1\n*ESE?\n")
        with connection.makefile("rb") as answers:
            assert [answers.readline() for _ in range(3)] == [b"1\n", b"OFF\n", b"0\n"]


def test_a_line_without_an_end_is_discarded(bench: DefaultBench) -> None:
    with connected(bench, "psu1") as connection:
        connection.sendall(b"A" * (4 * MAX_LINE))
        assert ask(connection, b"AAAA\n*OPC?\n") == b"1\n"
        assert ask(connection, b":SYST:ERR?\n") == b'-363,"Input buffer overrun"\n'
        assert ask(connection, b":SYST:ERR?\n") == b'0,"No error"\n'


@pytest.mark.parametrize("junk", [bytes(range(256)) * 20, b"\n" * 5000, b"\xff\xfe\n" * 100, b";" * 500 + b"\n"])
def test_binary_is_an_error_and_nothing_more(bench: DefaultBench, junk: bytes) -> None:
    with connected(bench, "psu1") as connection:
        connection.sendall(junk + b"\n*CLS\n")
        assert ask(connection, b":SYST:ERR?\n") == b'0,"No error"\n'


def test_dropped_connections_leave_the_bench_as_it_was(bench: DefaultBench) -> None:
    with connected(bench, "psu1") as first:
        for _ in range(200):
            with connected(bench, "psu1") as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                connection.sendall(b"*IDN?\n*IDN")
            assert ask(first, b"*OPC?\n") == b"1\n"  # or there may be more of them at once than it takes
    assert identifies(bench)


def test_answers_to_a_client_that_reads_nothing_are_bounded(bench: DefaultBench) -> None:
    with connected(bench, "psu1") as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                deaf.send(b"*IDN?\n" * 1000)
        assert identifies(bench)
        deaf.setblocking(True)
        assert deaf.recv(5) == b"RIGOL"


def test_connections_beyond_the_limit_are_refused_until_one_closes(bench: DefaultBench) -> None:
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(connected(bench, "psu1")) for _ in range(MAX_PEERS)]
        assert all(ask(one, b"*OPC?\n") == b"1\n" for one in many)
        with connected(bench, "psu1") as one_more, contextlib.suppress(ConnectionError):
            assert one_more.recv(1) == b""
        many[0].shutdown(socket.SHUT_WR)
        assert many[0].recv(1) == b""
        assert identifies(bench)


def test_frames_without_a_boundary_end_the_connection(bench: DefaultBench) -> None:
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\0\xff\xff\1\3", b"\0\0\0\0\0\1\1\3"):
        with connected(bench, "daq1") as connection, contextlib.suppress(ConnectionError):
            connection.sendall(junk)
            assert connection.recv(1) == b""
    with connected(bench, "daq1") as connection:
        for byte in TEST_REGISTER:
            connection.sendall(bytes([byte]))
        assert connection.recv(64).hex(" ") == "00 01 00 00 00 07 01 03 04 00 11 22 33"


def test_two_modbus_requests_in_one_segment(bench: DefaultBench) -> None:
    with connected(bench, "daq1") as connection:
        connection.sendall(TEST_REGISTER * 2)
        received = b""
        while len(received) < 26:
            received += connection.recv(64)
        assert received[:13] == received[13:]


# Faults

IDN = b"RIGOL TECHNOLOGIES,DP821,DP8E000000001,00.01.16\n"
FAULTS = [
    (Fault.HALF_ANSWER, IDN[: len(IDN) // 2]),
    (Fault.GARBAGE, GARBAGE + b"\n"),
    (Fault.WRONG_ANSWER, b'0,"No error"\n'),
    (Fault.OTHER_IDN, b"RIGOL TECHNOLOGIES,DP832,DP8C000000001,00.01.16\n"),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS)
def test_a_fault_spoils_an_answer_and_then_ends(bench: DefaultBench, fault: Fault, expected: bytes) -> None:
    bench.psu1.faults.inject(fault, count=1)
    with connected(bench, "psu1") as connection:
        connection.sendall(b"*IDN?\n")
        assert connection.recv(4096) == expected
        assert ask(connection, b"*IDN?\n") == IDN


def test_without_an_answer_the_command_is_still_executed(bench: DefaultBench) -> None:
    bench.psu1.faults.inject(Fault.NO_ANSWER, count=1)
    with connected(bench, "psu1") as connection:
        assert ask(connection, b":SOUR1:VOLT 2;:SOUR1:VOLT?\n*OPC?\n") == b"1\n"
    assert bench.psu1.outputs[0].volts == 2


@pytest.mark.parametrize(("name", "request_bytes"), [("psu1", b"*IDN?\n"), ("daq1", TEST_REGISTER)])
def test_a_cut_connection_is_noticed(bench: DefaultBench, name: str, request_bytes: bytes) -> None:
    bench.devices[name].faults.inject(Fault.CUT)
    with connected(bench, name) as connection:
        connection.sendall(request_bytes)
        with contextlib.suppress(ConnectionError):
            assert connection.recv(64) == b""
    bench.devices[name].faults.clear()
    with connected(bench, name) as connection:
        connection.sendall(request_bytes)
        assert connection.recv(64)


def test_a_full_error_queue(bench: DefaultBench) -> None:
    bench.psu1.full_error_queue()
    with connected(bench, "psu1") as connection:
        answers = [ask(connection, b":SYST:ERR?\n") for _ in range(21)]
    assert answers[0] == b'-200,"Execution error"\n'
    assert answers[-2:] == [b'-350,"Queue overflow"\n', b'0,"No error"\n']


def test_an_answer_to_another_modbus_request(bench: DefaultBench) -> None:
    bench.daq1.faults.inject(Fault.WRONG_ANSWER, count=1)
    with connected(bench, "daq1") as connection:
        connection.sendall(TEST_REGISTER)
        assert connection.recv(64)[:2] == b"\x00\x02"


# The serial port


@contextlib.contextmanager
def port(bench: Bench) -> Iterator[serial.Serial]:
    with serial.Serial(bench.instruments["uart1"].address, timeout=PATIENCE, exclusive=True) as line:
        yield line


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"*IDN?\n", b"LAGER,BENCH UART,0000001,1.0\r\n"),
        (b"echo two  words\r\n", b"two  words\r\n"),
        (b"\r\n\r\nhelp\r", b"commands: *IDN? | echo TEXT | rail | help\r\n"),
        (b"\x00\xff\n", b"error: unknown command '\\x00\\xff'; try help\r\n"),
        (b"x" * 3000 + b"\necho on\n", b"on\r\n"),
    ],
)
def test_the_serial_device_answers_lines(bench: DefaultBench, sent: bytes, answer: bytes) -> None:
    with port(bench) as line:
        line.write(sent)
        assert line.readline() == answer


def test_unread_answers_are_lost_and_the_port_still_works(bench: DefaultBench) -> None:
    descriptor = os.open(bench.instruments["uart1"].address, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        for _ in range(2000):
            with contextlib.suppress(BlockingIOError):
                os.write(descriptor, b"help\n")
    finally:
        os.close(descriptor)
    assert identifies(bench)


def test_a_port_is_fresh_after_each_client(bench: DefaultBench) -> None:
    renewed = threading.Event()
    with told_when_renewed(renewed):
        with port(bench) as line:
            fcntl.ioctl(line.fileno(), termios.TIOCEXCL)
            line.write(b"echo half a li")
        assert renewed.wait(PATIENCE)
    with port(bench) as line:
        assert fcntl.ioctl(line.fileno(), TIOCGEXCL, bytes(4)) == bytes(4)
        line.write(b"echo new\n")
        assert line.readline() == b"new\r\n"


def test_two_clients_of_one_port_share_it_until_both_have_left(bench: DefaultBench) -> None:
    with port(bench) as one:
        other = os.open(bench.instruments["uart1"].address, os.O_RDWR | os.O_NOCTTY)
        os.close(other)
        one.write(b"echo still\n")
        assert one.readline() == b"still\r\n"


def test_a_port_that_is_used_again_and_again(bench: DefaultBench) -> None:
    for turn in range(50):
        with port(bench) as line:
            line.write(b"echo %d\n" % turn)
            assert line.readline() == b"%d\r\n" % turn


def told_when_renewed(renewed: threading.Event) -> contextlib.AbstractContextManager[object]:
    renew = Terminal._renew

    def told(terminal: Terminal) -> None:
        renew(terminal)
        renewed.set()

    return patch.object(Terminal, "_renew", told)


# Other instruments, and the end


def test_any_instruments_make_a_bench(tmp_path: Path) -> None:
    with running(Bench({"a": Keithley2200(), "b": E36312A()}), tmp_path) as bench:
        for name, maker in (("a", b"Keithley"), ("b", b"Keysight")):
            with connected(bench, name) as connection:
                assert ask(connection, b"*IDN?\n").startswith(maker)


def test_a_bench_that_closes_leaves_no_file_and_no_descriptor(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with running(DefaultBench(), tmp_path) as bench, connected(bench, "psu1") as connection:
        assert ask(connection, b"*OPC?\n") == b"1\n"
        assert {path.name for path in tmp_path.iterdir()} == {"nets.toml", "uart1"}
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before
